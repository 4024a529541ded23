"""A Responses request for every row of its fidelity table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.conversation import Maker
from gateway.dialects.responses.fidelity import TABLE
from gateway.dialects.stamps import stamp
from tests.dialects.fidelity_samples import MAKERS, PDF, PNG, SCHEMA, THINKERS, Body, Sample, only

_ASKED: Final[Body] = {"type": "message", "role": "user", "content": "hi"}
_NAMED: Final[Body] = {"type": "function", "name": "f", "parameters": SCHEMA}
_CALLED: Final[Body] = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
_ANSWERED: Final[Body] = {"type": "function_call_output", "call_id": "c", "output": "4"}
_SPOKEN: Final[Body] = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ho"}]}


def _told(*items: Body) -> Body:
    return {"input": list(items)}


def _parts(*parts: Body) -> Body:
    return _told({"role": "user", "content": [{"type": "input_text", "text": "hi"}, *parts]})


def _of_its_own(place: str, kind: str) -> Sample:
    """A kind of item, tool or choice that only OpenAI has."""
    if place == "input[]":
        return Sample(_told({"type": kind, "id": "x"}, _ASKED), _told(_ASKED), "input[0]")
    if place == "tools[]":
        return Sample({"tools": [{"type": kind, "name": "x"}, _NAMED]}, {"tools": [_NAMED]}, "tools[0]")
    if place == "tool_choice":
        return Sample({"tool_choice": {"type": kind}}, {"tools": [_NAMED]}, "tool_choice")
    return Sample({"include": [kind]}, {}, "include[0]")


_LOOK: Final[Body] = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
_FILE: Final[Body] = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
_THOUGHT: Final = [
    {
        "type": "reasoning",
        "id": f"rs_{index}",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "s" if maker == Maker.OPENAI else stamp(maker, "s"),
    }
    for index, maker in enumerate(MAKERS)
]
_WEB: Final[Body] = {"tools": [{"type": "web_search"}]}


def _web(name: str, value: Any, field: str = "") -> Sample:
    return Sample({"tools": [{"type": "web_search", name: value}]}, _WEB, field or f"tools[0].{name}")


_LATER: Final[Body] = _told(_ASKED, _CALLED, _ANSWERED) | {"tools": [_NAMED]}

SAMPLES: Final[Mapping[str, Sample]] = {
    **{
        row: _of_its_own(place, kind)
        for row in TABLE
        for place, _, kind in (row.partition("."),)
        if place in ("input[]", "tools[]", "tool_choice", "include[]") and kind
    },
    "background": only("background", True),
    "client_metadata": only("client_metadata", {"session_id": "x"}),
    "context_management": only("context_management", [{"type": "compaction"}]),
    "conversation": only("conversation", "conv_1"),
    "include": only("include", ["reasoning.encrypted_content"]),
    "input": only("input", "ho"),
    "input[].content[].annotations": Sample(
        _told(_ASKED, {**_SPOKEN, "content": [{**_SPOKEN["content"][0], "annotations": [{"type": "x", "url": "u"}]}]}),
        _told(_ASKED, _SPOKEN),
    ),
    "input[].content[].detail": Sample(_parts({**_LOOK, "detail": "low"}), _parts(_LOOK), "input[0].content[1]"),
    "input[].content[].input_audio": Sample(
        _parts({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}), field="input[0].content[1]"
    ),
    "input[].content[].input_file": Sample(_parts(_FILE), field="input[0].content[1]"),
    "input[].content[].input_file.detail": Sample(
        _parts({**_FILE, "detail": "low"}), _parts(_FILE), "input[0].content[1]"
    ),
    "input[].content[].input_file.file_url": Sample(
        _parts({"type": "input_file", "file_url": "https://example.org/a.pdf"}), field="input[0].content[1]"
    ),
    "input[].content[].input_image": Sample(_parts(_LOOK), field="input[0].content[1]"),
    "input[].content[].input_text": Sample(_parts({"type": "input_text", "text": "more"})),
    "input[].content[].output_text": Sample(_told(_ASKED, _SPOKEN, _ASKED), _told(_ASKED)),
    "input[].content[].prompt_cache_breakpoint": Sample(
        _told({"role": "user", "content": [{"type": "input_text", "text": "hi", "prompt_cache_breakpoint": {}}]}),
        _told({"role": "user", "content": [{"type": "input_text", "text": "hi"}]}),
    ),
    "input[].content[].refusal": Sample(
        _told(_ASKED, {**_SPOKEN, "content": [*_SPOKEN["content"], {"type": "refusal", "refusal": "No."}]}, _ASKED),
        _told(_ASKED, _SPOKEN, _ASKED),
    ),
    "input[].function_call": Sample(
        _told(_ASKED, {**_CALLED, "arguments": '{"a":1}'}, _ANSWERED) | {"tools": [_NAMED]}, _LATER
    ),
    "input[].function_call.caller": Sample(_told(_ASKED, {**_CALLED, "caller": {"type": "direct"}}, _ANSWERED), _LATER),
    "input[].function_call.namespace": Sample(_told(_ASKED, {**_CALLED, "namespace": "n"}, _ANSWERED), _LATER),
    "input[].function_call_output": Sample(_told(_ASKED, _CALLED, {**_ANSWERED, "output": "5"}), _LATER),
    "input[].function_call_output.caller": Sample(
        _told(_ASKED, _CALLED, {**_ANSWERED, "caller": {"type": "direct"}}), _LATER
    ),
    "input[].id": Sample(_told(_ASKED, {**_SPOKEN, "id": "msg_1"}), _told(_ASKED, _SPOKEN)),
    "input[].image_generation_call": Sample(
        _told(_ASKED, {"type": "image_generation_call", "id": "ig_1", "result": PNG}, _ASKED),
        _told(_ASKED, _ASKED),
        "input[1].content[0]",
    ),
    "input[].item_reference": Sample(_told(_ASKED, {"type": "item_reference", "id": "x"}), field="input[1].id"),
    "input[].message": Sample(_told(_ASKED, _ASKED), _told(_ASKED)),
    "input[].phase": Sample(_told(_ASKED, {**_SPOKEN, "phase": "final_answer"}), _told(_ASKED, _SPOKEN)),
    "input[].reasoning": Sample(_told(_ASKED, *_THOUGHT, _SPOKEN, _ASKED), _told(_ASKED, _SPOKEN, _ASKED)),
    "input[].status": Sample(_told(_ASKED, {**_SPOKEN, "status": "completed"}), _told(_ASKED, _SPOKEN)),
    "instructions": only("instructions", "Be brief."),
    "max_output_tokens": only("max_output_tokens", 100),
    "max_tool_calls": only("max_tool_calls", 3),
    "metadata": only("metadata", {"a": "b"}),
    "model": only("model", "another"),
    "moderation": only("moderation", {"model": "omni-moderation-latest"}),
    "parallel_tool_calls": only("parallel_tool_calls", False, tools=[_NAMED]),
    "previous_response_id": only("previous_response_id", "resp_1"),
    "prompt": only("prompt", {"id": "p"}),
    "prompt_cache_key": only("prompt_cache_key", "k"),
    "prompt_cache_options": only("prompt_cache_options", {"mode": "implicit", "ttl": "5m"}),
    "prompt_cache_retention": only("prompt_cache_retention", "24h"),
    "reasoning": only("reasoning", {"effort": "low"}),
    "reasoning.context": Sample({"reasoning": {"context": "all_turns"}}),
    "reasoning.effort": Sample({"reasoning": {"effort": "high"}}),
    "reasoning.generate_summary": Sample({"reasoning": {"generate_summary": "auto"}}, models=THINKERS),
    "reasoning.mode": Sample({"reasoning": {"mode": "pro"}}),
    "reasoning.summary": Sample({"reasoning": {"summary": "auto"}}, models=THINKERS),
    "safety_identifier": only("safety_identifier", "s"),
    "service_tier": only("service_tier", "priority"),
    "store": only("store", False),
    "stream": only("stream", True),
    "stream_options": only("stream_options", {"include_obfuscation": False}),
    "temperature": only("temperature", 0.5),
    "text": only("text", {"format": {"type": "json_object"}}),
    "text.format": Sample({"text": {"format": {"type": "json_object"}}}),
    "text.format.json_schema": Sample(
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}}, field="text.format"
    ),
    "text.verbosity": Sample({"text": {"verbosity": "low"}}),
    "tool_choice": only("tool_choice", "required", tools=[_NAMED]),
    "tool_choice.allowed_tools": Sample(
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}},
        {"tools": [_NAMED, {**_NAMED, "name": "g"}]},
    ),
    "tool_choice.function": Sample({"tool_choice": {"type": "function", "name": "f"}}, {"tools": [_NAMED]}),
    "tools": only("tools", [_NAMED]),
    "tools[].code_interpreter": Sample(
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, field="tools[0]"
    ),
    "tools[].function": Sample({"tools": [_NAMED]}),
    "tools[].function.allowed_callers": Sample(
        {"tools": [{**_NAMED, "allowed_callers": ["programmatic"]}]}, {"tools": [_NAMED]}, "tools[0].allowed_callers"
    ),
    "tools[].function.defer_loading": Sample({"tools": [{**_NAMED, "defer_loading": True}]}, {"tools": [_NAMED]}),
    "tools[].function.output_schema": Sample({"tools": [{**_NAMED, "output_schema": SCHEMA}]}, {"tools": [_NAMED]}),
    "tools[].function.strict": Sample({"tools": [{**_NAMED, "strict": True}]}, {"tools": [_NAMED]}),
    **{
        f"tools[].{kind}": Sample({"tools": [{"type": kind}]}, field="tools[0]")
        for kind in (
            "web_search",
            "web_search_2025_08_26",
            "web_search_preview",
            "web_search_preview_2025_03_11",
        )
    },
    **{
        f"input[].{kind}.execution": Sample(
            _told({"type": kind, "execution": "client"}, _ASKED), field="input[0].execution"
        )
        for kind in ("tool_search_call", "tool_search_output")
    },
    "tools[].namespace": Sample(
        {"tools": [{"type": "namespace", "name": "crm", "description": "All of it.", "tools": [_NAMED]}]}
    ),
    "tools[].tool_search.execution": Sample(
        {"tools": [{"type": "tool_search", "execution": "client"}, _NAMED]}, field="tools[0].execution"
    ),
    "tools[].web_search.external_web_access": _web("external_web_access", False),
    "tools[].web_search.filters": _web("filters", {"allowed_domains": ["example.org"]}),
    "tools[].web_search.search_context_size": _web("search_context_size", "low"),
    "tools[].web_search.user_location": _web("user_location", {"type": "approximate", "country": "DE"}),
    "top_logprobs": only("top_logprobs", 2),
    "top_p": only("top_p", 0.5),
    "truncation": only("truncation", "auto"),
    "user": only("user", "u"),
}
