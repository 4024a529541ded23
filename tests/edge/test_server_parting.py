"""After the last answer: whoever still sends can read it, for as long as that is not abused."""

from __future__ import annotations

import trio
import trio.testing

from gateway.edge.limits import ServerLimits
from tests.edge.serving import Answer, Client, House, get, serving

SMALL = ServerLimits(body_bytes=100_000)
PIECE = b"x" * 50_000
LARGE = get("/echo", "Content-Length: 1000000000", method="POST")
"""Too large: refused from its head."""


async def send_on(client: Client, pause_s: float) -> float:
    """Sends pieces until that fails, and tells when it did."""
    try:
        while True:
            await client.send(PIECE)
            await trio.sleep(pause_s)
    except OSError:
        return trio.current_time()


async def part(house: House) -> Client:
    """A client that was refused, has not closed, and says no more."""
    client = await house.client()
    await client.send(LARGE)
    await trio.testing.wait_all_tasks_blocked()
    return client


async def test_a_slow_upload_that_is_refused_is_read_to_its_end(autojump_clock):
    """Twenty pieces in nineteen seconds before the client looks for an answer, as clients do that write, then read."""
    async with serving(limits=SMALL) as house:
        client = await house.client()
        await client.send(get("/echo", f"Content-Length: {20 * len(PIECE)}", method="POST"))
        for piece in range(20):
            await trio.sleep(1 if piece else 0)
            await client.send(PIECE)
        answer: Answer = await client.answer()
        assert (answer.status, answer.headers["connection"], answer.at) == (413, "close", 19)
        assert await client.end() == 19
        client.close()
        await trio.testing.wait_all_tasks_blocked()
        assert house.connections() == 0
        assert house.app.calls == []


async def test_one_that_is_silent_for_five_seconds_is_left(autojump_clock):
    """Five from its last piece; one that had sent all of its request has a second for closing."""
    async with serving(limits=SMALL) as house:
        client = await house.client()
        assert (await client.ask(LARGE)).status == 413
        await trio.sleep(4)
        await client.send(PIECE)
        done = await house.client()
        assert (await done.ask(get("/", "Connection: close"))).status == 200
        for at, connections in ((4.9, 2), (5.1, 1), (8.9, 1), (9.1, 0)):
            await trio.sleep(at - trio.current_time())
            assert house.connections() == connections, at


async def test_one_that_never_stops_is_left_after_thirty_seconds_or_too_much(autojump_clock):
    """Both notice it with the second piece that nobody takes."""
    async with serving(limits=ServerLimits(linger_bytes=5_000_000)) as house:
        for pause_s, until in ((0.875, 31.5), (0.0, 31.5)):
            client = await house.client()
            await client.send(b"\0")
            assert (await client.answer()).status == 400
            assert await send_on(client, pause_s) == until


async def test_those_who_part_are_bounded_in_number_and_make_room(autojump_clock):
    """The third takes the first one's place; where the server is full, a newcomer takes the next one's."""
    async with serving(limits=ServerLimits(body_bytes=100_000, max_parting=2, max_connections=5)) as house:
        first, second, third = [await part(house) for _ in range(3)]
        assert house.connections() == 2
        assert await send_on(first, 0) == 0
        house.neighbour.close()
        house.neighbour_until = 0
        for _ in range(2):
            await (await house.client()).send(get("/forever"))
        await trio.testing.wait_all_tasks_blocked()
        assert house.server.statistics().idle == 0
        newcomer = await house.client()
        await trio.testing.wait_all_tasks_blocked()
        assert house.connections() == 4
        assert await send_on(second, 0) == 0
        await house.hello(newcomer)
        await third.send(PIECE)
        assert (await third.answer()).status == 413


async def test_those_who_part_hold_no_drain_up_beyond_its_grace(autojump_clock):
    """And whoever is refused when the grace is over has a second."""
    async with serving(limits=SMALL) as house, trio.open_nursery() as nursery:
        parting, waiting, late = await part(house), await house.client(), await house.client()
        nursery.start_soon(send_on, parting, 1)
        await waiting.send(get("/forever"))
        await late.send(get("/deaf", "Content-Length: 100000", method="POST"))
        await trio.sleep(0.5)
        house.drain(3)
        assert (await late.answer()).status == 503
        assert trio.current_time() == 3.5
        assert (house.server.statistics().busy, house.connections()) == (0, 2)
        nursery.start_soon(send_on, late, 0.25)
        await house.ended.wait()
        assert house.ended_at == 4.5
