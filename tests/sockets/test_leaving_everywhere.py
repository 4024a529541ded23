"""A client that hangs up frees the provider at once, whichever endpoint it came by and whoever answers: ten times the
promised time is asserted, and that nothing is left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import trio
from anthropic import Anthropic
from openai import OpenAI

from tests.edge.serving import Client, post
from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import AT_REST_S, at_rest, call, in_time, in_words, together
from tests.sockets.exposition import disconnects
from tests.sockets.moves import FAMILIES
from tests.sockets.processes import GatewayProcess
from tests.sockets.pulse import Pulse, Span
from tests.sockets.upstream import Asked, Script, Upstream

pytestmark = pytest.mark.real_time

LEFT_SOON_S = 0.5
TIMES = 6
QUESTION = [{"role": "user", "content": "Hello?"}]
WORD = "Salve"
EXECUTE = "/v1/tools/execute"
PROVIDERS = ("openai", "anthropic", "google")
BESIDE = ("services beside the gateway",)


class Endpoint(NamedTuple):
    path: str
    body: dict[str, Any]
    streams: bool = True
    """Whether answers can be streamed."""
    providers: tuple[str, ...] = PROVIDERS

    def asking(self, model: str) -> dict[str, Any]:
        """The body of a request that the script of `model` answers."""
        if self.path == EXECUTE:
            return {"name": "extract_keywords", "arguments": {"corpus": model}}
        return {"model": model, **self.body}


ENDPOINTS = {
    "tool": Endpoint(EXECUTE, {}, streams=False, providers=BESIDE),
    **{
        operation: Endpoint(f"/v1/context/{operation}", {"text": "Salve"}, streams=False, providers=BESIDE)
        for operation in ("validate", "process", "chunk")
    },
    "chat": Endpoint("/v1/chat/completions", {"messages": QUESTION}),
    "responses": Endpoint("/v1/responses", {"input": "Hello?", "store": False}),
    "kept responses": Endpoint("/v1/responses", {"input": "Hello?"}),
    "messages": Endpoint("/v1/messages", {"messages": QUESTION, "max_tokens": 9}),
    "count_tokens": Endpoint("/v1/messages/count_tokens", {"messages": QUESTION}, streams=False),
    "input_tokens": Endpoint("/v1/responses/input_tokens", {"input": "Hello?"}, streams=False),
    "embeddings": Endpoint("/v1/embeddings", {"input": "Hello?"}, streams=False, providers=("openai", "google")),
}

CHAT_WORD = scripts.event({"content": WORD})
CLAUDE_OPENING = b"""event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude",\
"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

"""
CLAUDE_WORD = b"""event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Salve"}}

"""
GEMINI_WORD = b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Salve"}]}}]}\r\n\r\n'
RESPONSE_OPENING = b"""event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response",\
"created_at":1,"status":"in_progress","model":"gpt","output":[]}}

"""
RESPONSE_ITEM = b"""event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,\
"item":{"id":"msg_1","type":"message","role":"assistant","status":"in_progress","content":[]}}

event: response.content_part.added
data: {"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,\
"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}

"""
RESPONSE_WORD = b"""event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,\
"content_index":0,"delta":"Salve","logprobs":[]}

