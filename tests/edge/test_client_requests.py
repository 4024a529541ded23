"""What the upstream client puts on the wire, and what it refuses to."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
import trio
from trio.testing import MockClock

from actors.errors import Stage
from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.edge.response import UpstreamResponse
from gateway.providers.profile import Origin
from tests.edge.conftest import on_both_clients
from tests.edge.upstream import OK, ORIGIN, Wire, answer_for_ever, upstream
from tests.memory_network import MemoryNetwork


def request_to(
    client: UpstreamClient, origin: Origin = ORIGIN, target: bytes = b"/", value: bytes = b"a"
) -> Awaitable[UpstreamResponse]:
    return client.request(origin, b"POST", target, [(b"x-name", value)], b"{}")


async def test_the_request_on_the_wire(autojump_clock: MockClock) -> None:
    seen = []

    async def script(wire: Wire) -> None:
        while request := await wire.request():
            seen.append(request)
            await wire.send(OK)

    async with upstream(script) as (client, _):
        for method, body in ((b"POST", b"{}"), (b"POST", b""), (b"GET", b"")):
            response = await client.request(ORIGIN, method, b"/v1/a?b=c", [(b"accept", b"*/*")], body)
            response.close()
    assert seen == [
        b"POST /v1/a?b=c HTTP/1.1\r\nhost: upstream.test\r\naccept: */*\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /v1/a?b=c HTTP/1.1\r\nhost: upstream.test\r\naccept: */*\r\ncontent-length: 0\r\n\r\n",
        b"GET /v1/a?b=c HTTP/1.1\r\nhost: upstream.test\r\naccept: */*\r\n\r\n",
    ]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin("http", "a.test", 80), b"a.test"),
        (Origin("http", "a.test", 8080), b"a.test:8080"),
        (Origin("http", "a.test", 443), b"a.test:443"),
        (Origin("http", "::1", 80), b"[::1]"),
        (Origin("http", "bücher.test", 80), b"xn--bcher-kva.test"),
    ],
)
async def test_the_host_field_is_the_origins(origin: Origin, host: bytes, autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    listener = await network.listen(origin.host, origin.port)
    client = UpstreamClient(connect=network.connect, clock=trio.current_time, limits=ClientLimits())

    async def serve() -> None:
        wire = Wire(await listener.accept())
        assert b"\r\nhost: %b\r\n" % host in await wire.request()
        await wire.send(OK)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        (await request_to(client, origin)).close()
    client.close()


@pytest.mark.parametrize("value", [b"a\r\nx-evil: 1", b"a\nb", b"a\rb", b"a\0b", b"\r\n\r\nGET / HTTP/1.1"])
@on_both_clients
async def test_a_header_that_could_end_a_line_is_never_sent(value: bytes, autojump_clock: MockClock) -> None:
    async with upstream(answer_for_ever) as (client, server):
        with pytest.raises(ValueError, match="header"):
            await request_to(client, value=value)
        with pytest.raises(ValueError, match="header"):
            await client.request(ORIGIN, b"POST", b"/", [(value, b"a")], b"")
        assert not server.wires


async def test_what_is_sent_always_comes_first_and_is_its_own_for_each_key(autojump_clock: MockClock) -> None:
    seen = []

    async def script(wire: Wire) -> None:
        while request := await wire.request():
            seen.append(request)
            await wire.send(OK)

    async with upstream(script) as (client, _):
        for key in (b"a", b"b", b"a"):
            always = ((b"authorization", key),)
            (await client.request(ORIGIN, b"GET", b"/", [(b"x-request-id", b"1")], always=always)).close()
    assert seen == [
        b"GET / HTTP/1.1\r\nhost: upstream.test\r\nauthorization: %b\r\nx-request-id: 1\r\n\r\n" % key
        for key in (b"a", b"b", b"a")
    ]


@on_both_clients
async def test_what_is_sent_always_is_checked_every_time(autojump_clock: MockClock) -> None:
    async with upstream(answer_for_ever) as (client, server):
        for _ in range(2):
            with pytest.raises(ValueError, match="header"):
                await client.request(ORIGIN, b"GET", b"/", [], always=((b"authorization", b"a\r\nx-evil: 1"),))
        assert not server.wires


@pytest.mark.parametrize("target", [b"", b"/a b", b"/a\r\nx: y", b"/a\0", "/ä".encode()])
@on_both_clients
async def test_a_target_that_could_end_a_line_is_never_sent(target: bytes, autojump_clock: MockClock) -> None:
    async with upstream(answer_for_ever) as (client, server):
        with pytest.raises(ValueError, match="target"):
            await request_to(client, target=target)
        assert not server.wires


async def test_more_targets_than_are_remembered_are_all_asked_rightly(autojump_clock: MockClock) -> None:
    seen = []

    async def script(wire: Wire) -> None:
        while request := await wire.request():
            seen.append(request.split(b" ")[1])
            await wire.send(OK)

    async with upstream(script) as (client, _):
        for number in range(600):
            (await request_to(client, target=b"/%d" % (number % 300))).close()
    assert seen == [b"/%d" % (number % 300) for number in range(600)]


async def test_progress_is_told_when_there_is_a_connection_and_when_all_is_sent(autojump_clock: MockClock) -> None:
    """A kept connection begins with sending; a dead one goes back to connecting."""
    stages: list[tuple[Stage, float]] = []

    async def script(wire: Wire) -> None:
        await wire.request()
        await trio.sleep(1)
        await wire.send(OK)
        await wire.request()
        wire.stream.close()

    def note(stage: Stage) -> None:
        stages.append((stage, trio.current_time()))

    async with upstream(script) as (client, _):
        for _ in range(2):
            response = await client.request(ORIGIN, b"POST", b"/", [], b"{}", progress=note)
            response.close()
    assert stages == [
        *[(Stage.CONNECTING, 0), (Stage.SENDING, 0), (Stage.AWAITING, 0)],
        *[(Stage.SENDING, 1), (Stage.AWAITING, 1)],
        *[(Stage.CONNECTING, 1), (Stage.SENDING, 1), (Stage.AWAITING, 1)],
    ]
