"""Looks after the upstream client's idle connections, as a supervised child that tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import trio

from gateway.edge.pool import PoolStatistics
from gateway.providers.profile import Origin

SWEEP_EVERY_S = 10.0


class Connections(Protocol):
    """What keeps idle connections."""

    def drop_expired(self) -> None:
        """Closes what has been idle for too long."""
        ...

    def statistics(self) -> Mapping[Origin, PoolStatistics]: ...

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ends what callers have left, for ever."""
        ...


class UpstreamKeeper:
    """Closes what has been idle for too long also where nobody asks that provider any more."""

    def __init__(self, client: Connections) -> None:
        self._client = client

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sweeps for ever."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._client.run)
            task_status.started()
            while True:
                await trio.sleep(SWEEP_EVERY_S)
                self._client.drop_expired()

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors: connections by origin."""
        return {
            f"{origin.scheme}://{origin.host}:{origin.port}": {
                "busy": figures.busy,
                "connecting": figures.connecting,
                "idle": figures.idle,
            }
            for origin, figures in self._client.statistics().items()
        }
