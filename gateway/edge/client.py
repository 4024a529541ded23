"""The upstream HTTP/1.1 client: one bounded pool an origin, strict answers, and nothing left open by a cancel.

It sets no timeouts: the caller's cancel scope covers all of a request, and `progress` says where it has come.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from actors.errors import Stage
from gateway.dialects.envelope import RawHeaders
from gateway.edge.pool import Connection, OriginPool, PoolStatistics
from gateway.edge.request_head import RequestHeads
from gateway.edge.response import UpstreamResponse, response_of
from gateway.edge.tls import client_context, open_tls
from gateway.edge.unreachable import unreachable
from gateway.edge.upstream_exchange import Exchange
from gateway.edge.usual_answer import AnswerHeads
from gateway.errors import UpstreamReset
from gateway.providers.profile import Origin, RawHeader
from gateway.world import Connect, Stream

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_SENDING: Final = Stage.SENDING
_AWAITING: Final = Stage.AWAITING


Progress = Callable[[Stage], None]
"""Told CONNECTING before a connection is opened, SENDING once there is one, AWAITING when the last byte has gone.

A kept connection begins with SENDING; one that turns out to be dead is replaced: CONNECTING, and SENDING again.
"""


def _unwatched(_stage: Stage) -> None:
    """For who does not want to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    max_connections: int = 1024
    """To one origin; own permits stand in front, so that reaching it is a sign of something wrong."""
    max_header_bytes: int = 64 * 1024
    """Of an answer, interim ones and trailers counted in."""
    idle_s: float = 60.0
    """A connection unused for longer is not used again."""


class UpstreamClient:
    """Asks providers over HTTP or HTTPS.

    `ssl_context` is called at most once, when it is first needed; by default it verifies against `ca_file`, or the
    system's authorities.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        clock: Callable[[], float],
        limits: ClientLimits,
        ca_file: str | None = None,
        ssl_context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._limits = limits
        self._make_context = ssl_context or partial(client_context, ca_file)
        self._context: ssl.SSLContext | None = None
        self._closed = False
        self._heads = RequestHeads()
        self._answers = AnswerHeads(limits.max_header_bytes)
        self._pools: dict[Origin, OriginPool] = {}

    async def request(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: RawHeaders,
        body: bytes = b"",
        *,
        always: tuple[RawHeader, ...] = (),
        progress: Progress = _unwatched,
    ) -> UpstreamResponse:
        """Asks and waits for the answer's head; `host` and `content-length` are added to the headers.

        Those that every request of a kind has are given as `always` and composed once, `headers` are this request's.
        A connection that was kept alive but is lost before any byte of an answer is replaced by a fresh one, once.
        Raises UpstreamUnreachable, UpstreamReset (no byte of an answer), UpstreamBroken, UpstreamTooLarge,
        Overloaded (too many connections), Exhausted, ValueError (a header or target that could not be sent as it is).
        """
        message = self._heads.compose(origin, method, target, always, headers, body)
        pool = self._pools.get(origin) or self._new_pool(origin)
        kept = pool.take()
        while True:
            connection = kept or await _open(pool, progress)
            exchange = Exchange(connection, connection.stream, self._answers, method == b"HEAD")
            try:
                try:
                    progress(_SENDING)
                    unsent = exchange.send_nowait(message)
                    if unsent is not None:
                        await exchange.send_rest(unsent)
                    progress(_AWAITING)
                    if exchange.answer is None or not exchange.answer.has_head:
                        await exchange.receive_head()
                    return response_of(exchange)
                except trio.ClosedResourceError as loss:
                    exchange.lose(loss)
            except UpstreamReset:
                if kept is None:
                    raise
                kept = None  # it had been closed while it lay idle, and nobody has seen the request
            except BaseException:
                exchange.close()
                raise

    def drop_expired(self) -> None:
        """Closes what has been idle for too long, which else happens only when its origin is asked again."""
        for pool in self._pools.values():
            pool.drop_expired()

    def statistics(self) -> dict[Origin, PoolStatistics]:
        return {origin: pool.statistics() for origin, pool in self._pools.items()}

    def close(self) -> None:
        """Closes every connection; what is going on fails as if the provider had closed it."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()

    def _new_pool(self, origin: Origin) -> OriginPool:
        pool = self._pools[origin] = OriginPool(
            partial(self._open_stream, origin),
            clock=self._clock,
            max_connections=self._limits.max_connections,
            idle_s=self._limits.idle_s,
        )
        if self._closed:
            pool.close()
        return pool

    async def _open_stream(self, origin: Origin) -> Stream:
        if origin.scheme != "https":
            return await self._connect(origin.host, origin.port)
        if self._context is None:
            self._context = self._make_context()
        return await open_tls(await self._connect(origin.host, origin.port), self._context, origin.host)


async def _open(pool: OriginPool, progress: Progress) -> Connection:
    progress(Stage.CONNECTING)
    try:
        return await pool.open()
    except (OSError, UnicodeError) as failure:
        raise unreachable(failure) from failure
