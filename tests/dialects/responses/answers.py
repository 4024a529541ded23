"""Answers to encode, and how a Responses client reads what comes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import openai

from gateway.dialects.answer_events import told
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import (
    Choice,
    Citation,
    Conversation,
    Finish,
    Image,
    Maker,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import OPENAI_CHAT
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.sse import SseSplitter

FRAME = Frame("0123", 1_700_000_000)
USAGE = Usage(10, 7, cached=4, reasoning=3, written=2)


def asked(**members: Any) -> Conversation:
    body = json.dumps({"model": "m", "input": "hi", **members}).encode()
    return finish_steps(ResponsesClient().decode(body, OPENAI_CHAT))


def reply(*parts: Part, finish: Finish = Finish.STOP, logprobs: dict[str, Any] | None = None) -> Reply:
    return Reply(model="m-1", choices=[Choice(list(parts), finish, logprobs=logprobs)], usage=USAGE)


def whole(answer: Reply, request: Conversation | None = None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ResponsesClient().encode(answer, request or asked(), FRAME))
    return document


def streamed(answer: Reply, request: Conversation | None = None) -> bytes:
    encoder = ResponsesClient().stream(request or asked(), FRAME)
    return b"".join(encoder.encode([event]) for event in told(answer)) + encoder.end()


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """What the events say; each is named as its data says."""
    found = []
    for event in SseSplitter().feed(stream):
        document = json.loads(event.data or b"")
        assert document["type"] == event.name.decode()
        found.append(document)
    return found


def client(respond: Callable[[httpx.Request], httpx.Response]) -> openai.OpenAI:
    """The official client, with answers instead of a network."""
    return openai.OpenAI(
        api_key="k",
        base_url="http://gateway/v1",
        max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(respond)),
    )


def client_of_stream(stream: bytes) -> openai.OpenAI:
    return client(lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream))


SCORE = {"token": "é", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "e", "logprob": -1, "bytes": [101]}]}

ANSWERS: dict[str, Reply] = {
    "nothing": reply(),
    "text": reply(Text("Hello")),
    "texts": reply(Text("Hello"), Text(" again")),
    "unicode": reply(Text('é "quoted"\n\u2028')),
    "refusal": reply(Refusal("I will not.")),
    "text and refusal": reply(Text("Well,"), Refusal("no.")),
    "cited": reply(
        Text("A fact.", (Citation(url="https://a", title="A"), Citation(url="https://b", start=2, end=5))),
        Text(" More."),
    ),
    "cited without an address": reply(Text("A fact.", (Citation(cited_text="fact", native={"type": "x"}),))),
    "calls": reply(ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "{}"), finish=Finish.TOOL_CALLS),
    "thought, said, called": reply(
        Reasoning("Let me see.", "sig", Maker.ANTHROPIC),
        Text("I look."),
        ToolCall("a", "f", "{}"),
        finish=Finish.TOOL_CALLS,
    ),
    "signed calls": reply(
        Reasoning("Sum.", maker=Maker.GOOGLE, summary=True),
        Reasoning("", "s1", Maker.GOOGLE),
        ToolCall("a", "f", "{}"),
        ToolCall("b", "f", "{}"),
        finish=Finish.TOOL_CALLS,
    ),
    "hidden thoughts": reply(
        Reasoning("", "sig", Maker.ANTHROPIC), Reasoning("", "data", Maker.ANTHROPIC, redacted=True), Text("ok")
    ),
    "plain thoughts": reply(Reasoning("hm", maker=Maker.DEEPSEEK), Text("ok")),
    "openai's thoughts": reply(Reasoning("hm", "gAAA", Maker.OPENAI, summary=True, id="rs_theirs"), Text("ok")),
    "unknown thoughts": reply(Reasoning("hm"), Text("ok")),
    "image": reply(Text("Here:"), Image(Media(data="AAAA", media_type="image/png")), Text("Nice?")),
    "foreign tool": reply(Native("anthropic_messages", {"type": "server_tool_use"}), Text("Found.")),
    "cut": reply(Text("Hel"), finish=Finish.LENGTH),
    "cut while thinking": reply(Reasoning("hm", "sig", Maker.ANTHROPIC), finish=Finish.LENGTH),
    "filtered": reply(Text("Hel"), finish=Finish.CONTENT_FILTER),
    "refused": reply(finish=Finish.REFUSAL),
    "scored": reply(Text("é"), logprobs={"content": [SCORE]}),
}
