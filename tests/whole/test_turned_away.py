"""What no handler ever sees, since the server refuses it, is a request all the same: with an id, a line and numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import CHAT, QUESTION, Running, running

HEAD = f"POST {CHAT}?x=1 HTTP/1.1\r\nhost: localhost\r\n".encode()
HUGE = HEAD + b"x-request-id: mine\r\ncontent-length: 99999999\r\n\r\n"
BOTH_FRAMINGS = HEAD + b"x-request-id: mine too\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"


async def refused(it: Running, wire: bytes) -> tuple[int, str, Any]:
    """Status, id and log line of what the server says to `wire` and then no more."""
    client = await it.connect()
    await client.send_raw(wire)
    answer = await client.read_raw()
    status, request_id = int(answer[9:12]), re.search(rb"\r\nx-request-id: (\S+)\r\n", answer)
    assert request_id is not None, answer
    return status, request_id[1].decode(), it.logged("request")[-1]


@pytest.mark.parametrize("engine", ["edge", "edge-quart-only", "hypercorn"])
async def test_a_refusal_of_the_servers_own_is_logged_and_counted_as_any_other(
    autojump_clock: MockClock, engine: str
) -> None:
    async with running(engine=engine) as it:
        status, request_id, line = await refused(it, b"\0 is no HTTP\r\n\r\n")
        assert (status, line["correlation_id"]) == (400, request_id)
        assert (line["endpoint"], line["status"], line["outcome"]) == ("other", 400, "error")

        status, request_id, line = await refused(it, HUGE)
        assert (status, line["correlation_id"]) == (413, request_id) == (413, "mine")
        assert (line["endpoint"], line["status"], line["error"]) == ("chat/completions", 413, "body_too_large")

        figures = await it.figures()
        assert figures("llm_request_total", endpoint="other", status="400") == 1
        assert figures("llm_request_total", endpoint="chat/completions", status="413") == 1
        assert len(it.logged("request")) == 2


GROWING = HEAD + b"x-request-id: mine\r\ntransfer-encoding: chunked\r\n\r\n"
HUNDRED_KB = b"186a0\r\n%b\r\n" % (b"x" * 100_000)
AMID_A_BODY = {
    "grows too large": (HUNDRED_KB * 11, 413, "body_too_large"),
    "stops coming": (HUNDRED_KB, 408, "request_timed_out"),
    "is malformed": (HUNDRED_KB + b"zz\r\n", 400, "invalid_request"),
}


@pytest.mark.parametrize("engine", ["edge", "edge-quart-only"])
async def test_a_refusal_amid_a_body_bears_the_id_that_its_line_has(autojump_clock: MockClock, engine: str) -> None:
    """By then a handler has the request, and writes of it: there is one line and not two."""
    async with running("[server]\nbody_bytes = 1000000\n", engine=engine) as it:
        for body, status, error in AMID_A_BODY.values():
            told, request_id, line = await refused(it, GROWING + body)
            assert (told, request_id) == (status, "mine")
            assert (line["status"], line["error"], line["correlation_id"]) == (status, error, "mine")
            assert line["endpoint"] == "chat/completions"
        assert len(it.logged("request")) == len(AMID_A_BODY)


async def test_as_much_is_told_of_it_as_had_come(autojump_clock: MockClock) -> None:
    """Of a head that stops coming its path; of what follows a request nothing that was that request's."""
    async with running() as it:
        status, _, line = await refused(it, HEAD)
        assert (trio.current_time(), status) == (10, 408)
        assert (line["endpoint"], line["error"]) == ("chat/completions", "request_timed_out")

        status, request_id, line = await refused(it, BOTH_FRAMINGS)
        assert (status, request_id, line["endpoint"]) == (400, line["correlation_id"], "chat/completions")
        assert request_id != "mine too"  # which is fit for no log

        client = await it.connect()
        assert (await client.request("POST", CHAT, json_body=QUESTION, headers={"x-request-id": "whole"})).status == 200
        await client.send_raw(b"\0")
        assert (await client.read_raw()).startswith(b"HTTP/1.1 400 ")
        answered, behind = it.logged("request")[-2:]
        assert (answered["correlation_id"], answered["status"]) == ("whole", 200)
        assert (behind["correlation_id"] == "whole", behind["endpoint"], behind["status"]) == (False, "other", 400)
