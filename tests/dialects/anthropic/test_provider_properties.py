"""Whatever a conversation holds: it is refused with the field's name, or what is sent is what this API takes."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gateway.dialects.conversation import (
    Conversation,
    Document,
    Image,
    Maker,
    Media,
    Native,
    OutputFormat,
    Reasoning,
    ReasoningWish,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.errors import InvalidRequest
from tests.dialects.anthropic.talking import encoded

WORDS = st.sampled_from(["", " ", "\n", "a", "So it is. ", "ü"])
CACHE = st.sampled_from([None, {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}])
TEXTS = st.builds(Text, WORDS, cache_control=CACHE)
ELSEWHERE = [Media(url="https://x/y"), Media(file_id="file_1")]
PICTURES = [Media(data="iVBORw0KGgo=", media_type="image/png"), Media(data="/9j/AA==")]
PAPERS = [Media(data="JVBERi0x", media_type="application/pdf"), Media(data="YQ==", media_type="text/plain")]
IMAGES = st.builds(Image, st.sampled_from(ELSEWHERE + PICTURES), cache_control=CACHE)
DOCUMENTS = st.builds(
    Document,
    st.sampled_from(ELSEWHERE + PAPERS),
    st.none() | WORDS,
    st.none() | WORDS,
    citations=st.none() | st.just(True),
)

IDS = st.sampled_from(["t", "call/1", ""])
CALLS = st.builds(ToolCall, IDS, st.just("f"), st.sampled_from(["", "{}", '{"a": [1.5]}']), CACHE)
RESULTS = st.builds(
    ToolResult, IDS, st.lists(TEXTS | IMAGES | DOCUMENTS, max_size=2), st.booleans(), cache_control=CACHE
)
THOUGHTS = st.builds(
    Reasoning,
    WORDS,
    st.sampled_from([None, "s"]),
    st.sampled_from([Maker.ANTHROPIC, Maker.GOOGLE]),
    redacted=st.booleans(),
)
NATIVE = st.sampled_from(
    [
        Native("anthropic_messages", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        Native("gemini", {"executableCode": {}}),
    ]
)
TURNS = st.one_of(
    st.builds(Turn, st.just("system"), st.lists(TEXTS, max_size=2)),
    st.builds(Turn, st.just("user"), st.lists(TEXTS | IMAGES | DOCUMENTS | RESULTS, max_size=3)),
    st.builds(
        Turn, st.just("assistant"), st.lists(TEXTS | CALLS | THOUGHTS | NATIVE | st.builds(Refusal, WORDS), max_size=4)
    ),
)
LAST_TURNS = st.sampled_from(
    [
        Turn("user", [Text("go on")]),
        Turn("user", [Text("go on"), ToolResult("t", [Text("done")])]),
        Turn("user", []),
        Turn("assistant", [Text("So ")]),
    ]
)
TOOLS = st.builds(
    Tool,
    st.just("f"),
    st.none() | WORDS,
    st.sampled_from([None, {}, {"type": "object", "properties": {"a": {"type": "object"}}}]),
    st.sampled_from([None, True, False]),
    CACHE,
)
WISHES = st.builds(
    ReasoningWish,
    st.sampled_from([None, "minimal", "medium", "xhigh", "max"]),
    st.sampled_from([None, 1024, 9000]),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, True, False]),
)
CONVERSATIONS = st.builds(
    Conversation,
    model=st.just("m"),
    turns=st.lists(TURNS, max_size=6),
    stream=st.booleans(),
    tools=st.lists(TOOLS, max_size=1),
    tool_choice=st.sampled_from([None, None, *map(ToolChoice, ("auto", "none", "required")), ToolChoice("tool", "f")]),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    output_format=st.sampled_from([None, OutputFormat(), OutputFormat({"type": "object", "properties": {}})]),
    reasoning=st.none() | WISHES,
    max_tokens=st.sampled_from([None, 1, 2000, 20_000]),
    temperature=st.sampled_from([None, None, None, 0.0, 1.0]),
    top_p=st.sampled_from([None, None, None, 0.5, 1.0]),
    stop=st.lists(st.just("END"), max_size=1),
    service_tier=st.sampled_from([None, "auto", "default"]),
    user=st.sampled_from([None, "", "u"]),
)
MODELS = st.sampled_from(
    ["claude-sonnet-4-5", "claude-opus-4-6", "claude-sonnet-5", "claude-sonnet-5-5", "claude-opus-5-5", "other"]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(CONVERSATIONS, LAST_TURNS, MODELS)
def test_what_is_sent_is_what_the_api_takes(request: Conversation, last: Turn, model: str) -> None:
    request.turns.append(last)
    for index, turn in enumerate(request.turns):
        turn.field = f"messages[{index}]"
    body = attempt(request, model)
    event("refused" if isinstance(body, InvalidRequest) else "sent")
    if isinstance(body, InvalidRequest):
        event(body.message)
        assert body.param
        return
    check_messages(body["messages"])
    check_thinking(body)


def attempt(request: Conversation, model: str) -> dict[str, Any] | InvalidRequest:
    try:
        return encoded(request, model)
    except InvalidRequest as refusal:
        return refusal


def check_messages(messages: list[dict[str, Any]]) -> None:
    assert messages
    for message, following in zip(messages, [*messages[1:], None], strict=True):
        assert message["content"]
        assert following is None or following["role"] != message["role"]
        types = [block["type"] for block in message["content"]]
        if message["role"] == "user":
            assert types == sorted(types, key=lambda type_: type_ != "tool_result")
        else:
            assert types[-1] not in ("thinking", "redacted_thinking")
    for block in [block for message in messages for block in message["content"]]:
        assert block["type"] != "text" or block["text"].strip()
        for name in ("tool_use_id", *(["id"] if block["type"] == "tool_use" else [])):
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", block.get(name, "x"))


def check_thinking(body: dict[str, Any]) -> None:
    thinking = body.get("thinking", {})
    if thinking.get("type") == "enabled":
        assert 1024 <= thinking["budget_tokens"] < body["max_tokens"]
        assert body.get("tool_choice", {}).get("type") not in ("any", "tool")
        assert "temperature" not in body
