"""A request for every row of the fidelity tables: one that has the property, and the same one without it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gateway.dialects.conversation import Maker
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES
from gateway.dialects.responses.fidelity import TABLE as RESPONSES_TABLE
from gateway.dialects.stamps import stamp

Body = dict[str, Any]


class Sample(NamedTuple):
    members: Body
    """What asks for it, laid over a short question."""
    beside: Mapping[str, Any] = MappingProxyType({})
    """What both requests have: what the property needs to make sense, or what it stands in."""
    field: str | None = None
    """The field that a refusal names, where it is not the row's own."""
    models: Mapping[str, str] = MappingProxyType({})
    """By target, where not every model can do it."""


def only(name: str, value: Any, **beside: Any) -> Sample:
    """A property of the request itself."""
    return Sample({name: value}, beside)


HI: Final[Body] = {"role": "user", "content": "hi"}
SCHEMA: Final[Body] = {"type": "object", "properties": {}, "additionalProperties": False}
PNG: Final = "iVBORw0KGgo="
PDF: Final = "JVBERi0xLjQ="
MAKERS: Final = (Maker.ANTHROPIC, Maker.GOOGLE, Maker.OPENAI, Maker.DEEPSEEK)

_THINKERS: Final = {ANTHROPIC_MESSAGES: "claude-sonnet-5"}
"""Those that think unasked."""

# Chat completions.

_FUNCTION: Final[Body] = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
_CALL: Final[Body] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def _said(**members: Any) -> Body:
    """A conversation in which the model has said something."""
    return {"messages": [HI, {"role": "assistant", "content": "ho", **members}, HI]}


def _shown(*parts: Body) -> Body:
    """A question with such parts."""
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, *parts]}]}


def _image(**members: Any) -> Body:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", **members}}


def _form(**members: Any) -> Body:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, **members}}


