"""Scripted children for the stories about supervisors, and the diary they write."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import trio

from actors.supervisor import Child, ChildSpec, Restart, Strategy, Supervisor


class Bug(Exception):
    """What nobody expected."""


class NoJitter(Random):
    """Every pause is as long as it can be."""

    def uniform(self, a: float, b: float) -> float:
        return b


@dataclass(frozen=True, kw_only=True)
class Script:
    """One life of a child."""

    ready_after: float = 0.0
    lasts: float = math.inf
    """After it was ready; nan: it never is, and its life ends then."""
    ends_with: BaseException | None = None
    drain_s: float | None = None
    """How long it takes to end once asked; None: it cannot be asked."""
    cleanup_s: float = 0.0
    """How long it takes to end even when cancelled."""


FOREVER = Script()
NEVER_READY = math.nan


def crash_after(seconds: float) -> Script:
    return Script(lasts=seconds, ends_with=Bug("boom"))


def crash_in_start(after: float = 0.0) -> Script:
    return Script(ready_after=after, lasts=NEVER_READY, ends_with=Bug("no start"))


class Worker:
    """Does what its script says and writes it down. It can only be cancelled."""

    def __init__(self, stage: Stage, name: str, script: Script) -> None:
        self._stage = stage
        self._name = name
        self._script = script

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        script = self._script
        self._stage.enter(self._name)
        try:
            await trio.sleep(script.ready_after)
            if not math.isnan(script.lasts):
                self._stage.write(self._name, "ready")
                task_status.started()
                await self._work(script.lasts)
            if script.ends_with is not None:
                raise script.ends_with
        finally:
            if script.cleanup_s:
                with trio.CancelScope(shield=True):
                    await trio.sleep(script.cleanup_s)
            self._stage.leave(self._name)

    async def _work(self, seconds: float) -> None:
        await trio.sleep(seconds)


class Drainer(Worker):
    """A worker that can be asked to end."""

    def __init__(self, stage: Stage, name: str, script: Script) -> None:
        super().__init__(stage, name, script)
        self._asked = trio.Event()

    def stop(self) -> None:
        self._stage.write(self._name, "asked")
        self._asked.set()

    async def _work(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self._asked.wait()
            assert self._script.drain_s is not None
            await trio.sleep(self._script.drain_s)


class Stage:
    """Where children play: makes them, knows who is alive, keeps the diary of a story."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.alive: list[str] = []
        self.made: dict[str, list[Child]] = {}
        self.events: list[Any] = []
        self._began_at = trio.current_time()

    def now(self) -> float:
        """Seconds of this story, free of the noise of adding floats."""
        return round(trio.current_time() - self._began_at, 6)

    def write(self, name: str, what: str) -> None:
        self.diary.append(f"{self.now():g} {name} {what}")

    def enter(self, name: str) -> None:
        assert name not in self.alive, "one life at a time"
        self.alive.append(name)
        self.write(name, "starts")

    def leave(self, name: str) -> None:
        self.alive.remove(name)
        self.write(name, "ends")

    def child(
        self, name: str, *scripts: Script, restart: Restart = Restart.PERMANENT, grace_s: float = 5.0, **other: Any
    ) -> ChildSpec:
        """A child that lives by one script after the other, and by the last one from then on."""
        lives = list(scripts or (FOREVER,))

        def make() -> Child:
            script = lives.pop(0) if len(lives) > 1 else lives[0]
            child = (Worker if script.drain_s is None else Drainer)(self, name, script)
            self.made.setdefault(name, []).append(child)
            return child

        return ChildSpec(name, make, restart, grace_s, **other)

    def supervisor(self, *children: ChildSpec, name: str = "top", **other: Any) -> Supervisor:
        return Supervisor(name, children, random=NoJitter(), observe=self.events.append, **other)

    def branch(self, name: str, make_children: Callable[[], list[ChildSpec]], **other: Any) -> ChildSpec:
        """A supervisor as a child of another."""
        return ChildSpec(
            name,
            lambda: self.supervisor(*make_children(), name=name, **other),
            grace_s=60.0,
            kind="supervisor",
        )

    def since(self, seconds: float) -> list[str]:
        """The diary from that second on."""
        return [line for line in self.diary if float(line.split()[0]) >= seconds]

    def stated(self, kind: type) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[None]:
    """A supervisor that runs for a while and is then asked to stop."""
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        yield
        supervisor.stop()


STRATEGIES = list(Strategy)
