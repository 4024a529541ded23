"""The sweep over the whole path: something ends before the n-th task step of a story, for every n.

The client goes, the provider's actor or the router dies, or the gateway is drained. Whenever that was, all books are
at their baseline afterwards, the client was told the truth, and whoever still lives serves the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import h11
import pytest
import trio
import trio.testing

from tests.actors.sweep import DisturbAt, sweep
from tests.face.http_client import Client, Reply
from tests.whole.gateways import CHAT, ENGINES, QUESTION, STREAMED, Running, data_of, running
from tests.whole.upstream import Asked, answers, fails, is_cut, streams, texts_of

WHOLE = "one two three"
"""What two providers say together."""
PARTING_S = 1.0
"""What the server may take to part with a client that has not closed its end."""

Disturb = Callable[[Running, Client], None]


def plain(it: Running) -> None:
    it.openai.plays(answers(after_s=0.1))


def streamed(it: Running) -> None:
    it.openai.plays(streams("a", "b", every_s=0.1))


def retried(it: Running) -> None:
    it.openai.plays(fails(500), answers(after_s=0.1))


def fallen_back(it: Running) -> None:
    it.openai.plays(fails(429, b"retry-after: 60"))
    it.deepseek.plays(streams("a", "b", every_s=0.1))


def resumed(it: Running) -> None:
    """The second one says what the first has not, wherever that ended: it is given what there is."""
    it.openai.plays(streams("one ", "two ", every_s=0.1, then=is_cut))
    it.deepseek.plays(goes_on)


async def goes_on(asked: Asked) -> None:
    last = asked.json["messages"][-1]
    begun = last["content"] if last["role"] == "assistant" else ""
    await streams(WHOLE[len(begun) :], every_s=0.1)(asked)


STORIES: dict[str, tuple[Callable[[Running], None], dict[str, Any]]] = {
    "plain": (plain, QUESTION),
    "streamed": (streamed, STREAMED),
    "retried": (retried, QUESTION),
    "fallen back": (fallen_back, {**STREAMED, "model": "backed"}),
    "resumed": (resumed, {**STREAMED, "model": "backed"}),
}


def leave(_it: Running, client: Client) -> None:
    client.leave()


def kill_provider(it: Running, _client: Client) -> None:
    kill(it.gateway.actors.provider("openai"))


def kill_router(it: Running, _client: Client) -> None:
    kill(it.gateway.actors.router())


def kill(actor: Any) -> None:
    actor._timers.at(0, explode)


def explode() -> None:
    raise RuntimeError("made for this test")


def drain(it: Running, _client: Client) -> None:
    it.gateway.drain()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["plain", "streamed"])
def test_a_client_may_go_at_any_step(name: str, engine: str) -> None:
    assert sweep(partial(tell, name, engine, leave)) > 20


@pytest.mark.parametrize("disturb", [kill_provider, kill_router, drain])
@pytest.mark.parametrize("engine", ["edge", "hypercorn"])
@pytest.mark.parametrize("name", ["plain", "streamed"])
def test_the_gateway_may_be_hit_at_any_step(name: str, engine: str, disturb: Disturb) -> None:
    assert sweep(partial(tell, name, engine, disturb)) > 20


@pytest.mark.parametrize("disturb", [leave, kill_provider, kill_router, drain])
@pytest.mark.parametrize("name", ["retried", "fallen back", "resumed"])
def test_a_second_attempt_may_end_at_any_step(name: str, disturb: Disturb) -> None:
    assert sweep(partial(tell, name, "edge", disturb)) > 30


async def tell(name: str, engine: str, disturb: Disturb, at: DisturbAt) -> None:
    """One client asks; at some step it happens."""
    setting, question = STORIES[name]
    async with running(engine=engine, troubled=True) as it:
        setting(it)
        client = await it.connect()
        at.arm(partial(disturb, it, client))
        reply = await talk(client, question)
        at.disarm()
        await trio.sleep(PARTING_S)

        check_truth(it, reply)
        if name == "resumed" and reply is not None and is_whole(reply):
            *events, _ = data_of(reply.body)
            assert texts_of(events) == WHOLE
        assert at.done or is_whole(reply)
        if disturb is drain and at.done:
            assert it.ended_at is not None
            assert it.network.open_streams() == 0
        else:
            it.assert_at_rest()
            it.assert_nobody_is_connected()
            assert (await it.ask({**QUESTION, "model": "sandbox/echo"})).status == 200


async def talk(client: Client, question: Any) -> Reply | None:
    """Asks and reads; None where the connection was pulled from under it."""
    with suppress(OSError, trio.ClosedResourceError, h11.RemoteProtocolError):
        reply = await client.request("POST", CHAT, json_body=question)
        client.leave()
        return reply
    client.leave()
    return None


def check_truth(it: Running, reply: Reply | None) -> None:
    """The client's view and the log's agree, and what looks like a whole answer is one."""
    assert not it.logged("request crashed")
    assert not it.logged("call crashed")
    outcomes = [line["outcome"] for line in it.logged("request")]
    if reply is None:  # the last bytes may have been on their way when the client went
        assert outcomes in ([], ["disconnected"], ["ok"])
    elif is_whole(reply):
        assert outcomes in (["ok"], ["error"])  # its provider may have died before it said that this was all
    elif reply.status == 200:
        assert outcomes == ["error"]
        # Where nobody goes on with a stream that was cut, the client hears of that.
        assert list(data_of(reply.body))[-1]["error"]["code"] in ("provider_unavailable", "upstream_error")
    else:
        assert outcomes == ["error"]
        assert reply.status in (503, 500), reply  # 500 is what the provider said to a first attempt


def is_whole(reply: Reply | None) -> bool:
    """Whether a client would take this for all of the answer."""
    return reply is not None and reply.status == 200 and (b"[DONE]" in reply.body or b"Hello." in reply.body)
