"""Asks providers through a proxy or over HTTP/2: an `UpstreamClient` like the edge's, ten times as dear a request.

It sets no timeouts and repeats nothing but a request whose kept connection turned out to be dead; the environment's
proxies are nothing to it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import httpcore
import httpx

from actors.errors import Stage
from gateway.dialects.envelope import RawHeaders
from gateway.edge.client import ClientLimits, Progress
from gateway.edge.pool import PoolStatistics
from gateway.edge.request_head import check_request, host_field
from gateway.edge.unreachable import unreachable
from gateway.errors import UpstreamBroken, UpstreamReset, UpstreamUnreachable
from gateway.httpx_client.endings import Endings
from gateway.httpx_client.lanes import Lane, Lanes
from gateway.httpx_client.network import Network, Wire
from gateway.httpx_client.response import HttpxResponse
from gateway.providers.profile import Origin, RawHeader
from gateway.world import Connect

MakeContext = Callable[[], ssl.SSLContext]
"""Gives what is shared with whoever speaks the same protocols."""
_WITHOUT_BODY: Final = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})


class HttpxClient:
    """Asks over HTTP/1.1, or with `http2` over what the provider prefers; through `proxy` if there is one.

    What is left of answers that were broken off comes to its end in `endings`.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        clock: Callable[[], float],
        limits: ClientLimits,
        endings: Endings,
        ssl_context: MakeContext | None = None,
        proxy: str | None = None,
        http2: bool = False,
    ) -> None:
        """`ssl_context` is called when the first https address is asked: reading the authorities takes tens of
        milliseconds, and neighbours often speak http alone. `proxy` is an http or https address, with user and
        password if it wants them. Raises ValueError for another.
        """
        self._connect = connect
        self._clock = clock
        self._limits = limits
        self._endings = endings
        self._ssl_context = ssl_context
        self._proxy = None if proxy is None else _proxy_of(proxy, ssl_context)
        self._http2 = http2
        self._lanes: dict[Origin, Lanes] = {}
        self._closed = False

    async def request(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: RawHeaders,
        body: bytes = b"",
        *,
        always: tuple[RawHeader, ...] = (),
        progress: Progress | None = None,
    ) -> HttpxResponse:
        """Asks and waits for the answer's head, as the edge's client does; raises what that raises."""
        check_request(method, target, [*always, *headers])
        fields = [(b"host", host_field(origin)), *always, *headers]
        if body or method not in _WITHOUT_BODY:
            fields.append((b"content-length", b"%d" % len(body)))
        url = httpcore.URL(
            scheme=origin.scheme.encode(), host=origin.host.encode("idna"), port=_explicit_port(origin), target=target
        )
        lanes = self._lanes.get(origin) or self._new_lanes(origin)
        ask = partial(self._ask, lanes, method, url, fields, body, progress)
        kept = lanes.take()
        if kept is not None:
            was_idle = kept.busy == 1
            try:
                return await ask(kept)
            except UpstreamReset:
                if not was_idle:
                    raise
                # It had been closed while it lay idle, and nobody has seen the request.
        return await ask(lanes.add())

    def drop_expired(self) -> None:
        """Closes what has been idle for too long, which else happens only when its origin is asked again."""
        for lanes in self._lanes.values():
            lanes.drop_expired()

    def statistics(self) -> dict[Origin, PoolStatistics]:
        return {origin: lanes.statistics() for origin, lanes in self._lanes.items()}

    def close(self) -> None:
        """Closes every connection; what is going on fails as if the provider had closed it."""
        self._closed = True
        for lanes in self._lanes.values():
            lanes.close()

    async def _ask(
        self,
        lanes: Lanes,
        method: bytes,
        url: httpcore.URL,
        fields: RawHeaders,
        body: bytes,
        progress: Progress | None,
        lane: Lane,
    ) -> HttpxResponse:
        if self._closed:
            lanes.give_up(lane, None)
            raise UpstreamUnreachable("The provider could not be reached: the client is closed.")
        watch = _Watch(progress)
        received = _received(lane)
        request = httpcore.Request(
            method, url, headers=list(fields), content=_Body(body), extensions={"trace": watch, "timeout": {}}
        )
        response: HttpxResponse | None = None
        try:
            answer = await _asked(lane, request, received)
            if answer.extensions.get("http_version") == b"HTTP/2":
                lanes.learn_http2(lane)
            response = HttpxResponse(answer, partial(self._ended, lanes, lane, watch))
            return response
        finally:
            if response is None:
                lanes.give_up(lane, watch.stream_id)

    def _ended(self, lanes: Lanes, lane: Lane, watch: _Watch, response: HttpxResponse, in_order: bool) -> None:
        """An answer is over for whoever asked: `in_order`, to be read to its end yet, or broken off."""
        if in_order:
            lanes.give_back(lane)
        elif response.is_left and self._endings.running:
            self._endings.start(partial(self._finish, lanes, lane, watch, response))
        else:
            lanes.give_up(lane, watch.stream_id)
            self._endings.start(response.unwind)

    async def _finish(self, lanes: Lanes, lane: Lane, watch: _Watch, response: HttpxResponse) -> None:
        is_whole = False
        try:
            is_whole = await response.finish()
        finally:
            if is_whole:
                lanes.give_back(lane)
            else:
                lanes.give_up(lane, watch.stream_id)
        if not is_whole:
            await response.unwind()

    def _new_lanes(self, origin: Origin) -> Lanes:
        lanes = self._lanes[origin] = Lanes(
            partial(self._new_pool, self._context_for(origin.scheme)),
            clock=self._clock,
            max_connections=self._limits.max_connections,
            idle_s=self._limits.idle_s,
        )
        return lanes

    def _context_for(self, scheme: str) -> ssl.SSLContext | None:
        return self._ssl_context() if self._ssl_context is not None and scheme == "https" else None

    def _new_pool(
        self, context: ssl.SSLContext | None, on_wire: Callable[[Wire], None]
    ) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=context,
            proxy=self._proxy,
            max_connections=1,
            http2=self._http2,
            retries=0,
            network_backend=Network(self._connect, on_wire),
        )


