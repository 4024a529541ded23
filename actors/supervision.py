"""The words of supervision: what a child is, how it is looked after, and what a supervisor says about it.

See `actors.supervisor` for the contract.
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
