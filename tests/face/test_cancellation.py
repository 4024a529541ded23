"""The sweep: before each step that anybody takes, on every engine, the client goes away or the server's grace is over.

Nothing is left behind, and each request has its one record.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import h11
import pytest
import trio
import trio.testing

from tests.actors.sweep import DisturbAt, sweep
from tests.face.engines import ENGINES, Face, serving
from tests.face.house import QUESTION, answers
from tests.face.http_client import Client

PATIENCE_S = 3600


def leave(_face: Face, client: Client) -> None:
    client.leave()


def end_grace(face: Face, _client: Client) -> None:
    face.server.drain(0)


Disturb = Callable[[Face, Client], None]
every_way = pytest.mark.parametrize("how", [leave, end_grace])


@every_way
@pytest.mark.parametrize("engine", ENGINES)
def test_a_plain_answer_can_end_at_any_step_and_leaves_nothing(engine: str, how: Disturb) -> None:
    async def story(disturb: DisturbAt) -> None:
        async with serving(engine) as face:
            face.house.router.play = answers(after_s=1)
            client = await face.connect()
            disturb.arm(partial(how, face, client))
            await talk(client, stream=False)
            await check_all_is_back(face, how)

    assert sweep(story) > 10


@every_way
@pytest.mark.parametrize("engine", ENGINES)
def test_a_stream_can_end_at_any_step_and_leaves_nothing(engine: str, how: Disturb) -> None:
    async def story(disturb: DisturbAt) -> None:
        async with serving(engine) as face:
            face.house.router.play_stream([b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n"], every_s=1)
            client = await face.connect()
            disturb.arm(partial(how, face, client))
            await talk(client, stream=True)
            await check_all_is_back(face, how)

    assert sweep(story) > 20


async def talk(client: Client, *, stream: bool) -> None:
    """Asks and reads, until the connection is pulled from under it."""
    with suppress(OSError, trio.ClosedResourceError, h11.RemoteProtocolError):
        await client.request("POST", "/v1/chat/completions", json_body={**QUESTION, "stream": stream})
    client.leave()


async def check_all_is_back(face: Face, how: Disturb) -> None:
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(PATIENCE_S)
    house = face.house
    assert house.budget.used == 0
    assert len(house.records) <= 1
    assert [record.call for record in house.records if record.call is not None] == house.router.calls
    assert all(call.left for call in house.router.calls)
    for record in house.records:
        assert record.outcome in ("ok", "disconnected" if how is leave else "error")
        assert record.ended_at < 10
    assert face.network.open_streams() == 0
    assert house.crashes == []