class _Body:
    """A request's body for httpcore; no generator, which a cancel would leave hanging."""

    def __init__(self, body: bytes) -> None:
        self._rest = body

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        piece, self._rest = self._rest, b""
        return piece


class _Watch:
    """httpcore's `trace` of one request: how far it has come, and as which HTTP/2 stream."""

    def __init__(self, progress: Progress | None) -> None:
        self.stream_id: int | None = None
        """Once the provider knows of it."""
        self._progress = progress
        self._is_to_proxy = False
        """What is being sent asks the proxy for a tunnel."""

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        _, _, step = event.partition(".")
        if event == "connection.connect_tcp.started":
            self._enter(Stage.CONNECTING)
        elif step == "send_request_headers.started":
            self._is_to_proxy = info["request"].method == b"CONNECT"
            self._enter(Stage.SENDING)
        elif step == "send_request_body.started":
            self.stream_id = info.get("stream_id")
        elif step == "send_request_body.complete":
            self._enter(Stage.AWAITING)

    def _enter(self, stage: Stage) -> None:
        if self._progress is not None and not self._is_to_proxy:
            self._progress(stage)


def _explicit_port(origin: Origin) -> int | None:
    """A proxy is told of it only where it is not the scheme's own."""
    return None if origin.port == {"http": 80, "https": 443}.get(origin.scheme) else origin.port


def _received(lane: Lane) -> int:
    return 0 if lane.wire is None else lane.wire.received_bytes


async def _asked(lane: Lane, request: httpcore.Request, received: int) -> httpcore.Response:
    """Raises what an `UpstreamClient` raises; the lane had `received` so many bytes before."""
    try:
        return await lane.pool.handle_async_request(request)
    except (OSError, UnicodeError) as failure:
        raise unreachable(failure) from failure
    except httpcore.ProxyError as refusal:
        raise UpstreamUnreachable("The provider could not be reached: the proxy refused.") from refusal
    except httpcore.LocalProtocolError as mistake:
        raise ValueError("a request's header carries what cannot be sent") from mistake
    except (httpcore.NetworkError, httpcore.ProtocolError) as loss:
        if _received(lane) != received:
            raise UpstreamBroken("The provider's answer cannot be read.") from loss
        raise UpstreamReset("The provider closed the connection without an answer.") from loss


def _proxy_of(address: str, ssl_context: MakeContext | None) -> httpcore.Proxy:
    proxy = httpx.Proxy(address)
    if proxy.url.scheme not in ("http", "https"):
        raise ValueError("the proxy's address is neither http nor https")
    return httpcore.Proxy(
        url=httpcore.URL(
            scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
        ),
        auth=proxy.raw_auth,
        ssl_context=ssl_context() if ssl_context is not None and proxy.url.scheme == "https" else None,
    )
