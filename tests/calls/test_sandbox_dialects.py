"""Everybody can try the gateway without a key, whichever dialect they speak."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from typing import Any

import pytest

from gateway.calls.sandbox import Fail
from gateway.errors import InvalidRequest, UpstreamBroken, UpstreamError, UpstreamReset
from gateway.face.chat import ChatCompletions
from gateway.face.client_dialect import ClientDialect
from gateway.face.embeddings import Embeddings
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect
from gateway.providers.sandbox import LOREM, THOUGHT
from gateway.providers.sandbox_embeddings import embed
from tests.calls.asking import Told, ask, sandbox

HELLO = [{"role": "user", "content": "Salve, munde!"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT, RESPONSES, MESSAGES = ChatCompletions(), ResponsesDialect(), Messages()
QUESTIONS: list[tuple[ClientDialect, dict[str, Any]]] = [
    (CHAT, {"messages": HELLO}),
    (RESPONSES, {"input": "Salve, munde!"}),
    (MESSAGES, {"messages": HELLO, "max_tokens": 4096}),
]
EVERY_DIALECT = pytest.mark.parametrize(("dialect", "question"), QUESTIONS, ids=["chat", "responses", "messages"])


async def say(dialect: ClientDialect, question: dict[str, Any], model: str, **settings: Any) -> Told:
    """What the sandbox says to `question`."""
    body = json.dumps({"model": f"sandbox/{model}", **question}).encode()
    return await ask(sandbox(**settings), body, dialect=dialect, model=model)


def reply_of(told: Told) -> Any:
    assert told.failure is None
    assert told.head is not None
    return json.loads(told.head.body)


def events_of(told: Told) -> list[Any]:
    """The data of each event of a stream."""
    assert told.failure is None
    lines = (line for line in told.body.decode().split("\n") if line.startswith("data: {"))
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_responses_are_answered() -> None:
    reply = reply_of(await say(RESPONSES, {"input": "Salve, munde!"}, "echo"))
    (message,) = reply["output"]
    assert (reply["object"], reply["status"], reply["model"]) == ("response", "completed", "sandbox/echo")
    assert [part["text"] for part in message["content"]] == ["Salve, munde!"]


async def test_messages_are_answered() -> None:
    reply = reply_of(await say(MESSAGES, {"messages": HELLO, "max_tokens": 100}, "echo"))
    assert (reply["type"], reply["stop_reason"], reply["model"]) == ("message", "end_turn", "sandbox/echo")
    assert [block["text"] for block in reply["content"]] == ["Salve, munde!"]
    assert reply["usage"]["output_tokens"] == 2


async def test_responses_are_streamed_with_their_thoughts() -> None:
    question = {"input": "Go on.", "stream": True, "reasoning": {"effort": "low", "summary": "auto"}}
    events = events_of(await say(RESPONSES, question, "lorem"))
    said = {
        kind: "".join(event["delta"] for event in events if event["type"] == kind)
        for kind in ("response.reasoning_text.delta", "response.output_text.delta")
    }
    assert list(said.values()) == [THOUGHT, LOREM]
    assert events[-1]["type"] == "response.completed"
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["reasoning", "message"]


async def test_messages_are_streamed_with_their_thoughts() -> None:
    question = {
        "messages": HELLO,
        "max_tokens": 4096,
        "stream": True,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    events = events_of(await say(MESSAGES, question, "lorem"))
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == THOUGHT
    assert "".join(delta.get("text", "") for delta in deltas) == LOREM
    assert events[-1]["type"] == "message_stop"


async def test_tools_are_called_in_every_dialect() -> None:
    asked = {"input": "Weather?", "tools": [{"type": "function", "name": "weather", "parameters": CITY}]}
    reply = reply_of(await say(RESPONSES, {**asked, "tool_choice": "required"}, "lorem"))
    assert [(item["type"], item["name"], item["arguments"]) for item in reply["output"]] == [
        ("function_call", "weather", '{"city":"lorem"}')
    ]
    question = {
        "messages": HELLO,
        "max_tokens": 100,
        "tools": [{"name": "weather", "input_schema": CITY}],
        "tool_choice": {"type": "any"},
    }
    reply = reply_of(await say(MESSAGES, question, "lorem"))
    assert [(block["type"], block["name"], block["input"]) for block in reply["content"]] == [
        ("tool_use", "weather", {"city": "lorem"})
    ]


@EVERY_DIALECT
async def test_usage_is_told_to_the_bill_in_every_dialect(dialect: ClientDialect, question: dict[str, Any]) -> None:
    whole = await say(dialect, question, "echo")
    streamed = await say(dialect, {**question, "stream": True}, "echo")
    for told in (whole, streamed):
        assert told.notes.usage is not None
        assert told.notes.usage.completion == 2
        assert told.attempt.spent_tokens == told.notes.usage.prompt + 2


@EVERY_DIALECT
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fail", "kind"),
    [("429", UpstreamError), ("500", UpstreamError), ("reset", UpstreamReset), ("cut", UpstreamBroken)],
)
async def test_faults_reach_every_dialect(
    dialect: ClientDialect, question: dict[str, Any], fail: Fail, kind: type[UpstreamError], stream: bool
) -> None:
    told = await say(dialect, {**question, "stream": stream}, "lorem", fail=fail)
    assert isinstance(told.failure, kind)
    if fail.isdecimal():
        assert told.failure.status == int(fail)
        described = json.loads(told.failure.body)["error"]["message"]
        assert described == f"The sandbox answers with status {fail}, as it was told to."
    if fail == "cut" and stream:
        assert b"ipsum" in told.body


@EVERY_DIALECT
async def test_nobody_can_talk_with_the_embeddings(dialect: ClientDialect, question: dict[str, Any]) -> None:
    told = await say(dialect, question, "embedding")
    assert isinstance(told.failure, InvalidRequest)
    assert told.failure.param == "model"


@pytest.mark.parametrize(
    ("dialect", "more", "field", "why"),
    [
        (RESPONSES, {"tools": [{"type": "computer_use_preview"}]}, "tools[0]", "it has no such tool"),
        (RESPONSES, {"prompt": {"id": "p"}}, "prompt", "prompt templates are kept by OpenAI"),
        (MESSAGES, {"stop_sequences": list("abcde")}, "stop_sequences", "it takes 4 of them at most"),
        (MESSAGES, {"container": "c"}, "container", "containers are kept by Anthropic"),
    ],
)
async def test_what_cannot_be_had_cannot_be_had_from_the_sandbox(
    dialect: ClientDialect, more: dict[str, Any], field: str, why: str
) -> None:
    (question,) = (question for asked, question in QUESTIONS if asked is dialect)
    failure = (await say(dialect, {**question, **more}, "echo")).failure
    assert isinstance(failure, InvalidRequest)
    assert failure.param == field
    assert failure.message.startswith(f"'{field}' cannot be had from the sandbox: {why}")


async def test_texts_are_embedded() -> None:
    reply = reply_of(await say(Embeddings(), {"input": ["a", "b"], "dimensions": 5}, "embedding"))
    assert (reply["object"], reply["model"]) == ("list", "sandbox/embedding")
    assert [(each["index"], each["embedding"]) for each in reply["data"]] == [(0, embed("a", 5)), (1, embed("b", 5))]
    assert reply["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


async def test_embeddings_come_in_base64_where_the_client_wants_them_so() -> None:
    """As OpenAI's own clients do, unasked."""
    reply = reply_of(await say(Embeddings(), {"input": "a", "encoding_format": "base64"}, "embedding"))
    floats = struct.unpack("<256f", b64decode(reply["data"][0]["embedding"]))
    assert floats == pytest.approx(embed("a", 256))


async def test_embeddings_fail_as_they_are_told_to() -> None:
    told = await say(Embeddings(), {"input": "a"}, "embedding", fail="500")
    assert isinstance(told.failure, UpstreamError)
    assert told.failure.status == 500
