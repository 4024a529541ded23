"""The words of supervision: what a child is, how it is looked after, and what a supervisor says about it.

The contract
------------

**Children.** A ChildSpec names a factory. Every start makes a fresh object from it and runs that object's
`run(task_status=...)` in a task of its own; nothing of a crashed object is used again. A supervisor is itself a child,
and is itself made afresh by its own supervisor.

**Start.** In the order of the specs, each child only after the one before it has called `task_status.started()`. A
child that crashes in the first start, takes longer than its `start_s`, or (permanent) returns before it is ready, makes
`run` raise Escalated at once; the first start is not tried again here.

**Stop.** In reverse order, each child only after the one behind it has ended. A child that has a `stop()` method is
asked through it and may take `grace_s`; then, or where there is no such method, or while it is still starting, it is
cancelled. `stop()` of the supervisor begins this, at any moment; where not all were ready yet, `run` calls `started()`
at its end, so that nobody waits for that any longer. Cancelling the supervisor ends the children in the same order
without grace. However `run` ends, no child runs any more.

**Restart.** What a child raises (any Exception or group of them) is its own: its siblings live on unless the strategy
says otherwise. `Restart` says whether a child that has ended by itself comes back, `Strategy` who else is stopped and
restarted with it: those that were running or about to, but for the temporary ones, which never come back. A restart
waits for a pause of 0.1 s, doubled with every restart in a row up to 5 s, of which jitter takes up to half; a child
that was ready for `period_s` begins the row anew. A crash in a restart's start is one more crash.

**Escalation.** More than `intensity` such restarts within `period_s` (a group counts once): the supervisor states
Escalating, stops its children as above, and `run` raises Escalated. To the supervisor above, that is a child's crash.

**Orders.** `restart`, `terminate`, `add`, `remove`, `replace` and `retire` may come from any task while `run` is
under way. They wait until done, raise OrderRefused where they make no sense, and do not count towards the intensity.
What was terminated stays so until a `restart` by order. As in OTP the supervisor does one thing at a time: while it
waits for one child to be ready or to end, other restarts and orders wait; only `stop` and a cancellation do not.

**Leaving.** Who is replaced or retired is asked to end and nobody waits for it: it takes the grace that the order
gives it beside its successor, listed as `name~1`, `name~2`, and never comes back. Where the supervisor itself ends,
what is left of that grace is at most the child's own `grace_s`.

**Looking.** `current(name)` is the object that runs now, None while there is none that is ready: ask each time, keep
none. `children()` and `tree()` are for people. Everything that happens is stated through `observe`, which must not
raise or block.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import trio

from actors.orders import OrderRefused


class Child(Protocol):
    """What a supervisor looks after: made afresh for every start, run once."""

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Works until done, stopped or cancelled; calls `task_status.started()` when ready."""


@runtime_checkable
class Stoppable(Protocol):
    """A child that can be asked to end in order, for instance after the calls it still has."""

    def stop(self) -> None:
        """Makes `run` return as soon as it can; returns at once."""


class Restart(enum.Enum):
    """When a child that has ended without being asked is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """After a crash only."""
    TEMPORARY = "temporary"
    """Never."""

    def follows(self, crash: Exception | None) -> bool:
        """Whether a child that ended so (None: its `run` returned) is started again."""
        return self is Restart.PERMANENT or (self is Restart.TRANSIENT and crash is not None)


class Strategy(enum.Enum):
    """Who is restarted beside the child that has ended."""

    ONE_FOR_ONE = "one_for_one"
    """Nobody."""
    ONE_FOR_ALL = "one_for_all"
    """All its siblings."""
    REST_FOR_ONE = "rest_for_one"
    """The siblings that were started after it."""


class State(enum.StrEnum):
    """What a child does at the moment."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    """Asked to end, and still at it."""
    BACKING_OFF = "backing_off"
    """Waits for its restart."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child as its supervisor knows it."""

    name: str
    start: Callable[[], Child]
    """Makes a fresh object; what it needs of the past it takes from configuration or a store."""
    restart: Restart = Restart.PERMANENT
    grace_s: float = 5.0
    """How long it may take to end once it has been asked; then it is cancelled."""
    kind: str = "actor"
    """For whoever looks at the tree."""
    start_s: float = 60.0
    """How long it may take to be ready; longer is a crash."""


class ChildView(NamedTuple):
    """A child at one moment, or the supervisor at the top, which is nobody's."""

    name: str
    kind: str
    parent: str | None
    """Its supervisor's name; None at the top."""
    state: State
    restarts: int
    last_error: str | None
    uptime_s: float
    """Since it was ready; 0 while it does not run."""
    child: Child | None
    """The object that runs now."""


# What a supervisor states through its observer, as it happens. `at` is the moment on its clock.


class ChildStarted(NamedTuple):
    """A child is ready."""

    supervisor: str
    child: str
    kind: str
    restarts: int
    at: float


class ChildStopped(NamedTuple):
    """A child has ended, `crash` says of what (None: its `run` returned, or it was cancelled as asked)."""

    supervisor: str
    child: str
    kind: str
    crash: Exception | None
    asked: bool
    """The supervisor wanted it to end."""
    at: float


class Restarted(NamedTuple):
    """A fresh object takes a child's place now, after a pause of `backoff_s`; ChildStarted follows when it is ready."""

    supervisor: str
    child: str
    kind: str
    restarts: int
    backoff_s: float
    at: float


class Escalating(NamedTuple):
    """A supervisor gives up because of `child`: it stops all its children, then `run` raises Escalated."""

    supervisor: str
    child: str
    crash: Exception | None
    restarts: int
    """That were due within the period, this one included; 0 where the very first start failed."""
    at: float


class Escalated(Exception):
    """A supervisor has given up; its children are stopped. `__cause__` is the last crash, where there was one."""


class NotReady(Exception):
    """A child took longer than its `start_s`."""


class NoSuchChild(OrderRefused):
    """It has no child of that name."""


class NameTaken(OrderRefused):
    """It has a child of that name already."""


class StartFailed(OrderRefused):
    """The child ended before it was ready; `__cause__` is its crash, where there was one."""
