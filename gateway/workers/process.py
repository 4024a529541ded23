"""A worker as a supervised child of the parent: a fresh interpreter that inherits its slot's socket."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from gateway.workers.line import ALIVE_EVERY_S, READY, RELOAD, Line

MAX_SILENCES: Final = 6
"""After so many times `ALIVE_EVERY_S` without a word a worker is taken to hang. What counts is how often its parent has
looked, not the time: where the machine or the parent itself has stood still, nobody is to blame."""


class WorkerDied(Exception):
    """A worker's process has ended, and not in order."""

    def __init__(self, code: int, because: str = "") -> None:
        super().__init__(because or (f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"))
        self.code = code


@dataclass(frozen=True, slots=True)
class Spawned:
    """A process that has been started, and our end of the line to it."""

    process: trio.Process
    line: Line


Spawn = Callable[[], Awaitable[Spawned]]


async def spawn(command: Sequence[str], environ: Mapping[str, str], descriptors: Sequence[int]) -> trio.Process:
    """Starts `command` with some descriptors of ours, in a process group of its own.

    So a terminal's Ctrl-C reaches the parent alone, which tells its workers once.
    """
    return await trio.lowlevel.open_process(
        list(command), env=dict(environ), pass_fds=tuple(descriptors), process_group=0
    )


class WorkerProcess:
    """One life of a worker slot; ends with the process, raises WorkerDied where that was not in order.

    A process that was ready and hangs (deadlocked, stopped) would have new connections wait for ever: it is killed.
    """

    def __init__(
        self,
        spawn: Spawn,
        edition: Callable[[], int] = lambda: 0,
        on_reload: Callable[[Line], None] = lambda _line: None,
        on_end: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """`edition` counts the settings: one that changes while the process starts is read again once it is ready.

        `on_reload` is told that the worker wants them read, and where it waits for the answer; `on_end` which process
        has ended.
        """
        self._spawn = spawn
        self._on_reload = on_reload
        self._on_end = on_end
        self._edition = edition
        self._process: trio.Process | None = None
        self._asked = False
        self._started_with = 0
        self._has_spoken = False
        self._hangs = False

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Starts the process and waits for its end; ready when it says so. Cancelled, it kills the process."""
        self._started_with = self._edition()
        spawned = await self._spawn()
        self._process = process = spawned.process
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, spawned.line, nursery, task_status)
                code = await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            spawned.line.close()
            with trio.CancelScope(shield=True):
                process.kill()  # harmless where it has ended
                await process.wait()
            self._on_end(process.pid)
        if self._hangs:
            raise WorkerDied(code, f"killed, as it did not say a word for {MAX_SILENCES * ALIVE_EVERY_S:g} s")
        if code != 0:
            raise WorkerDied(code)

    def stop(self) -> None:
        """Asks the worker to drain. Twice is harmless: to a worker, a second signal says "at once"."""
        if not self._asked:
            self._asked = True
            self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Harmless where the process does not run."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def _listen(self, line: Line, nursery: trio.Nursery, task_status: trio.TaskStatus[None]) -> None:
        async for word in line.words():
            self._has_spoken = True
            if word == RELOAD:
                self._on_reload(line)
            elif word == READY:
                task_status.started()
                nursery.start_soon(self._kill_when_silent)
                if self._edition() != self._started_with:
                    self.send(signal.SIGHUP)

    async def _kill_when_silent(self) -> None:
        silences = 0
        while silences < MAX_SILENCES:
            await trio.sleep(ALIVE_EVERY_S)
            silences = 0 if self._has_spoken else silences + 1
            self._has_spoken = False
        self._hangs = True
        if self._process is not None:
            self._process.kill()
