"""What a hostile provider writes into its answer's head does not reach clients, by any engine on either side."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from trio.testing import MockClock

from tests.whole.gateways import ENGINES, QUESTION, STREAMED, running
from tests.whole.upstream import Asked, Script, answers, streams

ONCE = "[retry]\nattempts = 1\n"
UPSTREAMS = {"edge": ONCE, "httpx": ONCE + '[upstream]\nengine = "httpx"\n'}
KEPT_BYTES = 1024
"""The longest value that is passed on."""
REFUSED = {
    "a line feed and a field": b"openai-version: 1\nset-cookie: evil=1",
    "a carriage return and a field": b"openai-version: 1\rset-cookie: evil=1",
    "an end of the head": b"openai-version: 1\n\n<script>evil</script>",
    "a NUL": b"openai-version: 1\0evil",
    "a name with a space": b"openai-version evil: 1",
    "another length": b"content-length: 1",
    "a field as long as any head may be": b"openai-version: " + b"evil" * 20_000,
}
"""Heads that are no proper ones: such an answer is a 502, or at most one without what was put there."""
DROPPED = {
    "a cookie": b"set-cookie: evil=1",
    "leave for every page": b"access-control-allow-origin: evil",
    "words about the connection": b"connection: evil",
    "a place": b"location: https://evil.test",
    "a policy": b"content-security-policy: evil",
    "another answer's id": b"x-gateway-provider: evil",
    "another protocol": b"upgrade: evil",
    "an authentication": b"www-authenticate: Basic realm=evil",
    "our account": b"openai-organization: evil",
    "a long value": b"openai-version: " + b"evil" * (KEPT_BYTES // 4 + 1),
}
"""Fields that are none of the client's business: the answer is what it was, without them."""


def saying(script: Script, field: bytes) -> Script:
    """The same answer with one field more in its head."""

    async def play(asked: Asked) -> None:
        send_head = asked.send_head

        async def send_more(status: int, *fields: bytes) -> None:
            await send_head(status, *fields, field, b"openai-processing-ms: 7")

        asked.send_head = send_more  # type: ignore[method-assign]
        await script(asked)

    return play


@pytest.mark.parametrize(("engine", "upstream"), [*((engine, "edge") for engine in ENGINES), ("hypercorn", "httpx")])
async def test_no_field_of_a_providers_writing_gets_through(
    autojump_clock: MockClock, engine: str, upstream: str
) -> None:
    questions: tuple[tuple[Any, Script], ...] = ((QUESTION, answers("Fine.")), (STREAMED, streams("Fine.")))
    models = count()  # each with a breaker of its own
    async with running(UPSTREAMS[upstream], engine=engine) as it:
        for name, field in {**REFUSED, **DROPPED}.items():
            for question, script in questions:
                it.openai.plays(saying(script, field))
                reply = await it.ask({**question, "model": f"openai/{next(models)}"})
                assert "evil" not in str(reply.fields), (name, reply.fields)
                assert reply.status in ((200, 502) if name in REFUSED else (200,)), name
                if reply.status == 200:
                    assert b"Fine." in reply.body, name
                    assert reply.header("openai-processing-ms") == "7", name
                assert len(str(reply.fields)) < 2000
