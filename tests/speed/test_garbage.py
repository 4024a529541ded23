"""What requests leave to the garbage collector: nothing.

A circle among the objects of a request would keep all of them, its body too, until a collection: that costs CPU for
looking through all that waits, and the next requests' objects lie in cold memory.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator

import pytest
from trio.testing import MockClock

from actors.attempt import Attempt
from actors.letters import Call
from gateway.world import Stream
from tests.whole.gateways import CHAT, QUESTION, STREAMED, running
from tests.whole.upstream import Script, answers, fails, streams

REQUESTS = 20


@pytest.fixture
def no_collections() -> Iterator[None]:
    """The collector runs only where the test says so."""
    gc.disable()
    yield
    gc.enable()


def calls_alive() -> Iterator[Call | Attempt]:
    """In this process: other tests may have left some."""
    return (each for each in gc.get_objects() if isinstance(each, Call | Attempt))


async def ask(stream: Stream, body: bytes, end: bytes) -> None:
    """One request, without the objects that a real client would leave behind."""
    head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n"
    stream.send_nowait(head.encode() + body)
    data = b""
    while not data.endswith(end):
        await stream.wait_readable()
        data += stream.receive_nowait(65536)


@pytest.mark.parametrize(
    ("question", "script", "end"),
    [
        (QUESTION, answers(), b"}"),
        (STREAMED, streams("Hel", "lo"), b"0\r\n\r\n"),
        ({**STREAMED, "model": "backed"}, streams("Hel", "lo"), b"0\r\n\r\n"),
        (QUESTION, fails(400), b"}"),
        (QUESTION, fails(503), b"}"),
        ({**QUESTION, "model": "nobody-knows"}, answers(), b"}"),
    ],
    ids=["plain", "streamed", "with a fallback", "refused", "tried again in vain", "asked of nobody"],
)
async def test_a_request_that_is_over_is_freed_at_once(
    autojump_clock: MockClock, no_collections: None, question: object, script: Script, end: bytes
) -> None:
    """On connections that are kept on both sides; the events that the test house keeps are forgotten first."""
    before = set(calls_alive())
    async with running() as it:
        it.openai.plays(script)
        stream = await it.network.connect(*it.address)
        body = json.dumps(question).encode()
        await ask(stream, body, end)
        gc.collect()
        for _ in range(REQUESTS):
            await ask(stream, body, end)
        it.events.clear()
        assert gc.collect() == 0
        assert set(calls_alive()) == before, "the last one has gone too, and its body with it"
