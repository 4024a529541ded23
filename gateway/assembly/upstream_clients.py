"""The clients that ask providers: the edge's where that is all there is to it, else one of httpx's for each way."""

from __future__ import annotations

from functools import partial
from ssl import SSLContext
from typing import TYPE_CHECKING

import trio

from gateway.calls.upstream import UpstreamClient as AnyClient
from gateway.config import CloudProvider, Config
from gateway.config.settings import Transport
from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.edge.pool import PoolStatistics
from gateway.edge.tls import client_context
from gateway.httpx_client.endings import Endings
from gateway.providers.profile import Origin
from gateway.world import World

if TYPE_CHECKING:
    from gateway.httpx_client.client import HttpxClient


class UpstreamClients:
    """One client for each way of reaching providers. Raises OSError, ssl.SSLError for a `ca_file` that cannot be read.

    Authorities are read once for all who speak the same protocols; now, where any provider is asked over TLS, so that
    a file that is not there is told at once and not to the first client.
    """

    def __init__(self, config: Config, world: World) -> None:
        self._world = world
        self._ca_file = config.upstream.ca_file or None
        self._contexts: dict[bool, SSLContext] = {}
        self._endings = Endings()
        self._edge = UpstreamClient(
            connect=world.connect,
            clock=world.clock,
            limits=ClientLimits(),
            ssl_context=partial(self._context, http2=False),
        )
        self._httpx: dict[Transport, HttpxClient] = {}
        for name in _asked_over_tls(config):
            self._context(http2=config.transport(name).http2)

    def of(self, transport: Transport) -> AnyClient:
        """The one that asks this way; made where it is new."""
        if transport.engine == "edge":
            return self._edge
        client = self._httpx.get(transport)
        if client is None:
            from gateway.httpx_client.client import HttpxClient

            client = self._httpx[transport] = HttpxClient(
                connect=self._world.connect,
                clock=self._world.clock,
                limits=ClientLimits(),
                endings=self._endings,
                ssl_context=partial(self._context, http2=transport.http2),
                proxy=transport.proxy,
                http2=transport.http2,
            )
        return client

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ends what callers have left, for ever."""
        await self._endings.run(task_status=task_status)

    def drop_expired(self) -> None:
        """Closes what has been idle for too long."""
        for client in self._all():
            client.drop_expired()

    def statistics(self) -> dict[Origin, PoolStatistics]:
        """The connections of all clients together."""
        together = self._edge.statistics()
        for client in self._httpx.values():
            for origin, figures in client.statistics().items():
                before = together.get(origin, PoolStatistics(busy=0, connecting=0, idle=0))
                together[origin] = PoolStatistics(
                    busy=before.busy + figures.busy,
                    connecting=before.connecting + figures.connecting,
                    idle=before.idle + figures.idle,
                )
        return together

    def close(self) -> None:
        """Closes every connection; what is going on fails as if the provider had closed it."""
        for client in self._all():
            client.close()

    def _all(self) -> tuple[UpstreamClient | HttpxClient, ...]:
        return self._edge, *self._httpx.values()

    def _context(self, *, http2: bool) -> SSLContext:
        context = self._contexts.get(http2)
        if context is None:
            context = self._contexts[http2] = client_context(self._ca_file, http2=http2)
        return context


def _asked_over_tls(config: Config) -> list[str]:
    return [
        name
        for name, provider in config.providers.items()
        if isinstance(provider, CloudProvider)
        and provider.base_url.startswith("https:")
        and not config.missing_keys(name)
    ]
