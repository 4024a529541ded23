"""The official client, unmodified, gives up: the provider learns of it at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import openai
import pytest
from openai import AsyncOpenAI, Omit, OpenAI

from tests.sockets import scripts
from tests.sockets.processes import GatewayProcess
from tests.sockets.upstream import Asked, Script, Upstream

pytestmark = pytest.mark.real_time

ASKED = [{"role": "user", "content": "Hello?"}]
SOON_S = 0.5
"""Ten times what is promised."""
UNTOLD = {"x-stainless-read-timeout": Omit()}
"""The client keeps its timeout to itself."""


def assert_left_soon(asked: Asked, since: float) -> None:
    assert asked.left.wait(SOON_S), "the provider still waits for the gateway"
    assert asked.left_at - since < SOON_S


def test_the_clients_timeout_ends_the_call_upstream(client: OpenAI, upstream: Upstream) -> None:
    """The client that hangs up first is a disconnect."""
    model = upstream.plays(scripts.silent)
    impatient = client.with_options(timeout=0.3, max_retries=0)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model=model, messages=ASKED, extra_headers=UNTOLD)
    assert_left_soon(upstream.asked(model)[0], time.monotonic())


def test_the_timeout_that_the_client_tells_is_the_calls_deadline(client: OpenAI, upstream: Upstream) -> None:
    """Whoever of the two is first: the provider is left when the time is over, and not later."""
    model = upstream.plays(scripts.silent)
    began_at = time.monotonic()
    with pytest.raises((openai.APITimeoutError, openai.InternalServerError)):
        client.with_options(timeout=0.3, max_retries=0).chat.completions.create(model=model, messages=ASKED)
    assert_left_soon(upstream.asked(model)[0], began_at + 0.3)


def test_a_told_timeout_is_an_answer_where_the_client_waits_for_it(client: OpenAI, upstream: Upstream) -> None:
    model = upstream.plays(scripts.silent)
    began_at = time.monotonic()
    with pytest.raises(openai.InternalServerError) as told:
        client.chat.completions.create(model=model, messages=ASKED, extra_headers={"x-stainless-read-timeout": "0.3"})
    assert (told.value.status_code, told.value.code) == (504, "upstream_timeout")
    assert 0.3 <= time.monotonic() - began_at < 0.3 + SOON_S
    assert_left_soon(upstream.asked(model)[0], began_at + 0.3)
    assert len(upstream.asked(model)) == 1


@pytest.mark.parametrize("script", [scripts.silent, scripts.pauses], ids=["before a word", "after one"])
def test_a_gap_in_a_stream_that_is_too_long_for_the_client(client: OpenAI, upstream: Upstream, script: Script) -> None:
    """The gateway knows how long the client waits, so it may be the first to say so."""
    model = upstream.plays(script)
    impatient = client.with_options(timeout=0.3, max_retries=0)
    with pytest.raises(openai.APIError, match=r"timed out|took too long"):
        list(impatient.chat.completions.create(model=model, messages=ASKED, stream=True))
    assert_left_soon(upstream.asked(model)[0], time.monotonic())


def close(client: OpenAI, model: str) -> None:
    stream = client.chat.completions.create(model=model, messages=ASKED, stream=True)
    next(iter(stream))
    stream.close()


def leave_the_block(client: OpenAI, model: str) -> None:
    with client.chat.completions.create(model=model, messages=ASKED, stream=True) as stream:
        for _ in stream:
            break


def leave_the_helper(client: OpenAI, model: str) -> None:
    with client.chat.completions.stream(model=model, messages=ASKED) as stream:
        next(iter(stream))


@pytest.mark.parametrize("script", [scripts.pauses, scripts.talks_on], ids=["silent", "talking"])
@pytest.mark.parametrize("leave", [close, leave_the_block, leave_the_helper])
def test_a_stream_that_the_client_closes_ends_upstream(
    client: OpenAI, upstream: Upstream, script: Script, leave: Callable[[OpenAI, str], None]
) -> None:
    model = upstream.plays(script)
    leave(client, model)
    assert_left_soon(upstream.asked(model)[0], time.monotonic())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_cancelled_task_ends_the_call_upstream(gateway: GatewayProcess, upstream: Upstream, stream: bool) -> None:
    model = upstream.plays(scripts.silent)

    async def cancel_midway() -> float:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="any") as client:
            question = client.chat.completions.create(model=model, messages=ASKED, stream=stream)
            task = asyncio.create_task(question)
            await asyncio.to_thread(upstream.wait_for, model, 1)
            task.cancel()
            cancelled_at = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
        return cancelled_at

    cancelled_at = asyncio.run(cancel_midway())
    assert_left_soon(upstream.asked(model)[0], cancelled_at)


def test_nothing_is_left_of_all_that(gateway: GatewayProcess) -> None:
    """What the clients gave up has its end in the log, and none of it is still in flight."""
    openai_actor = gateway.actors()["openai"]["detail"]
    assert (openai_actor["in_flight"], openai_actor["waiting"], openai_actor["memory"]["used"]) == ([], 0, 0)
    gateway.wait_for(lambda: [line for line in gateway.logged("request") if line["outcome"] == "disconnected"], 2.0)
