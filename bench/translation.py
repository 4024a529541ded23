"""What a translation costs on top of a pass-through: a chat client's requests and streams, by Anthropic and by Gemini.

In process and without I/O: the gateway's own ways, driven as a call task drives them.

    python -m bench.translation
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import trio

from gateway.calls.passage import AnswerStream, Way
from gateway.calls.ways import CHAT, ways_of
from gateway.dialects.codec import Frame
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.openai_chat import decode_request
from gateway.providers.directory import profile_of
from gateway.serve import spare_the_collector

ROUNDS = 5
REQUESTS = 500
EVENTS = 2_000
SMALL_BYTES = 2 * 1024
LARGE_BYTES = 1024 * 1024
LARGE_MESSAGES = (1, 4_000, 20_000)
"""From one document to a chat of nothing but short lines."""

FRAME = Frame("0", 0)
WORDS = "The quick brown fox jumps over the lazy dog, and the dog does not mind. "
TEXT = WORDS * 4
WORD = " mind"
COUNTS = {"prompt_tokens": 500, "completion_tokens": 70, "total_tokens": 570}


@dataclass(frozen=True, slots=True)
class Provider:
    """One that is asked, and what it says."""

    name: str
    way: Way
    model: str
    answer: bytes
    opening: bytes
    """What goes before the first word of its stream."""
    event: bytes
    """A word of it."""


@dataclass(slots=True)
class Costs:
    """Of one target, a figure a round; the first two are what remains when the pass-through's are taken off."""

    name: str
    us_per_request: list[float] = field(default_factory=list)
    us_per_event: list[float] = field(default_factory=list)
    stall_ms: list[float] = field(default_factory=list)


async def measure(rounds: int = ROUNDS, requests: int = REQUESTS, events: int = EVENTS) -> list[Costs]:
    """All targets in interleaved rounds; the first one warms up."""
    passed, *translated = providers()
    costs = [Costs(provider.name) for provider in translated]
    small = chat_request(SMALL_BYTES)
    large = [chat_request(LARGE_BYTES, messages=number) for number in LARGE_MESSAGES]
    for number in range(rounds + 1):
        request_us = await request_cost_us(passed, small, requests)
        event_us = await event_cost_us(passed, small, events)
        for provider, its in zip(translated, costs, strict=True):
            more_request_us = await request_cost_us(provider, small, requests) - request_us
            more_event_us = await event_cost_us(provider, small, events) - event_us
            stalls_ms = [await longest_stall_ms(provider, request) for request in large]
            if number:
                its.us_per_request.append(more_request_us)
                its.us_per_event.append(more_event_us)
                its.stall_ms.append(max(stalls_ms))
    return costs


async def request_cost_us(provider: Provider, request: ModelRequest, count: int) -> float:
    """CPU of a request on its way up and its whole answer on its way down."""
    gc.collect()
    began = time.thread_time()
    for _ in range(count):
        passage = await provider.way.prepare(request, provider.model, streamed=False, frame=FRAME)
        passage.read(provider.answer)
    return (time.thread_time() - began) / count * 1e6


async def event_cost_us(provider: Provider, request: ModelRequest, count: int) -> float:
    """CPU of one event that brings a word."""
    stream = await begun_stream(provider, request)
    feed, event = stream.feed, provider.event
    gc.collect()
    began = time.thread_time()
    for _ in range(count):
        feed(event)
    return (time.thread_time() - began) / count * 1e6


async def begun_stream(provider: Provider, request: ModelRequest) -> AnswerStream:
    """A stream that has had its first word."""
    passage = await provider.way.prepare(request, provider.model, streamed=True, frame=FRAME)
    stream = passage.stream()
    stream.feed(provider.opening)
    stream.feed(provider.event)
    return stream


async def longest_stall_ms(provider: Provider, request: ModelRequest) -> float:
    """The same while `request` is translated."""

    async def translate() -> None:
        await provider.way.prepare(request, provider.model, streamed=False, frame=FRAME)

    gc.collect()
    return await longest_wait_ms(translate)


async def longest_wait_ms(work: Callable[[], Awaitable[object]], watch: Callable[[], None] = lambda: None) -> float:
    """The most CPU time between two turns of a neighbour, who has a `watch` in each, while `work` is done."""
    turns: list[float] = []

    async def take_turns() -> None:
        while True:
            turns.append(time.thread_time())
            watch()
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await trio.lowlevel.checkpoint()
        turns.append(time.thread_time())
        await work()
        turns.append(time.thread_time())
        nursery.cancel_scope.cancel()
    return max(later - earlier for earlier, later in pairwise(turns)) * 1e3


# What is translated.


def providers() -> list[Provider]:
    """The pass-through, which is the yardstick, and the targets."""
    return [
        Provider("pass-through", way_to("openai", "https://api.openai.com/v1"), "gpt-4o-2024-08-06", *openai_says()),
        Provider("Anthropic", way_to("anthropic", "https://api.anthropic.com"), "claude-sonnet-4-5", *anthropic_says()),
        Provider(
            "Gemini",
            way_to("gemini", "https://generativelanguage.googleapis.com/v1beta"),
            "gemini-2.5-flash",
            *gemini_says(),
        ),
    ]


def way_to(kind: str, address: str) -> Way:
    return ways_of(kind, profile_of(kind, kind, address), lambda model: 8192)[CHAT]


def chat_request(size_bytes: int, *, messages: int | None = None) -> ModelRequest:
    """A conversation of about `size_bytes`, in messages of a few sentences each unless their number is given."""
    count = messages or max(1, size_bytes // 250)
    text = (WORDS * (size_bytes // count // len(WORDS) + 1))[: max(1, size_bytes // count - 35)]
    turns = [{"role": "assistant" if index % 2 else "user", "content": text} for index in range(count)]
    body = json.dumps({"model": "gpt-4o", "messages": turns, "temperature": 0.5, "max_tokens": 500}).encode()
    return ModelRequest(CHAT, body, decode_request(body), "request")


def openai_says() -> tuple[bytes, bytes, bytes]:
    head = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-2024-08-06"}
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
    answer = {**head, "object": "chat.completion", "choices": [choice], "usage": COUNTS}
    opening, word = (
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in ({"role": "assistant", "content": ""}, {"content": WORD})
    )
    return encoded(answer), events([opening]), events([word])


def anthropic_says() -> tuple[bytes, bytes, bytes]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929"}
    usage = {"input_tokens": 500, "output_tokens": 70}
    answer = {**head, "content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn", "usage": usage}
    opening: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    word = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORD}}
    return encoded(answer), events(opening, named=True), events([word], named=True)


def gemini_says() -> tuple[bytes, bytes, bytes]:
    usage = {"promptTokenCount": 500, "candidatesTokenCount": 70, "totalTokenCount": 570}
    head = {"usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "1"}
    content, more = ({"parts": [{"text": text}], "role": "model"} for text in (TEXT, WORD))
    answer = {"candidates": [{"content": content, "index": 0, "finishReason": "STOP"}], **head}
    word = {"candidates": [{"content": more, "index": 0}], **head}
    return encoded(answer), b"", events([word])


def events(documents: Sequence[dict[str, Any]], *, named: bool = False) -> bytes:
    """Server-sent events, with their type as a name where the dialect has it so."""
    names = (b"event: %b\n" % document["type"].encode() if named else b"" for document in documents)
    return b"".join(
        b"%bdata: %b\n\n" % (name, encoded(document)) for name, document in zip(names, documents, strict=True)
    )


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def main() -> int:
    spare_the_collector()
    json.dump([asdict(costs) for costs in trio.run(measure)], sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
