"""A Messages request for every row of its fidelity table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.conversation import Maker
from gateway.dialects.stamps import stamp
from tests.dialects.fidelity_samples import HI, MAKERS, MARK, PDF, PNG, SCHEMA, TEXT, Body, Sample, only

_TOOL: Final[Body] = {"name": "f", "input_schema": {"type": "object"}}
_USE: Final[Body] = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
_LOCATION: Final[Body] = {"type": "approximate", "country": "DE"}


def _seen(*blocks: Body) -> Body:
    """A question with such blocks."""
    return {"messages": [{"role": "user", "content": [TEXT, *blocks]}]}


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


SAMPLES: Final[Mapping[str, Sample]] = {
    "anthropic_beta": only("anthropic_beta", ["x"]),
    "anthropic_version": only("anthropic_version", "2023-06-01"),
    "betas": only("betas", ["x"]),
    "billing_policy": only("billing_policy", {"type": "billing_policy"}),
    "cache_control": only("cache_control", MARK),
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
        _seen({"type": "search_result", "source": "https://x", "title": "T", "content": [TEXT]})
    ),
    "messages[].content[].text": Sample(_seen({"type": "text", "text": "more"})),
    "messages[].content[].text.citations": Sample(
        _done({**TEXT, "citations": [{"type": "web_search_result_location", "url": "https://x"}]}), _done(TEXT)
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
    "tools[].cache_control": only("tools", [{**_TOOL, "cache_control": MARK}], tools=[_TOOL]),
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
