"""Worker processes that do what a story says, in virtual time."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from math import inf

import trio

from gateway.workers.line import ALIVE, READY
from gateway.workers.process import Spawned, WorkerProcess


class FakeProcess:
    """Ready after `ready_after`, ended by itself after `lasts` with `code`; asked, it drains for `drain_s`.

    It says every 4 s that it lives, but for the time from `hangs_at` to `goes_on_at`.
    """

    def __init__(
        self,
        *,
        ready_after: float = 1,
        lasts: float = 1e9,
        code: int = 0,
        drain_s: float = 0,
        hangs_at: float = inf,
        goes_on_at: float = inf,
    ) -> None:
        self.pid = 1
        self.signals: list[tuple[float, str]] = []
        self.returncode: int | None = None
        self.closed = False
        self._ready_after = ready_after
        self._code = code
        self._drain_s = drain_s
        self._hangs_at = hangs_at
        self._goes_on_at = goes_on_at
        self._ends_at = trio.current_time() + lasts
        self._waiting = trio.CancelScope()

    async def wait(self) -> int:
        while trio.current_time() < self._ends_at:
            with trio.CancelScope(deadline=self._ends_at) as self._waiting:
                await trio.sleep_forever()
        self.returncode = self._code
        return self._code

    def kill(self) -> None:
        if self.returncode is None:
            self._code = -signal.SIGKILL
            self._end_at(trio.current_time())

    def send_signal(self, number: signal.Signals) -> None:
        self.signals.append((trio.current_time(), number.name))
        self._end_at(trio.current_time() + self._drain_s)

    def _end_at(self, when: float) -> None:
        self._ends_at = self._waiting.deadline = when

    # Its end of the line.

    async def words(self) -> AsyncIterator[bytes]:
        await trio.sleep(self._ready_after)
        yield READY
        while True:
            await trio.sleep(4)
            if not self._hangs_at <= trio.current_time() < self._goes_on_at:
                yield ALIVE

    def close(self) -> None:
        self.closed = True


def worker(process: FakeProcess) -> WorkerProcess:
    async def spawn() -> Spawned:
        return Spawned(process, process)  # type: ignore[arg-type]

    return WorkerProcess(spawn)