_TEXT: Final[Body] = {"type": "text", "text": "hi"}
_MARK: Final[Body] = {"type": "ephemeral"}
_SIGNED: Final = [
    {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": maker, "index": index}
    for index, maker in enumerate(MAKERS)
]

CHAT: Final[Mapping[str, Sample]] = {
    "audio": only("audio", {"voice": "alloy", "format": "mp3"}),
    "frequency_penalty": only("frequency_penalty", 0.5),
    "function_call": only("function_call", {"name": "f"}, functions=[_FUNCTION["function"]]),
    "functions": only("functions", [_FUNCTION["function"]]),
    "include_reasoning": only("include_reasoning", True)._replace(models=_THINKERS),
    "logit_bias": only("logit_bias", {"50256": -100}),
    "logprobs": only("logprobs", True),
    "max_completion_tokens": only("max_completion_tokens", 2000),
    "max_tokens": only("max_tokens", 2000),
    "messages": only("messages", [{"role": "user", "content": "another question"}]),
    "messages[].audio": Sample(_said(audio={"id": "a"}), _said(), "messages[1].audio"),
    "messages[].cache_control": Sample({"messages": [{**HI, "cache_control": _MARK}]}),
    "messages[].content[].file": Sample(
        _shown({"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}})
    ),
    "messages[].content[].image_url": Sample(_shown(_image())),
    "messages[].content[].image_url.detail": Sample(_shown(_image(detail="low")), _shown(_image())),
    "messages[].content[].input_audio": Sample(
        _shown({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        field="messages[0].content[1].input_audio",
    ),
    "messages[].content[].prompt_cache_breakpoint": Sample(
        {"messages": [{"role": "user", "content": [{**_TEXT, "prompt_cache_breakpoint": {"mode": "explicit"}}]}]},
        {"messages": [{"role": "user", "content": [_TEXT]}]},
    ),
    "messages[].content[].refusal": Sample(
        _said(content=[{"type": "text", "text": "ho"}, {"type": "refusal", "refusal": "No."}]), _said()
    ),
    "messages[].content[].text": Sample(_shown({"type": "text", "text": "more"})),
    "messages[].function_call": Sample(
        _said(function_call={"name": "f", "arguments": "{}"}), {**_said(), "functions": [_FUNCTION["function"]]}
    ),
    "messages[].images": Sample(
        _said(images=[{"image_url": {"url": f"data:image/png;base64,{PNG}"}}]), _said(), "messages[1].images[0]"
    ),
    "messages[].name": Sample({"messages": [{**HI, "name": "Ann"}]}),
    "messages[].reasoning": Sample(_said(reasoning="Hm."), _said()),
    "messages[].reasoning_content": Sample(_said(reasoning_content="Hm."), _said()),
    "messages[].reasoning_details": Sample(_said(reasoning_details=_SIGNED), _said()),
    "messages[].refusal": Sample(_said(refusal="No."), _said()),
    "messages[].tool_calls[].custom": Sample(
        _said(tool_calls=[{"id": "c", "type": "custom", "custom": {}}]), _said(), "messages[1].tool_calls[0].custom"
    ),
    "metadata": only("metadata", {"team": "a"}),
    "modalities": only("modalities", ["text", "audio"]),
    "model": only("model", "another"),
    "moderation": only("moderation", {"model": "omni-moderation-latest"}),
    "n": only("n", 2),
    "parallel_tool_calls": only("parallel_tool_calls", False, tools=[_FUNCTION]),
    "prediction": only("prediction", {"type": "content", "content": "x"}),
    "presence_penalty": only("presence_penalty", 0.5),
    "prompt_cache_key": only("prompt_cache_key", "k"),
    "prompt_cache_options": only("prompt_cache_options", {"mode": "explicit"}),
    "prompt_cache_retention": only("prompt_cache_retention", "24h"),
    "reasoning": only("reasoning", {"effort": "high"}),
    "reasoning.summary": Sample({"reasoning": {"summary": "auto"}}, models=_THINKERS),
    "reasoning_effort": only("reasoning_effort", "high"),
    "response_format": only("response_format", _form()),
    "response_format.json_schema.description": Sample(
        {"response_format": _form(description="It is x.")}, {"response_format": _form()}
    ),
    "response_format.json_schema.name": Sample({"response_format": _form(name="y")}, {"response_format": _form()}),
    "response_format.json_schema.strict": Sample({"response_format": _form(strict=True)}, {"response_format": _form()}),
    "safety_identifier": only("safety_identifier", "someone"),
    "seed": only("seed", 5),
    "service_tier": only("service_tier", "priority"),
    "stop": only("stop", ["END"]),
    "store": only("store", True),
    "stream": only("stream", True),
    "stream_options": only("stream_options", {"include_usage": True}, stream=True),
    "temperature": only("temperature", 0.5),
    "thinking": only("thinking", {"type": "enabled", "budget_tokens": 2000}, max_tokens=8000),
    "tool_choice": only("tool_choice", "required", tools=[_FUNCTION]),
    "tool_choice.custom": only("tool_choice", {"type": "custom", "custom": {"name": "g"}}, tools=[_FUNCTION]),
    "tools": only("tools", [_FUNCTION]),
    "tools[].cache_control": only("tools", [{**_FUNCTION, "cache_control": _MARK}], tools=[_FUNCTION]),
    "tools[].custom": Sample({"tools": [{"type": "custom", "custom": {"name": "f"}}]}),
    "tools[].function.strict": Sample(
        {"tools": [{"type": "function", "function": {**_FUNCTION["function"], "strict": True}}]}, {"tools": [_FUNCTION]}
    ),
    "top_k": only("top_k", 5),
    "top_logprobs": only("top_logprobs", 2, logprobs=True),
    "top_p": only("top_p", 0.5),
    "usage": only("usage", {"include": True}),
    "user": only("user", "someone"),
    "verbosity": only("verbosity", "high"),
    "web_search_options": only("web_search_options", {}),
    "web_search_options.search_context_size": Sample(
        {"web_search_options": {"search_context_size": "low"}}, {"web_search_options": {}}
    ),
    "web_search_options.user_location": Sample(
        {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"country": "DE"}}}},
        {"web_search_options": {}},
    ),
}

# Messages.

_TOOL: Final[Body] = {"name": "f", "input_schema": {"type": "object"}}
_USE: Final[Body] = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
_LOCATION: Final[Body] = {"type": "approximate", "country": "DE"}


def _seen(*blocks: Body) -> Body:
    """A question with such blocks."""
    return {"messages": [{"role": "user", "content": [_TEXT, *blocks]}]}


def _done(*blocks: Body) -> Body:
    """A conversation in which the model has come to these before it spoke."""
    return {"messages": [HI, {"role": "assistant", "content": [*blocks, {"type": "text", "text": "ho"}]}, HI]}


def _picture(**members: Any) -> Body:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}, **members}


