"""Bodies of very many small pieces: bounded, and charged for what they take once they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.codec import finish_steps
from gateway.dialects.decoded_weight import MESSAGE_BYTES, MOST_MESSAGES, MOST_PARTS
from gateway.errors import InvalidRequest
from gateway.face.chat import ChatCompletions
from gateway.face.embeddings import Embeddings
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect
from tests.dialects.golden.cases import CLIENTS


def conversation(count: int) -> bytes:
    message = {"role": "user", "content": ""}
    return json.dumps({"model": "m", "max_tokens": 1, "messages": [message] * count}).encode()


@pytest.mark.parametrize("dialect", [ChatCompletions(), Messages()], ids=["chat", "messages"])
def test_messages_are_charged_where_they_are_many_and_bounded(dialect: Any) -> None:
    assert dialect.read(conversation(999)).decoded_bytes == 0
    assert dialect.read(conversation(5000)).decoded_bytes == 5000 * MESSAGE_BYTES
    with pytest.raises(InvalidRequest, match="at most 100000") as refused:
        dialect.read(conversation(MOST_MESSAGES + 1))
    assert refused.value.param == "messages"


@pytest.mark.parametrize("content", ["Well?", [{"type": "text", "text": "Well?", "unheard": "of"}], 7])
@pytest.mark.parametrize(
    "dialect", [ChatCompletions(), Messages(), ResponsesDialect()], ids=["chat", "messages", "responses"]
)
def test_what_is_asked_of_every_request_is_said_alike_whatever_its_messages_hold(dialect: Any, content: Any) -> None:
    """Usual, odd, and of no shape at all."""
    messages = [{"role": "user", "content": content}]
    asked = {"model": "", "max_tokens": 1, "messages": messages, "input": messages}
    with pytest.raises(InvalidRequest, match="an empty string names no model"):
        dialect.read(json.dumps(asked).encode())
    if not isinstance(dialect, ResponsesDialect):
        with pytest.raises(InvalidRequest, match="at least one message"):
            dialect.read(json.dumps({**asked, "model": "m", "messages": []}).encode())


def test_items_of_responses_are_charged_and_bounded_as_messages_are() -> None:
    def asked(count: int) -> bytes:
        return json.dumps({"model": "m", "input": [{"role": "user", "content": ""}] * count}).encode()

    dialect: Any = ResponsesDialect()
    assert dialect.read(asked(999)).decoded_bytes == 0
    assert dialect.read(asked(5000)).decoded_bytes == 5000 * MESSAGE_BYTES
    with pytest.raises(InvalidRequest, match="at most 100000") as refused:
        dialect.read(asked(MOST_MESSAGES + 1))
    assert refused.value.param == "input"


def chat(role: str, **members: Any) -> Any:
    return lambda parts: {"model": "m", "messages": [{"role": role, **members, "content": parts}]}


def claude(**blocks: Any) -> Any:
    return lambda parts: {"model": "m", "max_tokens": 1, **{name: make(parts) for name, make in blocks.items()}}


def in_a_result(parts: list[Any]) -> list[Any]:
    result = {"type": "tool_result", "tool_use_id": "t", "content": parts}
    return [{"role": "user", "content": [result]}]


def says(parts: Any) -> list[Any]:
    return [{"role": "user", "content": parts}]


@pytest.mark.parametrize(
    ("client", "write", "kind", "field"),
    [
        ("openai_chat", chat("user"), "text", "messages[0].content"),
        ("openai_chat", chat("system"), "text", "messages[0].content"),
        ("openai_chat", chat("assistant"), "text", "messages[0].content"),
        ("openai_chat", chat("tool", tool_call_id="t"), "text", "messages[0].content"),
        ("anthropic_messages", claude(messages=says), "text", "messages[0].content"),
        ("anthropic_messages", claude(messages=in_a_result), "text", "messages[0].content[0].content"),
        ("anthropic_messages", claude(messages=lambda _: says("x"), system=list), "text", "system"),
        ("openai_responses", lambda parts: {"model": "m", "input": says(parts)}, "input_text", "input[0].content"),
    ],
)
def test_parts_of_one_message_are_bounded_where_it_is_translated(
    client: str, write: Any, kind: str, field: str
) -> None:
    """A message is read in one go: a million parts of one would hold everybody up for seconds."""
    part = {"type": kind, "text": ""}
    finish_steps(CLIENTS[client].decode(json.dumps(write([part] * MOST_PARTS)).encode(), "openai_chat"))
    with pytest.raises(InvalidRequest, match="at most 4000 parts") as refused:
        finish_steps(CLIENTS[client].decode(json.dumps(write([part] * (MOST_PARTS + 1))).encode(), "openai_chat"))
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("given", "items"), [("one text", 0), (["a", "b"], 2), ([1, 2, 3], 3), ([[1, 2], [3]], 5)], ids=str
)
def test_texts_and_tokens_are_charged(given: Any, items: int) -> None:
    assert Embeddings().read(json.dumps({"model": "e", "input": given}).encode()).decoded_bytes == 80 * items
