"""JSON that is made to be slow, large or deep, at every endpoint that takes a body: refused soon, and nobody asked."""

from __future__ import annotations

import json
import re
import time

import pytest
import trio
from trio.testing import MockClock

from gateway.face.openapi.admin_operations import ADMIN_OPERATIONS
from gateway.face.openapi.operations import OPERATIONS
from tests.whole.gateways import CHAT, QUESTION, Running, running

BODY_BYTES = 1_000_000
SMALL = f"[server]\nbody_bytes = {BODY_BYTES}\n"
ECHO = {**QUESTION, "model": "sandbox/echo"}
MOST_CPU_S = 0.5
"""What a body of 32 MiB may take of others' time, ten times what is promised of it; these are far smaller."""
ENDPOINTS = [name for name, words in {**OPERATIONS, **ADMIN_OPERATIONS}.items() if words.request is not None]
ACT = {"x-gateway-admin": "1", "content-type": "application/json"}

DEEP = 30_000
HOSTILE = {
    "lists": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * (DEEP // 3) + b"1" + b"}" * (DEEP // 3),
    "brackets without an end": b"[" * 60_000,
    "a number of many digits": b"9" * 60_000,
}
"""Values: none larger than what the admin API reads at all, so that all of it is looked at."""


def bodies(value: bytes) -> list[bytes]:
    """The value alone, as a member that nobody knows, and in the places where values are read."""
    known = (b'"messages":%b', b'"input":%b', b'"text":%b', b'"arguments":%b', b'"tools":[%b]', b'"levels":%b')
    members = b'{"model":"sandbox/echo","name":"f","max_tokens":1,'
    return [value, b'{"x":' + value + b"}", *(members + place % value + b"}" for place in known)]


async def answer(it: Running, endpoint: str, **how: object) -> int:
    """Asked so, within virtual seconds and CPU that nobody notices; nothing is held any more afterwards."""
    method, path = endpoint.split(" ")
    began, cpu = trio.current_time(), time.thread_time()
    reply = await it.request(method, re.sub(r"\{\w+\}", "openai", path), headers=ACT, **how)
    assert time.thread_time() - cpu < MOST_CPU_S
    assert trio.current_time() - began < 1
    assert it.gateway.ingress.used == 0
    return reply.status


async def test_what_is_nothing_but_depth_and_digits_is_refused_everywhere(autojump_clock: MockClock) -> None:
    async with running() as it:
        for endpoint in ENDPOINTS:
            for name, value in HOSTILE.items():
                for number, body in enumerate(bodies(value)):
                    status = await answer(it, endpoint, body=body)
                    assert 400 <= status < 500, (endpoint, name, number, status)
        assert it.openai.asked == []


async def test_half_a_character_is_told_as_what_it_is_wherever_models_and_tools_are_asked(
    autojump_clock: MockClock,
) -> None:
    """What is left of an emoji where a client has cut a text in two."""
    async with running() as it:
        for endpoint in (name for name, words in OPERATIONS.items() if words.request is not None):
            method, path = endpoint.split(" ")
            reply = await it.request(method, path, body=rb'{"model":"gpt-4o","metadata":{"of":["Hi \ud83d"]}}')
            told = json.loads(reply.body)["error"]["message"]
            assert (reply.status, r"'metadata.of[0]': \ud83d (byte 40) is half of" in told) == (400, True), endpoint
        assert it.openai.asked == []


@pytest.mark.parametrize("engine", ["edge", "hypercorn"])
async def test_a_body_that_is_too_large_is_a_413_everywhere(autojump_clock: MockClock, engine: str) -> None:
    """Before it is read, where its length is said; where it is not, as soon as it has passed the limit."""
    async with running(SMALL, engine=engine) as it:
        assert (await it.request("GET", "/v1/models")).status == 200  # the first one imports what answers it
        body = b'{"model":"gpt-4o","messages":"' + b"x" * BODY_BYTES + b'"}'
        for endpoint in ENDPOINTS:
            assert await answer(it, endpoint, body=body) == 413, endpoint
        assert it.openai.asked == []


@pytest.mark.parametrize(("engine", "status"), [("edge", 200), ("hypercorn", 400)])
async def test_a_body_in_crumbs_is_put_together_or_refused_before_it_takes_long(
    autojump_clock: MockClock, engine: str, status: int
) -> None:
    """A chunk for each byte: nothing to the edge, a third of a millisecond each to Hypercorn."""
    body = json.dumps({**ECHO, "user": "x" * 1200}).encode()
    async with running(engine=engine) as it:
        client = await it.connect()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        await client.send_raw(head.encode() + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        answer = await client.read_raw()
        assert int(answer.split(b" ")[1]) == status
        assert status == 200 or b"too small pieces" in answer
        client.leave()
