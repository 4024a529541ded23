"""What all actors have in common: two mailboxes, timers, the loops that serve them, draining, and an end that tells.

A mailbox for letters, a second one for an operator's commands. Whatever ends one of the loops ends the actor; then
everybody who waits for it is told before anybody else runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

import trio

from actors.control import Command, Drain, Heed, Resume, Status, Stop, control_mailbox
from actors.errors import ActorDied
from actors.events import ActorBuried, Drained, Observe
from actors.letters import Clock
from actors.mailbox import Mailbox
from actors.timers import Timers

L = TypeVar("L")


class Told(NamedTuple):
    """How many an actor answered at its end."""

    queued: int
    in_flight: int


class Actor(ABC, Generic[L]):
    """One actor; a fresh object after every restart."""

    def __init__(self, name: str, mailbox: Mailbox[L], *, clock: Clock, observe: Observe) -> None:
        self.name = name
        self.mailbox = mailbox
        self.control = control_mailbox(name, clock)
        self.buried = False
        """It has ended; whoever asks it anything now is told so."""
        self._clock = clock
        self._observe = observe
        self._timers = Timers(clock)
        self._draining: list[Drain] = []
        self._accepting = True
        self._leaving = False
        """Nobody sends it anything any more: it ends when all that it has been sent is answered."""
        self._nursery: trio.Nursery | None = None

    @property
    def state(self) -> str:
        return "running" if self._accepting and not self._leaving else "draining"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until cancelled or stopped; what its own loops raise climbs to the supervisor."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._read_mail, name=f"{self.name}/mail")
                self._nursery.start_soon(self._obey, name=f"{self.name}/control")
                self._nursery.start_soon(self._keep_time, name=f"{self.name}/timers")
                task_status.started()
        finally:
            self._bury()

    # What an actor of its own kind has to say. None of it awaits.

    @abstractmethod
    def view(self) -> dict[str, Any]:
        """This actor's detail in /admin/actors."""

    @abstractmethod
    def _handle(self, letter: L) -> None:
        """Acts on one letter. Who is leaving and has nothing else to do then ends with it (`_end_if_idle`)."""

    @abstractmethod
    def _is_empty(self) -> bool:
        """Nothing is under way: a drain is done."""

    @abstractmethod
    def _tell_all(self, letters: Sequence[L]) -> Told:
        """The actor is dead: answers ActorDied to whoever sent `letters` and to everything else that is under way."""

    # The loops.

    async def _read_mail(self) -> None:
        with self._last_words():
            await self.mailbox.attend(self._handle)

    async def _keep_time(self) -> None:
        with self._last_words():
            await self._timers.run()

    async def _obey(self) -> None:
        with self._last_words():
            while True:
                await self.control.wait()
                while (command := self.control.take()) is not None:
                    self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Status(reply):
                reply.settle(self.view())
            case Drain():
                self._accepting = False
                self._draining.append(command)
                self._tell_drained()
            case Resume(reply):
                self._accepting = True
                for drain in self._draining:  # it is called off, and nobody need wait for its end
                    drain.reply.settle(None)
                self._draining.clear()
                reply.settle(None)
            case Stop(reply):
                reply.settle(None)
                assert self._nursery is not None, "commands are read while the actor runs"
                self._nursery.cancel_scope.cancel()

    def _tell_drained(self) -> None:
        if self._is_empty():
            for drain in self._draining:
                drain.reply.settle(None)
                self._observe(Drained(self.name, self._clock()))
            self._draining.clear()

    # The end.

    def _leave(self) -> None:
        self._leaving = True
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._nursery is not None and self._is_empty() and not self.mailbox.statistics().depth:
            self._nursery.cancel_scope.cancel()

    @contextmanager
    def _last_words(self) -> Iterator[None]:
        try:
            yield
        except trio.ClosedResourceError:
            if not self.buried:  # otherwise another loop has ended the actor and closed the mailboxes
                raise
        finally:
            self._bury()

    def _bury(self) -> None:
        if self.buried:
            return
        self.buried = True
        self._accepting = False
        told = self._tell_all(self.mailbox.close_and_drain())
        for command in self.control.close_and_drain():
            if not isinstance(command, Heed):
                command.reply.fail(ActorDied(f"{self.name} is not running"))
        for drain in self._draining:
            drain.reply.settle(None)
        self._observe(ActorBuried(self.name, told.queued, told.in_flight, self._clock(), self._leaving))

    def _death(self) -> ActorDied:
        return ActorDied(f"{self.name} was stopped while it held this request")
