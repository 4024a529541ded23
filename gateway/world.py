"""Everything outside the gateway that a simulation swaps: clock, chance, network, Redis, memory, environment.

`wiring.build(config, world)` takes everything from a World, so that several gateways live in one process and a whole
one runs in virtual time from one seed. Production's World is made in `serve.py`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from gateway.config.store_address import StoreAddress


class Stream(Protocol):
    """A duplex byte stream by readiness: what a non-blocking socket offers and nothing more.

    One task reads and one task writes at a time. After `close` both waits raise `trio.ClosedResourceError`.
    """

    @property
    def peer(self) -> tuple[str, int]:
        """The other end's host and port; a Unix socket has ("unix", 0)."""
        ...

    def receive_nowait(self, max_bytes: int) -> bytes:
        """What has arrived, at most `max_bytes`; b"" is the end. Raises trio.WouldBlock, OSError (reset)."""
        ...

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        """How many bytes were taken, at least 1. Raises trio.WouldBlock when none were, OSError (reset, pipe)."""
        ...

    async def wait_readable(self) -> None:
        """Returns when `receive_nowait` is worth a try. Raises trio.ClosedResourceError."""
        ...

    async def watch_readable(self, on_readable: Callable[[], bool]) -> None:
        """Calls `on_readable` each time `receive_nowait` is worth a try, until that returns False.

        It may be called in another task's turn, and must not block. Raises what it raises, trio.ClosedResourceError.
        """
        ...

    def is_quiet(self) -> bool:
        """Whether it is known at once, without a system call, that nothing has arrived; False where it is not known."""
        ...

    async def wait_writable(self) -> None:
        """Returns when `send_nowait` is worth a try. Raises trio.ClosedResourceError."""
        ...

    def send_eof(self) -> None:
        """Ends our direction; the other stays open. Raises OSError."""
        ...

    def close(self, *, abort: bool = False) -> None:
        """Closes at once, never blocks; `abort` resets instead of ending in order. Twice is harmless."""
        ...


class Listener(Protocol):
    """A listening socket."""

    @property
    def address(self) -> tuple[str, int]: ...

    async def accept(self) -> Stream:
        """The next connection. Raises OSError (EMFILE, ECONNABORTED, ...), trio.ClosedResourceError."""
        ...

    def accept_nowait(self) -> Stream:
        """One that waits already. Raises trio.WouldBlock, and what `accept` raises."""
        ...

    def close(self) -> None: ...


class Connect(Protocol):
    """Opens a plain TCP connection; TLS is laid over it by the edge client."""

    async def __call__(self, host: str, port: int) -> Stream:
        """Resolves `host` and connects, happy eyeballs. Raises OSError (socket.gaierror for names)."""
        ...


Word = str | bytes | int | float
Words = tuple[Word, ...]
"""One Redis command."""


class RedisDown(Exception):
    """The store cannot be used now; `reason` in a few words, without addresses and secrets.

    What has become of commands that were under way is unknown.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RedisRefused(NamedTuple):
    """In a reply's place: the server did not do this one command."""

    reason: str


class RedisExecutor(Protocol):
    """The way to one Redis or Valkey, be it one server, Sentinels' or a cluster. One caller at a time."""

    async def execute(self, commands: Sequence[Words]) -> list[Any]:
        """All of them in one round trip; each reply, or a RedisRefused. Raises RedisDown.

        Cancelled at once, but then the outcome of the commands is unknown.
        """
        ...

    async def close(self) -> None: ...


class OpenRedis(Protocol):
    """Makes the way to a store; connects when it is first used."""

    def __call__(self, address: StoreAddress, ca_file: str) -> RedisExecutor: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The outside, as the gateway sees it."""

    clock: Callable[[], float]
    """Monotonic seconds: `trio.current_time`."""
    wall_clock: Callable[[], float]
    """Seconds since the epoch: `time.time`."""
    random: random.Random
    new_id: Callable[[], str]
    """A fresh identifier, 32 lower-case hexadecimal digits."""
    connect: Connect
    listen: Callable[[str, int], Awaitable[Listener]]
    open_redis: OpenRedis
    memory_bytes: Callable[[], int]
    """The process's resident set."""
    free_memory: Callable[[], None]
    """Gives back to the system what the process does not need."""
    environ: Mapping[str, str]
    write_log: Callable[[str], None]
    """Takes one finished log line without its line end; never blocks."""
