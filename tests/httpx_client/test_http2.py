"""The httpx client over TLS in virtual time: HTTP/2 with a provider that Hypercorn plays, tunnels through a proxy."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.edge.client import ClientLimits
from gateway.edge.limits import ServerLimits
from gateway.edge.pool import PoolStatistics
from gateway.edge.tls import client_context
from gateway.errors import UpstreamBroken, UpstreamUnreachable
from gateway.face.hypercorn_engine import HypercornServer, tls_context
from gateway.httpx_client.client import HttpxClient
from gateway.httpx_client.endings import Endings
from gateway.httpx_client.response import HttpxResponse
from gateway.providers.profile import Origin
from tests.certificates import NAME, Certificate, certify
from tests.memory_network import MemoryNetwork
from tests.proxy import ADDRESS, ADDRESS_WITH_PASSWORD, Proxy

ORIGIN = Origin("https", NAME, 443)
LARGE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certify(tmp_path_factory.mktemp("authority"))


@dataclass
class Provider:
    """An ASGI app: /echo says the body back, /talk a word a second without end, /last a word and the end 2 s later."""

    versions: list[str] = field(default_factory=list)
    left: list[tuple[str, float]] = field(default_factory=list)
    """Whose request was given up, and when the provider learnt of it."""
    said: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.versions.append(scope["http_version"])
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/talk":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._talk, send)
                assert (await receive())["type"] == "http.disconnect"
                self.left.append((scope["query_string"].decode(), trio.current_time()))
                nursery.cancel_scope.cancel()
            return
        if scope["path"] == "/last":
            await send({"type": "http.response.body", "body": b"last", "more_body": True})
            await trio.sleep(2)
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _talk(self, send: Any) -> None:
        while True:
            await trio.sleep(1)
            await send({"type": "http.response.body", "body": b"word ", "more_body": True})


@dataclass
class House:
    """A client and what it asks."""

    client: HttpxClient
    provider: Provider
    network: MemoryNetwork
    nursery: trio.Nursery

    async def ask(self, target: bytes = b"/echo", body: bytes = b"{}") -> HttpxResponse:
        return await self.client.request(ORIGIN, b"POST", target, [(b"accept", b"*/*")], body)

    async def read(self, target: bytes = b"/echo", body: bytes = b"{}") -> bytes:
        response = await self.ask(target, body)
        try:
            return await response.read(2 * len(LARGE))
        finally:
            response.close()

    @property
    def connections(self) -> PoolStatistics:
        return self.client.statistics()[ORIGIN]


@asynccontextmanager
async def asking(
    authority: Certificate, *, http2: bool = True, proxy: str | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[House]:
    network, provider = MemoryNetwork(), Provider()
    crashes: list[BaseException] = []
    server = HypercornServer(
        provider,
        limits=ServerLimits(),
        tls=tls_context(str(authority.file), str(authority.key_file)),
        clock=trio.current_time,
        wall_clock=lambda: 0.0,
        on_crash=lambda crash, _scope: crashes.append(crash),
    )
    endings = Endings()
    client = HttpxClient(
        connect=network.connect,
        endings=endings,
        clock=trio.current_time,
        limits=ClientLimits(max_connections=64),
        ssl_context=lambda: trust or client_context(str(authority.file), http2=http2),
        proxy=proxy,
        http2=http2,
    )
    with trio.fail_after(3600):
        async with trio.open_nursery() as nursery:
            await nursery.start(server.serve, [await network.listen(NAME, 443)])
            await nursery.start(endings.run)
            yield House(client, provider, network, nursery)
            client.close()
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert not crashes


@pytest.mark.parametrize(("http2", "version"), [(True, "2"), (False, "1.1")])
async def test_a_megabyte_there_and_back_over_one_kept_connection(
    authority: Certificate, autojump_clock: MockClock, http2: bool, version: str
) -> None:
    async with asking(authority, http2=http2) as house:
        for _ in range(3):
            assert await house.read(body=LARGE) == LARGE
        assert house.provider.versions == [version] * 3
        assert len(house.network.streams) == 2
        assert house.connections == PoolStatistics(busy=0, connecting=0, idle=1)


async def test_once_it_is_known_to_be_http_2_many_share_a_connection(
    authority: Certificate, autojump_clock: MockClock
) -> None:
    async with asking(authority) as house:
        await house.read()
        answers = []
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(keep, answers, house, b"%d" % number)
        assert sorted(answers) == sorted(b"%d" % number for number in range(20))
        assert house.connections.open == 1


async def keep(answers: list[bytes], house: House, body: bytes) -> None:
    answers.append(await house.read(body=body))


async def test_one_answer_of_several_that_is_given_up_is_reset_and_its_neighbours_go_on(
    authority: Certificate, autojump_clock: MockClock
) -> None:
    """At that very second the provider knows. The connection takes no further requests, and ends with its last one."""
    async with asking(authority) as house:
        await house.read()
        given_up, neighbour = await house.ask(b"/talk?given-up"), await house.ask(b"/talk?neighbour")
        await trio.sleep(2.5)

        given_up.close()

        await trio.testing.wait_all_tasks_blocked()
        assert house.provider.left == [("given-up", 2.5)]
        heard = b""
        while trio.current_time() < 4:
            heard += await neighbour.receive()
        assert heard == b"word " * 4
        assert await house.read() == b"{}"
        assert house.connections.open == 2
        neighbour.close()
        await trio.testing.wait_all_tasks_blocked()
        assert [who for who, _ in house.provider.left] == ["given-up", "neighbour"]
        assert house.connections.open == 1


async def test_a_request_that_is_cancelled_before_its_answer_is_reset_as_well(
    authority: Certificate, autojump_clock: MockClock
) -> None:
    async with asking(authority) as house:
        await house.read()
        neighbour = await house.ask(b"/talk?neighbour")
        with trio.move_on_after(3):
            await house.read(b"/talk?given-up")
        await trio.testing.wait_all_tasks_blocked()
        assert house.provider.left == [("given-up", 3)]
        assert await neighbour.receive()
        neighbour.close()


async def test_two_hundred_that_leave_cost_no_place(authority: Certificate, autojump_clock: MockClock) -> None:
    async with asking(authority) as house:
        for number in range(200):
            with trio.move_on_after(number % 7 / 2):
                await house.read(b"/talk")
        assert await house.read() == b"{}"
        assert house.connections == PoolStatistics(busy=0, connecting=0, idle=1)


@pytest.mark.parametrize("http2", [True, False])
async def test_an_answer_that_is_left_keeps_its_connection_if_it_ends_soon(
    authority: Certificate, autojump_clock: MockClock, http2: bool
) -> None:
    async with asking(authority, http2=http2) as house:
        response = await house.ask(b"/last")
        assert await response.receive() == b"last"
        response.leave()
        response.close()
        assert trio.current_time() == 0
        await trio.sleep(2.5)
        assert await house.read() == b"{}"
        assert len(house.network.streams) == 2


async def test_a_provider_that_goes_away_breaks_the_answer(authority: Certificate, autojump_clock: MockClock) -> None:
    async with asking(authority) as house:
        response = await house.ask(b"/talk")
        assert await response.receive() == b"word "
        for stream in house.network.streams:
            stream.close(abort=True)
        with pytest.raises(UpstreamBroken):
            await response.receive()
        response.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: Certificate, autojump_clock: MockClock
) -> None:
    async with asking(authority, trust=client_context()) as house:
        with pytest.raises(UpstreamUnreachable, match="certificate was not accepted"):
            await house.read()
        assert house.connections.open == 0


# Tunnels.


@pytest.mark.parametrize(("http2", "version"), [(True, "2"), (False, "1.1")])
async def test_tls_goes_through_a_tunnel(
    authority: Certificate, autojump_clock: MockClock, http2: bool, version: str
) -> None:
    async with asking(authority, http2=http2, proxy=ADDRESS) as house:
        proxy = Proxy(house.network)
        await house.nursery.start(proxy.run)
        for _ in range(2):
            assert await house.read(body=LARGE) == LARGE
        assert proxy.asked == [b"CONNECT localhost:443 HTTP/1.1"]
        assert house.provider.versions == [version] * 2


async def test_who_leaves_is_felt_at_the_tunnels_other_end(authority: Certificate, autojump_clock: MockClock) -> None:
    async with asking(authority, http2=False, proxy=ADDRESS) as house:
        await house.nursery.start(Proxy(house.network).run)
        response = await house.ask(b"/talk?given-up")
        await trio.sleep(2.5)
        response.close()
        await trio.testing.wait_all_tasks_blocked()
        assert house.provider.left == [("given-up", 2.5)]
        assert house.connections.open == 0


async def test_a_proxy_that_refuses_is_an_unreachable_provider(
    authority: Certificate, autojump_clock: MockClock
) -> None:
    async with asking(authority, proxy=ADDRESS) as house:
        await house.nursery.start(Proxy(house.network, wants_password=True).run)
        with pytest.raises(UpstreamUnreachable, match="the proxy refused"):
            await house.read()
        assert house.connections.open == 0


async def test_a_proxy_is_shown_its_password(authority: Certificate, autojump_clock: MockClock) -> None:
    async with asking(authority, proxy=ADDRESS_WITH_PASSWORD) as house:
        await house.nursery.start(Proxy(house.network, wants_password=True).run)
        assert await house.read() == b"{}"


@pytest.mark.parametrize("address", ["socks5://proxy.test:1080", "proxy.test"])
async def test_what_is_no_http_proxy_is_refused(address: str, authority: Certificate) -> None:
    with pytest.raises(ValueError, match="proxy"):
        HttpxClient(
            connect=MemoryNetwork().connect,
            clock=trio.current_time,
            limits=ClientLimits(),
            endings=Endings(),
            proxy=address,
        )