def _document(source: Body, **members: Any) -> Body:
    return {"type": "document", "source": source, **members}


def _own(kind: str, **members: Any) -> Sample:
    """One of Anthropic's own tools, beside a function."""
    return Sample({"tools": [{"type": kind, **members}, _TOOL]}, {"tools": [_TOOL]}, "tools[0]")


def _search(**members: Any) -> Body:
    return {"tools": [{"type": "web_search_20250305", "name": "web_search", **members}]}


def _searching(name: str, value: Any) -> Sample:
    return Sample(_search(**{name: value}), _search(), f"tools[0].{name}")


def _at_work(kind: str) -> Sample:
    """A block of what one of Anthropic's own tools did."""
    return Sample(_done({"type": kind, "anything": True}), _done(), "messages[1].content[0]")


_PLAIN: Final[Body] = {"type": "text", "media_type": "text/plain", "data": "A page."}
_STAMPED: Final = [
    {"type": "thinking", "thinking": "Hm.", "signature": "s" if maker == Maker.ANTHROPIC else stamp(maker, "s")}
    for maker in MAKERS
]
_REDACTED: Final = [
    {"type": "redacted_thinking", "data": "s" if maker == Maker.ANTHROPIC else stamp(maker, "s")} for maker in MAKERS
]
_RESULT: Final[Body] = {"type": "tool_result", "tool_use_id": "t", "content": "4"}


def _agent(result: Mapping[str, Any] = _RESULT, **call: Any) -> Body:
    """A conversation in which the model has called a function."""
    messages = [HI, {"role": "assistant", "content": [{**_USE, **call}]}, {"role": "user", "content": [result]}]
    return {"messages": messages, "tools": [_TOOL]}


