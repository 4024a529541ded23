"""A chat request for every row of its fidelity table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.dialects.fidelity_samples import HI, MAKERS, MARK, PDF, PNG, SCHEMA, TEXT, THINKERS, Body, Sample, only

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


_SIGNED: Final = [
    {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": maker, "index": index}
    for index, maker in enumerate(MAKERS)
]

SAMPLES: Final[Mapping[str, Sample]] = {
    "audio": only("audio", {"voice": "alloy", "format": "mp3"}),
    "frequency_penalty": only("frequency_penalty", 0.5),
    "function_call": only("function_call", {"name": "f"}, functions=[_FUNCTION["function"]]),
    "functions": only("functions", [_FUNCTION["function"]]),
    "include_reasoning": only("include_reasoning", True)._replace(models=THINKERS),
    "logit_bias": only("logit_bias", {"50256": -100}),
    "logprobs": only("logprobs", True),
    "max_completion_tokens": only("max_completion_tokens", 2000),
    "max_tokens": only("max_tokens", 2000),
    "messages": only("messages", [{"role": "user", "content": "another question"}]),
    "messages[].audio": Sample(_said(audio={"id": "a"}), _said(), "messages[1].audio"),
    "messages[].cache_control": Sample({"messages": [{**HI, "cache_control": MARK}]}),
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
        {"messages": [{"role": "user", "content": [{**TEXT, "prompt_cache_breakpoint": {"mode": "explicit"}}]}]},
        {"messages": [{"role": "user", "content": [TEXT]}]},
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
    "reasoning.summary": Sample({"reasoning": {"summary": "auto"}}, models=THINKERS),
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
    "tools[].cache_control": only("tools", [{**_FUNCTION, "cache_control": MARK}], tools=[_FUNCTION]),
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
