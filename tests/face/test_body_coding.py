"""Requests whose bodies come compressed, on every engine."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from trio.testing import MockClock

from tests.face.engines import Face
from tests.face.house import ANSWER, BODY_LIMIT_BYTES, QUESTION, answers

PLAIN = json.dumps(QUESTION).encode()
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("x-gzip", gzip.compress(PLAIN)),
        ("GZIP", gzip.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("identity", PLAIN),
    ],
    ids=["gzip", "x-gzip", "upper-case", "deflate", "identity"],
)
async def test_a_compressed_question_is_a_question(
    autojump_clock: MockClock, face: Face, coding: str, body: bytes
) -> None:
    """What goes to the router is the plain text, and so is what goes up."""
    face.house.router.play = answers()
    reply = await face.request("POST", CHAT, body=body, headers={"content-encoding": coding})
    assert (reply.status, reply.body) == (200, ANSWER)
    (call,) = face.house.router.calls
    assert call.payload.body == PLAIN
    assert call.size_bytes == len(PLAIN)
    assert face.house.budget.used == 0


async def test_tokens_of_a_compressed_input_are_counted(autojump_clock: MockClock, face: Face) -> None:
    body = gzip.compress(json.dumps({"model": "gpt-4o", "input": "Hello."}).encode())
    reply = await face.request("POST", "/v1/responses/input_tokens", body=body, headers={"content-encoding": "gzip"})
    assert reply.status == 200


async def test_a_coding_that_nobody_knows_is_refused(autojump_clock: MockClock, face: Face) -> None:
    for coding in ("br", "zstd", "gzip, gzip"):
        reply = await face.request("POST", CHAT, body=PLAIN, headers={"content-encoding": coding})
        assert (reply.status, reply.error["code"]) == (415, "unsupported_content_encoding")
        assert "gzip and deflate" in reply.error["message"]
    assert face.house.router.calls == []


@pytest.mark.parametrize(
    "body",
    [PLAIN, gzip.compress(PLAIN)[:-1], gzip.compress(PLAIN) + b"x", b"\x1f\x8b", gzip.compress(b"") * 1001],
    ids=["plain", "cut", "more", "its first bytes", "many times nothing"],
)
async def test_what_is_not_what_it_says_is_refused(autojump_clock: MockClock, face: Face, body: bytes) -> None:
    reply = await face.request("POST", CHAT, body=body, headers={"content-encoding": "gzip"})
    assert (reply.status, reply.error["code"]) == (400, "invalid_request_error")
    assert face.house.budget.used == 0


@pytest.mark.parametrize("house_options", [{"ingress_bytes": BODY_LIMIT_BYTES}])
async def test_a_bomb_is_no_larger_than_any_other_body(autojump_clock: MockClock, face: Face) -> None:
    """It ends at the limit of a body and not at the budget, which would be a 503: no more than that was ever held."""
    bomb = gzip.compress(bytes(20 * BODY_LIMIT_BYTES))
    assert len(bomb) < BODY_LIMIT_BYTES
    reply = await face.request("POST", CHAT, body=bomb, headers={"content-encoding": "gzip"})
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")
    assert face.house.budget.used == 0


@pytest.mark.parametrize("house_options", [{"ingress_bytes": 2_000}])
async def test_what_a_body_grows_to_counts_against_the_budget(autojump_clock: MockClock, face: Face) -> None:
    body = gzip.compress(PLAIN + b" " * 10_000)
    reply = await face.request("POST", CHAT, body=body, headers={"content-encoding": "gzip"})
    assert (reply.status, reply.error["code"]) == (503, "memory_pressure")
    assert face.house.budget.used == 0
