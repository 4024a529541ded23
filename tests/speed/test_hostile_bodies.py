"""How long bodies that are made to be slow hold others up: 50 ms at most, asserted at ten times that.

Before they were bounded it was seconds. What is left is what takes a single look at 32 MiB of text.
"""

from __future__ import annotations

import gc
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from trio.testing import MockClock

from actors.policy.memory_budget import MemoryBudget
from bench.translation import FRAME, longest_wait_ms
from gateway.calls.ways import ways_of
from gateway.dialects.envelope import ModelRequest
from gateway.errors import InvalidRequest
from gateway.face.body_coding import decoded
from gateway.face.chat import ChatCompletions
from gateway.face.client_dialect import ClientDialect
from gateway.face.ingress import Ingress
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect
from gateway.providers.directory import profile_of

pytestmark = pytest.mark.real_time

MOST_MS = 50.0
LIMIT_BYTES = 32 * 1024 * 1024
HI = {"role": "user", "content": "hi"}
NO_NAME = b"\x1f\x8b\x08" + bytes(7)
"""How gzip begins (RFC 1952)."""
END_OF_NOTHING = b"\x01\0\0\xff\xff" + bytes(8)
"""The last empty block (RFC 1951 section 3.2.4), and the checksum and length of nothing."""
MODELS = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}


def asking(**members: Any) -> bytes:
    length = {"max_tokens": 9} if "messages" in members else {}
    return json.dumps({"model": "m", **length, **members}, separators=(",", ":")).encode()


def saying(*, parts: int, messages: int, kind: str = "text") -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": kind, "text": "x"}] * parts}] * messages


BODIES: dict[str, tuple[ClientDialect, Callable[[], bytes]]] = {
    "half a million tools": (
        ChatCompletions(),
        lambda: asking(messages=[HI], tools=[{"type": "function", "function": {"name": "f"}}] * 500_000),
    ),
    "nothing but brackets": (
        ChatCompletions(),
        lambda: asking(messages=[HI])[:-1] + b',"x":' + b"[" * (LIMIT_BYTES - 200),
    ),
    "many parts in many messages": (ChatCompletions(), lambda: asking(messages=saying(parts=9_000, messages=100))),
    "as many parts as may be": (ChatCompletions(), lambda: asking(messages=saying(parts=4_000, messages=6))),
    "the same of Claude's clients": (Messages(), lambda: asking(messages=saying(parts=4_000, messages=6))),
    "the same in Responses": (
        ResponsesDialect(),
        lambda: asking(input=saying(parts=4_000, messages=6, kind="input_text")),
    ),
    "as many messages as may be": (ChatCompletions(), lambda: asking(messages=[HI] * 100_000)),
    "a text as long as may be": (
        ChatCompletions(),
        lambda: asking(messages=[{**HI, "content": "x" * (LIMIT_BYTES - 200)}]),
    ),
}
"""The dialect, and what makes the body: only those who ask have tens of megabytes of it."""


@pytest.fixture
def light_heap() -> Iterator[None]:
    """As `serve` has it: the collector does not look at what other tests and their clients' packages have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("light_heap")
@pytest.mark.parametrize("name", BODIES)
async def test_no_body_holds_others_up(name: str) -> None:
    """Neither where it is read nor on its way to any provider, whether it is refused or not."""
    dialect, made = BODIES[name]
    body = made()
    assert len(body) <= LIMIT_BYTES
    ingress = Ingress(MemoryBudget(2 * LIMIT_BYTES), LIMIT_BYTES)

    async def read() -> ModelRequest:
        await ingress.survey(body, dialect.most_values)
        return ModelRequest(dialect.name, body, dialect.read(body).decoded, "request")

    try:
        request = await read()
    except InvalidRequest:
        assert await longest_wait_ms(refused(read)) <= 10 * MOST_MS
        return
    assert await longest_wait_ms(read) <= 10 * MOST_MS
    for kind, model in MODELS.items():
        way = ways_of(kind, profile_of(kind, kind, "https://provider"), lambda model: 8192)[dialect.name]

        async def prepare(way: Any = way, model: str = model) -> None:
            await way.prepare(request, model, streamed=False, frame=FRAME)

        assert await longest_wait_ms(prepare) <= 10 * MOST_MS, kind


NOTHINGS: dict[str, Callable[[], bytes]] = {
    "many times nothing": lambda: gzip.compress(b"") * (1 << 20),
    "one thing of a million nothings": lambda: b"".join((NO_NAME, b"\0\0\0\xff\xff" * (6 << 20), END_OF_NOTHING)),
}
"""Compressed bodies that come to next to nothing, by how they are made."""


@pytest.mark.usefixtures("light_heap")
@pytest.mark.parametrize("name", NOTHINGS)
async def test_no_body_that_comes_to_nothing_holds_others_up(name: str) -> None:
    body = NOTHINGS[name]()
    assert LIMIT_BYTES // 2 < len(body) <= LIMIT_BYTES
    ingress = Ingress(MemoryBudget(2 * LIMIT_BYTES), LIMIT_BYTES)

    async def undo() -> None:
        with suppress(InvalidRequest):
            assert await decoded(body, b"gzip", ingress) == b""

    assert await longest_wait_ms(undo) <= 10 * MOST_MS


def refused(ask: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    async def ask_in_vain() -> None:
        with pytest.raises(InvalidRequest):
            await ask()

    return ask_in_vain


async def test_a_large_body_is_held_against_the_budget_while_it_is_looked_at(autojump_clock: MockClock) -> None:
    budget = MemoryBudget(LIMIT_BYTES)
    body = asking(messages=[HI] * 10_000)
    held: list[int] = []
    ingress = Ingress(budget, LIMIT_BYTES)
    await longest_wait_ms(lambda: ingress.survey(body, 100_000), watch=lambda: held.append(budget.used))
    assert (max(held), budget.used) == (len(body), 0)
