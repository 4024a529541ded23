"""A supervisor after Erlang/OTP: it starts children, watches them, restarts them, and gives up when that is no use.

The contract is in `supervision.py`, with the words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import trio

from actors.life import Life, Member, describe
from actors.orders import Order, OrderRefused, Orders
from actors.policy.restart_window import RestartWindow, backoff_s
from actors.roster import Roster
from actors.supervision import (
    Child,
    ChildSpec,
    ChildStarted,
    ChildStopped,
    ChildView,
    Escalated,
    Escalating,
    NameTaken,
    NoSuchChild,
    NotReady,
    Restart,
    Restarted,
    StartFailed,
    State,
    Stoppable,
    Strategy,
)

if TYPE_CHECKING:
    from actors.events import Observe

__all__ = [
    "Child",
    "ChildSpec",
    "ChildStarted",
    "ChildStopped",
    "ChildView",
    "Escalated",
    "Escalating",
    "NameTaken",
    "NoSuchChild",
    "NotReady",
    "OrderRefused",
    "Restart",
    "Restarted",
    "StartFailed",
    "State",
    "Stoppable",
    "Strategy",
    "Supervisor",
]


class Ended(NamedTuple):
    """A note to the supervisor's own task: this life is over."""

    member: Member
    life: Life


class Supervisor:
    """Runs children as the module says. Only the task in `run` changes what is here; run it once."""

    def __init__(
        self,
        name: str,
        children: Sequence[ChildSpec],
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        *,
        intensity: int = 5,
        period_s: float = 30.0,
        clock: Callable[[], float] = trio.current_time,
        random: Random,
        observe: Observe,
    ) -> None:
        """`clock` must agree with `trio.current_time`. Raises NameTaken for two children of one name."""
        self.name = name
        self._roster = Roster(name, children)
        self._strategy = strategy
        self._window = RestartWindow(intensity, period_s)
        self._clock = clock
        self._random = random
        self._observe = observe
        self._orders: Orders[Ended] = Orders(name)
        self._work = trio.CancelScope()
        """All that a supervisor does until it is asked to stop."""
        self._nursery: trio.Nursery | None = None
        self._ready_at: float | None = None
        self._ended = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Starts the children and looks after them until stopped or cancelled. Raises Escalated."""
        assert self._nursery is None, "a supervisor runs once; a restart makes a fresh one"
        async with trio.open_nursery() as self._nursery:
            self._orders.open()
            try:
                verdict = await self._supervise(task_status)
                self._close()
                await self._end([*self._roster.leaving, *self._roster.members])
            finally:
                self._close()
                await self._end_without_grace()
                self._ended = True
        if verdict is not None:
            raise verdict
        if self._ready_at is None:
            task_status.started()

    def stop(self) -> None:
        """Ends the children in reverse order, then `run` returns. Twice is harmless."""
        self._work.cancel()

    def _close(self) -> None:
        """Nothing more is begun here."""
        self.stop()
        self._orders.close()

    # Looking.

    def current(self, name: str) -> Child | None:
        """The ready object that runs under `name` now, if there is one."""
        return self._roster.current(name)

    def children(self) -> list[ChildView]:
        """The children in the order of their start, then those that are leaving."""
        return [member.view(self.name, self._clock()) for member in self._roster]

    def tree(self) -> Iterator[ChildView]:
        """This supervisor as the top of its tree, then everybody below it, parents before their children."""
        yield ChildView(
            name=self.name,
            kind="supervisor",
            parent=None,
            state=self.state,
            restarts=0,
            last_error=None,
            uptime_s=0.0 if self._ready_at is None or self._ended else self._clock() - self._ready_at,
            child=self,
        )
        yield from self._below()

    @property
    def state(self) -> State:
        if self._ended:
            return State.STOPPED
        if self._work.cancel_called:
            return State.DRAINING
        return State.STARTING if self._ready_at is None else State.RUNNING

    def _below(self) -> Iterator[ChildView]:
        for view in self.children():
            yield view
            if isinstance(view.child, Supervisor):
                yield from view.child._below()

    # Orders.

    async def restart(self, name: str) -> None:
        """Stops the child if it runs and starts it afresh, without a pause. Raises NoSuchChild, StartFailed."""
        await self._orders.ask(lambda: self._restart_by_order(self._roster.find(name)))

    async def terminate(self, name: str) -> None:
        """Stops the child; it stays listed. Raises NoSuchChild."""
        await self._orders.ask(lambda: self._end([self._roster.find(name)]))

    async def add(self, spec: ChildSpec) -> None:
        """Starts one more child behind the others. Raises NameTaken, and StartFailed: then it is not there."""
        await self._orders.ask(lambda: self._add(spec))

    async def remove(self, name: str) -> None:
        """Stops the child and forgets it. Raises NoSuchChild."""
        await self._orders.ask(lambda: self._remove(self._roster.find(name)))

    async def replace(self, spec: ChildSpec, *, grace_s: float) -> None:
        """Starts a successor in the place of the child of that name, which leaves once the successor is ready.

        Raises NoSuchChild, and StartFailed: then the old one stays.
        """
        await self._orders.ask(lambda: self._replace(spec, grace_s))

    async def retire(self, name: str, *, grace_s: float) -> None:
        """Lets the child leave. Raises NoSuchChild."""
        await self._orders.ask(lambda: self._retire(self._roster.find(name), grace_s))

    async def _restart_by_order(self, member: Member) -> None:
        await self._end([member])
        member.backoff_s = 0.0
        life = await self._start_again(member)
        if life.never_ready:
            await self._recover(member, life)
            raise StartFailed(f"{member.spec.name} has ended before it was ready") from life.crash

    async def _add(self, spec: ChildSpec) -> None:
        await self._start_or_forget(self._roster.add(spec))

    async def _remove(self, member: Member) -> None:
        await self._end([member])
        self._roster.remove(member)

    async def _replace(self, spec: ChildSpec, grace_s: float) -> None:
        before = self._roster.find(spec.name)
        await self._start_or_forget(self._roster.succeed(before, spec))
        await self._retire(before, grace_s)

    async def _start_or_forget(self, member: Member) -> None:
        life = await self._start(member)
        if life.never_ready:
            self._roster.remove(member)
            raise StartFailed(f"{member.spec.name} has ended before it was ready") from life.crash

    async def _retire(self, member: Member, grace_s: float) -> None:
        life = self._roster.see_off(member)
        if life is not None:
            life.end(grace_s)

    # The supervisor's own task.

    async def _supervise(self, task_status: trio.TaskStatus[None]) -> Escalated | None:
        """Works until it is asked to stop (None) or has to give up."""
        try:
            with self._work:
                for member in self._roster.members:
                    life = await self._start(member)
                    if life.never_ready and (life.crash is not None or member.spec.restart is Restart.PERMANENT):
                        raise self._give_up(member, life, restarts=0)
                self._ready_at = self._clock()
                task_status.started()
                while True:
                    await self._start_those_due()
                    await self._heed_next_note()
        except Escalated as verdict:
            return verdict
        return None

    async def _start_those_due(self) -> None:
        now = self._clock()
        for member in self._roster.members:
            if member.due is not None and member.due <= now:
                life = await self._start_again(member)
                if life.never_ready:
                    await self._recover(member, life)

    async def _heed_next_note(self) -> None:
        """Acts on what happens next, or returns when a restart is due."""
        note: Ended | Order | None = None
        with trio.move_on_at(self._roster.next_due()):
            note = await self._orders.receive()
        if isinstance(note, Order):
            await note.carry_out()
        elif note is not None and note.member.life is note.life:  # else this end was seen when it was waited for
            note.member.life = None
            if note.member in self._roster.leaving:
                self._roster.leaving.remove(note.member)
            else:
                await self._recover(note.member, note.life)

    async def _start_again(self, member: Member) -> Life:
        member.restarts += 1
        self._observe(
            Restarted(self.name, member.spec.name, member.spec.kind, member.restarts, member.backoff_s, self._clock())
        )
        return await self._start(member)

    async def _start(self, member: Member) -> Life:
        """Starts a life and waits until it is ready or over."""
        await trio.lowlevel.checkpoint_if_cancelled()  # nobody is started any more once a stop was asked for
        life = Life(member.spec, clock=self._clock, on_ready=partial(self._child_is_ready, member))
        member.life, member.due = life, None
        assert self._nursery is not None, "children are started while the supervisor runs"
        self._nursery.start_soon(self._live, member, life, name=f"{self.name}/{member.spec.name}")
        await life.settled.wait()
        if life.never_ready:
            member.life = None
        return life

    async def _recover(self, member: Member, life: Life) -> None:
        """A child has ended by itself: sees to it that it comes back if it should, and whoever shares its fate."""
        if not member.spec.restart.follows(life.crash):
            return
        now = self._clock()
        if not self._window.record(now):
            raise self._give_up(member, life, restarts=self._window.recent(now))
        ran_long = life.ready_at is not None and now - life.ready_at >= self._window.period_s
        member.streak = 1 if ran_long else member.streak + 1
        backoff = backoff_s(member.streak, self._random)
        member.due = math.inf
        companions = self._roster.companions(member, self._strategy)
        await self._end(companions)
        due = self._clock() + backoff
        for each in (member, *companions):
            if each is member or each.spec.restart is not Restart.TEMPORARY:
                each.due, each.backoff_s = due, backoff

    async def _end(self, members: Sequence[Member]) -> None:
        """Ends these children from the last to the first; none of them is to come back by itself."""
        for member in reversed(members):
            member.due = None
            if member.life is not None:
                member.life.end()
                await member.life.over.wait()
                member.life = None

    async def _end_without_grace(self) -> None:
        with trio.CancelScope(shield=True):
            for member in (*reversed(self._roster.members), *self._roster.leaving):
                member.due = None
                if member.life is not None:
                    member.life.cancel()
                    await member.life.over.wait()
                    member.life = None

    def _give_up(self, member: Member, life: Life, *, restarts: int) -> Escalated:
        name = member.spec.name
        self._observe(Escalating(self.name, name, life.crash, restarts, self._clock()))
        reason = member.last_error or "ended before it was ready"
        what = f"{restarts} restarts within {self._window.period_s:g} s" if restarts else "it did not start"
        verdict = Escalated(f"{self.name} gives up because of {name}: {what}; last: {reason}")
        verdict.__cause__ = life.crash
        return verdict

    # The task of each child.

    async def _live(self, member: Member, life: Life) -> None:
        try:
            await life.live()
        finally:
            self._roster.is_gone(member, life)
            if life.crash is not None:
                member.last_error = describe(life.crash)
            elif not life.asked and member.spec.restart is Restart.PERMANENT:
                member.last_error = "ended by itself"
            self._observe(
                ChildStopped(self.name, member.spec.name, member.spec.kind, life.crash, life.asked, at=self._clock())
            )
            self._orders.post(Ended(member, life))

    def _child_is_ready(self, member: Member, life: Life) -> None:
        assert life.child is not None, "what is ready has been made"
        self._roster.is_ready(member, life.child)
        self._observe(ChildStarted(self.name, member.spec.name, member.spec.kind, member.restarts, at=self._clock()))