MESSAGES: Final[Mapping[str, Sample]] = {
    "anthropic_beta": only("anthropic_beta", ["x"]),
    "anthropic_version": only("anthropic_version", "2023-06-01"),
    "betas": only("betas", ["x"]),
    "billing_policy": only("billing_policy", {"type": "billing_policy"}),
    "cache_control": only("cache_control", _MARK),
    "compaction": only("compaction", {"type": "summarize"}),
    "container": only("container", "container_1"),
    "context_management": only("context_management", {"edits": []}),
    "diagnostics": only("diagnostics", {"previous_message_id": "msg_1"}),
    "fallback_credit_token": only("fallback_credit_token", "t"),
    "fallbacks": only("fallbacks", "default"),
    "inference_geo": only("inference_geo", "us"),
    "max_tokens": only("max_tokens", 100),
    "mcp_servers": only("mcp_servers", [{"type": "url", "url": "https://example.org", "name": "x"}]),
    "messages": only("messages", [{"role": "user", "content": "another question"}]),
    "messages[].clear_at": Sample(
        {"messages": [{**HI, "clear_at": "next_user_message"}, HI]},
        {"messages": [HI, HI]},
        "messages[0].clear_at",
    ),
    **{
        f"messages[].content[].{kind}": _at_work(kind)
        for kind in (
            "advisor_tool_result",
            "bash_code_execution_tool_result",
            "code_execution_tool_result",
            "container_upload",
            "fallback",
            "mcp_tool_listing",
            "mcp_tool_result",
            "mcp_tool_use",
            "server_tool_use",
            "text_editor_code_execution_tool_result",
            "tool_addition",
            "tool_removal",
            "tool_search_tool_result",
            "web_fetch_tool_result",
            "web_search_tool_result",
        )
    },
    "messages[].content[].compaction": Sample(_done({"type": "compaction", "content": "So far."}), _done()),
    "messages[].content[].document": Sample(_seen(_document(_PLAIN, title="T", context="C"))),
    "messages[].content[].document.citations": Sample(
        _seen(_document(_PLAIN, citations={"enabled": True})), _seen(_document(_PLAIN)), "messages[0].content[1]"
    ),
    "messages[].content[].document.source.base64": Sample(
        _seen(_document({"type": "base64", "media_type": "application/pdf", "data": PDF})),
        field="messages[0].content[1]",
    ),
    "messages[].content[].document.source.url": Sample(
        _seen(_document({"type": "url", "url": "https://example.org/a.pdf"})), field="messages[0].content[1]"
    ),
    "messages[].content[].image": Sample(_seen(_picture()), field="messages[0].content[1]"),
    "messages[].content[].image.transformations": Sample(
        _seen(_picture(transformations={"resize": "none"})), _seen(_picture()), "messages[0].content[1]"
    ),
    "messages[].content[].redacted_thinking": Sample(_done(*_REDACTED), _done()),
    "messages[].content[].search_result": Sample(
        _seen({"type": "search_result", "source": "https://x", "title": "T", "content": [_TEXT]})
    ),
    "messages[].content[].text": Sample(_seen({"type": "text", "text": "more"})),
    "messages[].content[].text.citations": Sample(
        _done({**_TEXT, "citations": [{"type": "web_search_result_location", "url": "https://x"}]}), _done(_TEXT)
    ),
    "messages[].content[].thinking": Sample(_done(*_STAMPED), _done()),
    "messages[].content[].tool_result": Sample(_agent({**_RESULT, "content": "5"}), _agent()),
    "messages[].content[].tool_use": Sample(_agent(name="g"), _agent()),
    "messages[].content[].tool_use.caller": Sample(_agent(caller={"type": "direct"}), _agent()),
    "messages[].output_config": Sample(
        {"messages": [HI, {"role": "system", "content": "s", "output_config": {"effort": "low"}}, HI]},
        {"messages": [HI, {"role": "system", "content": "s"}, HI]},
        "messages[1].output_config",
    ),
    "messages[-1].role": Sample(
        {"messages": [HI, {"role": "assistant", "content": "I"}]}, {"messages": [HI]}, "messages[1]"
    ),
    "metadata": only("metadata", {"user_id": "u"}),
    "model": only("model", "another"),
    "output_config": only("output_config", {"effort": "low"}),
    "output_config.effort": Sample({"output_config": {"effort": "low"}}),
    "output_config.format": Sample({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    "output_config.task_budget": Sample({"output_config": {"task_budget": {"type": "tokens", "total": 20_000}}}),
    "output_format": only("output_format", {"type": "json_schema", "schema": SCHEMA}),
    "service_tier": only("service_tier", "standard_only"),
    "speed": only("speed", "fast"),
    "stop_sequences": only("stop_sequences", ["END"]),
    "stream": only("stream", True),
    "system": only("system", "Be brief."),
    "temperature": only("temperature", 0.5),
    "thinking": only("thinking", {"type": "adaptive"}),
    "thinking.block_binding": Sample(
        {"thinking": {"type": "adaptive", "block_binding": {}}}, {"thinking": {"type": "adaptive"}}
    ),
    "thinking.display": Sample(
        {"thinking": {"type": "adaptive", "display": "omitted"}}, {"thinking": {"type": "adaptive"}}
    ),
    "thread": only("thread", {"type": "create"}),
    "tool_choice": only("tool_choice", {"type": "any"}, tools=[_TOOL]),
    "tool_choice.disable_parallel_tool_use": Sample(
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"tool_choice": {"type": "auto"}, "tools": [_TOOL]},
    ),
    "tools": only("tools", [_TOOL]),
    "tools[].advisor": _own("advisor_20260301", name="advisor"),
    "tools[].allowed_callers": only(
        "tools", [{**_TOOL, "allowed_callers": ["code_execution_20260120"]}], tools=[_TOOL]
    )._replace(field="tools[0].allowed_callers"),
    "tools[].bash": _own("bash_20250124", name="bash"),
    "tools[].browser_toolset": _own("browser_toolset_20260801", name="browser"),
    "tools[].cache_control": only("tools", [{**_TOOL, "cache_control": _MARK}], tools=[_TOOL]),
    "tools[].code_execution": _own("code_execution_20250825", name="code_execution"),
    "tools[].computer": _own("computer_20250124", name="computer"),
    "tools[].computer_toolset": _own("computer_toolset_20260801", name="computer"),
    "tools[].defer_loading": only("tools", [{**_TOOL, "defer_loading": True}], tools=[_TOOL]),
    "tools[].eager_input_streaming": only("tools", [{**_TOOL, "eager_input_streaming": True}], tools=[_TOOL]),
    "tools[].input_examples": only("tools", [{**_TOOL, "input_examples": [{"a": 1}]}], tools=[_TOOL]),
    "tools[].mcp_toolset": _own("mcp_toolset", mcp_server_name="x"),
    "tools[].memory": _own("memory_20250818", name="memory"),
    "tools[].strict": only("tools", [{**_TOOL, "strict": True}], tools=[_TOOL]),
    "tools[].text_editor": _own("text_editor_20250728", name="str_replace_based_edit_tool"),
    "tools[].tool_search_tool_bm25": _own("tool_search_tool_bm25_20251119", name="tool_search_tool_bm25"),
    "tools[].tool_search_tool_regex": _own("tool_search_tool_regex_20251119", name="tool_search_tool_regex"),
    "tools[].web_fetch": _own("web_fetch_20250910", name="web_fetch"),
    "tools[].web_search": Sample(_search(), field="tools[0]"),
    "tools[].web_search.allowed_domains": _searching("allowed_domains", ["example.org"]),
    "tools[].web_search.blocked_domains": _searching("blocked_domains", ["example.org"]),
    "tools[].web_search.max_uses": _searching("max_uses", 3),
    "tools[].web_search.user_location": _searching("user_location", _LOCATION),
    "top_k": only("top_k", 5),
    "top_p": only("top_p", 0.5),
    "user_profile_id": only("user_profile_id", "u"),
    "workspace_id": only("workspace_id", "w"),
}

# Responses.

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

RESPONSES: Final[Mapping[str, Sample]] = {
    **{
        row: _of_its_own(place, kind)
        for row in RESPONSES_TABLE
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
    "reasoning.generate_summary": Sample({"reasoning": {"generate_summary": "auto"}}, models=_THINKERS),
    "reasoning.mode": Sample({"reasoning": {"mode": "pro"}}),
    "reasoning.summary": Sample({"reasoning": {"summary": "auto"}}, models=_THINKERS),
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
    "tools[].function.defer_loading": Sample(
        {"tools": [{**_NAMED, "defer_loading": True}]}, {"tools": [_NAMED]}, "tools[0].defer_loading"
    ),
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
    "tools[].namespace": Sample(
        {"tools": [{"type": "namespace", "name": "crm", "description": "All of it.", "tools": [_NAMED]}]}
    ),
    "tools[].web_search.external_web_access": _web("external_web_access", False),
    "tools[].web_search.filters": _web("filters", {"allowed_domains": ["example.org"]}),
    "tools[].web_search.search_context_size": _web("search_context_size", "low"),
    "tools[].web_search.user_location": _web("user_location", _LOCATION),
    "top_logprobs": only("top_logprobs", 2),
    "top_p": only("top_p", 0.5),
    "truncation": only("truncation", "auto"),
    "user": only("user", "u"),
}

# Embeddings.

EMBEDDINGS: Final[Mapping[str, Sample]] = {
    "dimensions": only("dimensions", 256),
    "encoding_format": only("encoding_format", "base64"),
    "input": only("input", "ho"),
    "model": only("model", "another"),
    "user": only("user", "u"),
}
