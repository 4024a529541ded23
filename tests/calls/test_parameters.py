"""What the configuration asks of a model reaches its provider where the client leaves it out."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from gateway.calls.http_calls import HttpCalls
from gateway.calls.ways import ways_of
from gateway.errors import InvalidRequest
from gateway.face.chat import ChatCompletions
from gateway.face.client_dialect import ClientDialect
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect
from gateway.providers.directory import profile_of
from tests.calls.asking import KEY, USER_AGENT, WALL_CLOCK_S, FakeClient, ask, upstream

ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
CHAT, RESPONSES, MESSAGES = ChatCompletions(), ResponsesDialect(), Messages()
HELLO = [{"role": "user", "content": "Hi"}]
QUESTIONS: dict[ClientDialect, dict[str, Any]] = {
    CHAT: {"model": "m", "messages": HELLO},
    RESPONSES: {"model": "m", "input": "Hi"},
    MESSAGES: {"model": "m", "messages": HELLO, "max_tokens": 500},
}


def provider(kind: str, client: FakeClient) -> HttpCalls:
    profile = profile_of(kind, kind, ADDRESSES[kind])
    return HttpCalls(
        profile,
        client,
        ways_of(kind, profile, lambda model: 8192),
        secrets={"KEY_1": KEY},
        user_agent=USER_AGENT,
        clock=trio.current_time,
        wall_clock=lambda: WALL_CLOCK_S,
    )


async def sent(
    dialect: ClientDialect, kind: str, parameters: dict[str, Any], model: str = "m", **members: Any
) -> dict[str, Any]:
    """The body that reaches a provider of `kind`. Raises what kept it from going."""
    client = upstream(b"{}", content_type="application/json")
    body = json.dumps({**QUESTIONS[dialect], **members}).encode()
    told = await ask(provider(kind, client), body, dialect=dialect, model=model, parameters=parameters)
    if not client.body:
        assert told.failure is not None
        raise told.failure
    document: dict[str, Any] = json.loads(client.body)
    return document


@pytest.mark.parametrize(
    ("dialect", "kind", "place"),
    [
        (CHAT, "openai", "temperature"),
        (RESPONSES, "openai", "temperature"),
        (MESSAGES, "openai", "temperature"),
        (CHAT, "anthropic", "temperature"),
        (RESPONSES, "anthropic", "temperature"),
        (MESSAGES, "anthropic", "temperature"),
        (CHAT, "gemini", "generationConfig.temperature"),
        (MESSAGES, "gemini", "generationConfig.temperature"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
async def test_a_parameter_gets_there_in_every_pair_of_dialects(dialect: ClientDialect, kind: str, place: str) -> None:
    for theirs, expected in (({}, 0.25), ({"temperature": 0.75}, 0.75)):
        found: Any = await sent(dialect, kind, {"temperature": 0.25}, **theirs)
        for member in place.split("."):
            found = found[member]
        assert found == expected


async def test_a_body_that_says_all_itself_stays_as_it_is() -> None:
    client = upstream(b"{}", content_type="application/json")
    body = b'{ "model": "m", "messages": [{"role": "user", "content": "Hi"}],  "temperature": 1.0 }'
    await ask(provider("openai", client), body, parameters={"temperature": 0.2})
    assert client.body == body


async def test_name_usage_and_parameters_are_changed_in_one_pass() -> None:
    client = upstream(b"data: [DONE]\n\n")
    body = b'{"model":"alias","messages":[{"role":"user","content":"Hi"}],"stream":true,"x":1.50}'
    await ask(provider("openai", client), body, model="m", parameters={"seed": 3})
    assert client.body == (
        b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"x":1.50,"seed":3,'
        b'"stream_options":{"include_usage":true}}'
    )


async def test_what_a_model_does_not_take_is_left_out_of_what_the_client_never_asked() -> None:
    """Neither a penalty nor, while it thinks, a temperature; the rest stays."""
    asked = {"frequency_penalty": 1.0, "temperature": 0.2, "max_tokens": 9000}
    body = await sent(CHAT, "anthropic", asked, model="claude-sonnet-4-5", reasoning_effort="low")
    assert "temperature" not in body
    assert "frequency_penalty" not in body
    assert body["max_tokens"] == 9000


async def test_what_the_client_asked_for_is_refused_as_before() -> None:
    with pytest.raises(InvalidRequest) as refused:
        await sent(CHAT, "anthropic", {"temperature": 0.2}, frequency_penalty=1.0)
    assert refused.value.param == "frequency_penalty"
    with pytest.raises(InvalidRequest) as refused:
        await sent(CHAT, "anthropic", {"seed": 1}, temperature=1.5)
    assert refused.value.param == "temperature"
