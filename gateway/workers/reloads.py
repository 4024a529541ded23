"""New settings for several workers: each takes them over by itself, or makes way for a successor that has them."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec
import trio

from actors.life import describe
from gateway.admin.reload import Reloaded
from gateway.workers.line import RELOADED, Line
from gateway.workers.process import WorkerProcess
from gateway.workers.settings import Former, SettingsInForce

MAX_WISHES: Final = 16
FIRST_S: Final = 5.0
"""How long an operator waits to be told whether a first worker serves with new settings; see FarParent."""


class Workforce(Protocol):
    """The workers, as far as new settings concern them."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def processes(self) -> Sequence[WorkerProcess]:
        """Those that run now."""
        ...

    async def replace(self, number: int) -> Exception | None:
        """A worker's successor serves before it drains; why there is none, which the log has then."""
        ...


class Reloads:
    """Heeds SIGHUP and what workers' operators wish, one after the other."""

    def __init__(self, settings: SettingsInForce, workforce: Workforce, log: Any) -> None:
        self._settings = settings
        self._workforce = workforce
        self._log = log
        self._one_at_a_time = trio.Lock()
        self._wanting, self._wishes = trio.open_memory_channel[Line](MAX_WISHES)
        """Lines to workers whose operators want the settings read again."""

    async def heed_signals(self) -> None:
        """For ever."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            async for _ in signals:
                await self._reload(None)

    async def heed_wishes(self) -> None:
        """For ever."""
        async for line in self._wishes:
            await self._reload(line)

    def wish(self, line: Line) -> None:
        """The operator of the worker at the other end of `line` wants it."""
        with suppress(trio.WouldBlock):  # else it asks in vain, and tells its operator so
            self._wanting.send_nowait(line)

    async def _reload(self, asker: Line | None) -> None:
        """Has the workers take over new settings: each within itself, or in turn by successors where that must be."""
        async with self._one_at_a_time:
            before = self._settings.former
            outcome = self._settings.renew()
            if outcome.rolled_for:
                await self._roll(outcome, before, asker)
                return
            await _tell(asker, outcome)
            if not outcome.refused:
                for worker in self._workforce.processes():
                    worker.send(signal.SIGHUP)

    async def _roll(self, outcome: Reloaded, before: Former, asker: Line | None) -> None:
        """Replaces the workers; the asker is told once the first successor serves or does not, or in FIRST_S."""
        tried = trio.Event()
        failures: list[str] = []

        async def roll() -> None:
            failures.extend(await self._replace_first(before))
            tried.set()
            if not failures:
                await self._replace_others(before)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(roll)
            with trio.move_on_after(FIRST_S):
                await tried.wait()
            await _tell(asker, Reloaded(refused=failures) if failures else outcome)

    async def _replace_first(self, before: Former) -> list[str]:
        """Where no worker gets ready with the new settings those `before` stay in force; why that is so, else nothing.

        What cannot be served shows here, and must not meet a worker that is restarted later.
        """
        problem = await self._workforce.replace(0)
        if problem is None:
            return []
        if self._settings.put_back(before):
            self._log.error("former settings stay in force")
        return [f"No worker gets ready with these settings: {describe(problem.__cause__ or problem)}"]

    async def _replace_others(self, before: Former) -> None:
        """Where one of them does not get ready, all go back to the settings `before`: none goes on with others."""
        for number in range(1, self._workforce.count):
            if await self._workforce.replace(number) is None:
                continue
            if self._settings.put_back(before):
                for replaced in range(number):
                    await self._workforce.replace(replaced)
                self._log.error("former settings are back in force")
            return
        self._log.info("workers replaced")


async def _tell(asker: Line | None, outcome: Reloaded) -> None:
    if asker is not None:
        await asker.say(RELOADED + msgspec.json.encode(outcome))
