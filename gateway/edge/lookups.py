"""Names are looked up once at a time: however many connections wait for one, and however long, it takes one thread.

Else a name whose servers are silent would soon hold all of Trio's threads, and nobody could reach another provider.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import trio

MOST_AT_ONCE: Final = 64
"""Different names; there are as many as providers and services."""

Found = list[Any]
"""As socket.getaddrinfo has it."""


class _Lookup:
    """One that is under way, for all who wait for it."""

    __slots__ = ("failure", "found", "over")

    def __init__(self) -> None:
        self.found: Found = []
        self.failure: OSError | None = None
        self.over = trio.Event()


class SharedLookups(trio.abc.HostnameResolver):
    """To be installed by trio.socket.set_custom_hostname_resolver, within `trio.run`, once `run` runs."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(MOST_AT_ONCE)
        self._under_way: dict[tuple[object, ...], _Lookup] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves for ever."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Found:
        """Raises socket.gaierror, OSError. Who leaves meanwhile ends it for nobody else."""
        question = (host, port, family, type, proto, flags)
        lookup = self._under_way.get(question)
        if lookup is None:
            assert self._nursery is not None, "it runs"
            lookup = self._under_way[question] = _Lookup()
            ask = partial(socket.getaddrinfo, host, port, family, type, proto, flags)
            self._nursery.start_soon(self._look_up, question, lookup, ask)
        await lookup.over.wait()
        if lookup.failure is not None:
            raise lookup.failure.__class__(*lookup.failure.args) from lookup.failure
        return lookup.found

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        """As socket.getnameinfo; nobody here asks for one."""
        return await trio.to_thread.run_sync(
            socket.getnameinfo, sockaddr, flags, abandon_on_cancel=True, limiter=self._limiter
        )

    async def _look_up(self, question: tuple[object, ...], lookup: _Lookup, ask: Callable[[], Found]) -> None:
        try:
            lookup.found = await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._limiter)
        except OSError as failure:
            lookup.failure = failure
        finally:
            del self._under_way[question]
            lookup.over.set()
