"""A provider that sees the client's own key: ours never goes up, theirs never comes down, nobody pays for another."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import CHAT, QUESTION, Running, running
from tests.whole.upstream import Asked, answers, fails

OURS = "sk-ours-alone"
THEIRS = "sk-the-clients-own"
SETTINGS = """
[providers.openai]
auth = "passthrough"
[providers.claude]
kind = "anthropic"
base_url = "http://openai.test"
auth = "passthrough"
[providers.gemini]
kind = "gemini"
base_url = "http://openai.test"
auth = "passthrough"
"""
HEADER = {
    "openai": ("authorization", f"Bearer {THEIRS}"),
    "claude": ("x-api-key", THEIRS),
    "gemini": ("x-goog-api-key", THEIRS),
}
MESSAGES = [{"role": "user", "content": "Hello?"}]
ENDPOINTS: dict[str, dict[str, Any]] = {
    CHAT: {"messages": MESSAGES},
    "/v1/responses": {"input": "Hello?"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 9},
    "/v1/messages/count_tokens": {"messages": MESSAGES},
    "/v1/responses/input_tokens": {"input": "Hello?"},
    "/v1/embeddings": {"input": "Hello?"},
}
UNSERVED = {("/v1/embeddings", "claude")}
"""What a provider has nothing for."""


async def says_the_key_back(asked: Asked) -> None:
    """A 401 that repeats every field it was sent."""
    said = {"message": f"no: {asked.fields}", "type": "authentication_error", "param": None, "code": 401}
    body = json.dumps({"type": "error", "error": {**said, "status": "UNAUTHENTICATED"}}).encode()
    await asked.send_head(401, b"content-type: application/json", b"content-length: %d" % len(body))
    await asked.send(body)


@pytest.mark.parametrize(
    ("path", "provider", "stream"),
    [
        (path, provider, stream)
        for path in ENDPOINTS
        for provider in HEADER
        for stream in (False, True)
        if (path, provider) not in UNSERVED and not (stream and path == "/v1/embeddings")
    ],
)
async def test_at_every_endpoint_the_provider_sees_the_clients_key_alone(
    autojump_clock: MockClock, path: str, provider: str, stream: bool
) -> None:
    """Its 401 is the client's to read, without the key in it."""
    async with running(SETTINGS, environ={"OPENAI_API_KEY": OURS}) as it:
        it.openai.plays(says_the_key_back)
        question = {"model": f"{provider}/some-model", **ENDPOINTS[path], **({"stream": True} if stream else {})}
        reply = await it.request("POST", path, json_body=question, headers={"authorization": f"Bearer {THEIRS}"})

        (asked,) = it.openai.asked
        name, value = HEADER[provider]
        assert asked.header(name) == value
        sent = [*asked.fields.values()]
        assert sum(THEIRS.encode() in field for field in sent) == 1
        assert not any(OURS.encode() in field for field in sent)
        assert reply.status == 401
        shown = reply.body + json.dumps(reply.fields).encode()
        assert THEIRS.encode() not in shown
        assert OURS.encode() not in shown
        assert not any(THEIRS in line or OURS in line for line in it.lines)


async def test_one_clients_429_is_nobody_elses(autojump_clock: MockClock) -> None:
    """It hears of it at once, and the next client is served in the same second."""
    async with running(SETTINGS) as it:
        it.openai.plays(fails(429, b"retry-after: 60"), answers("Hello."))
        assert (await ask_as("sk-poor", it)).status == 429
        assert (await ask_as("sk-rich", it)).status == 200
        assert trio.current_time() == 0


async def test_one_clients_401_revokes_nothing(autojump_clock: MockClock) -> None:
    async with running(SETTINGS) as it:
        it.openai.plays(fails(401), answers("Hello."))
        assert (await ask_as("sk-wrong", it)).status == 401
        assert (await ask_as("sk-right", it)).status == 200
        (key,) = (await it.actors())["openai"]["detail"]["keys"]
        assert key["state"] == "ready"


async def ask_as(key: str, it: Running) -> Any:
    return await it.ask(QUESTION, headers={"authorization": f"Bearer {key}"})