"""


def speech(asked: Asked) -> tuple[bytes, bytes]:
    """What comes before the first word of whoever is asked, and a word."""
    if asked.path.startswith("/anthropic"):
        return CLAUDE_OPENING, CLAUDE_WORD
    if asked.path.startswith("/google"):
        return b"", GEMINI_WORD
    if asked.path.endswith("/responses"):
        return RESPONSE_OPENING + RESPONSE_ITEM, RESPONSE_WORD
    return scripts.ROLE, CHAT_WORD


def pauses(asked: Asked) -> None:
    """One word, then silence."""
    opening, word = speech(asked)
    asked.begin_stream()
    asked.stream(opening + word)
    asked.wait_until_left()


def talks_on(asked: Asked) -> None:
    """Word after word, without an end."""
    opening, word = speech(asked)
    asked.begin_stream()
    asked.stream(opening or word)
    while asked.pause(scripts.PACE_S):
        asked.stream(word)


class Moment(NamedTuple):
    script: Script
    streamed: bool


MOMENTS = {
    "whole": Moment(scripts.silent, False),
    "before a word": Moment(scripts.silent, True),
    "silent stream": Moment(pauses, True),
    "talking stream": Moment(talks_on, True),
}


async def leave_by_close(client: Client) -> None:
    client.stream.close()


async def leave_by_reset(client: Client) -> None:
    client.stream.close(abort=True)


WAYS_TO_LEAVE = (leave_by_close, leave_by_reset)


@pytest.fixture(scope="module")
def took_s(measured: Figures) -> Iterator[list[float]]:
    """How long it took each of them, told at the end."""
    took_s: list[float] = []
    yield took_s
    if took_s:
        measured(
            3,
            "from a client's leaving to the provider's knowing, every endpoint",
            in_words(took_s),
            promised="p99 50 ms",
        )


@pytest.mark.parametrize(
    ("endpoint", "provider"),
    [
        pytest.param(endpoint, provider, id=f"{endpoint}-{provider}")
        for endpoint in ENDPOINTS
        for provider in ENDPOINTS[endpoint].providers
    ],
)
async def test_whoever_leaves_frees_the_provider(
    gateway: GatewayProcess, upstream: Upstream, took_s: list[float], endpoint: str, provider: str
) -> None:
    """At every moment, all of them at once."""
    asked_for = ENDPOINTS[endpoint]
    moments = [moment for moment in MOMENTS.values() if asked_for.streams or not moment.streamed]
    stays: list[Span] = []

    async def leave(number: int) -> None:
        script, streamed = moments[number % len(moments)]
        model = upstream.plays(script, family=FAMILIES.get(provider, "nobody"))
        client = await call(gateway)
        question = json.dumps({**asked_for.asking(model), **({"stream": True} if streamed else {})}).encode()
        await client.send(post(asked_for.path, question, "Content-Type: application/json"))
        (asked,) = await trio.to_thread.run_sync(upstream.wait_for, model, 1)
        if script is not scripts.silent:
            await client.read_until(WORD.encode())
        left_at = time.monotonic()
        await WAYS_TO_LEAVE[number // len(moments) % len(WAYS_TO_LEAVE)](client)
        assert await trio.to_thread.run_sync(asked.left.wait, 10 * LEFT_SOON_S)
        stays.append(Span(left_at, asked.left_at))

    leavers = TIMES * len(moments)
    name = asked_for.path.removeprefix("/v1/")
    counted, seconds = await trio.to_thread.run_sync(disconnects, gateway, name)
    with trio.fail_after(20):
        async with Pulse(gateway.pid).beating() as pulse:
            await together(leavers, leave)
            await in_time(lambda: at_rest(gateway), AT_REST_S)
    took_s += [pulse.own_s(stay) for stay in stays]
    assert max(took_s) < LEFT_SOON_S
    counted_then, seconds_then = await trio.to_thread.run_sync(disconnects, gateway, name)
    assert counted_then - counted == leavers, "each is in the metric, once"
    assert 0 < seconds_then - seconds < leavers * LEFT_SOON_S


def leave_responses(client: OpenAI, _: Anthropic, model: str) -> None:
    with client.responses.stream(model=model, input="Hello?") as stream:
        next(event for event in stream if event.type == "response.output_text.delta")


def leave_messages(_: OpenAI, client: Anthropic, model: str) -> None:
    with client.messages.stream(model=model, max_tokens=9, messages=[{"role": "user", "content": "?"}]) as stream:
        next(iter(stream.text_stream))


@pytest.mark.parametrize("script", [pauses, talks_on], ids=["silent", "talking"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("leave", [leave_responses, leave_messages])
def test_the_official_clients_leave_their_helpers(
    client: OpenAI,
    anthropic_client: Anthropic,
    upstream: Upstream,
    leave: Callable[[OpenAI, Anthropic, str], None],
    provider: str,
    script: Script,
) -> None:
    model = upstream.plays(script, family=FAMILIES[provider])
    leave(client, anthropic_client, model)
    left_at = time.monotonic()
    (asked,) = upstream.asked(model)
    assert asked.left.wait(LEFT_SOON_S)
    assert asked.left_at - left_at < LEFT_SOON_S


async def test_what_runs_in_the_background_does_not_mind(gateway: GatewayProcess, upstream: Upstream) -> None:
    """The client has its answer at once and may go; cancelled, the provider is free."""
    model = upstream.plays(scripts.silent, family="claude")
    client = await call(gateway)
    question = json.dumps({"model": model, "input": "Hello?", "background": True}).encode()
    answer = await client.ask(post("/v1/responses", question, "Content-Type: application/json"))
    begun = json.loads(answer.body)
    assert begun["status"] in ("queued", "in_progress")
    client.stream.close()
    (asked,) = await trio.to_thread.run_sync(upstream.wait_for, model, 1)
    assert not await trio.to_thread.run_sync(asked.left.wait, 0.1)
    client = await call(gateway)
    cancelled_at = time.monotonic()
    answer = await client.ask(post(f"/v1/responses/{begun['id']}/cancel", b"{}", "Content-Type: application/json"))
    assert json.loads(answer.body)["status"] == "cancelled"
    assert await trio.to_thread.run_sync(asked.left.wait, LEFT_SOON_S)
    assert asked.left_at - cancelled_at < LEFT_SOON_S
    client.stream.close()
    await in_time(lambda: at_rest(gateway), AT_REST_S)
