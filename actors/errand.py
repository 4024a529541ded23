"""What one asker wants of a neighbour service, and how long it waits for it: in the line, and while it is done."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from actors.errors import DeadlineExceeded, Failure, Overloaded, Stage, TimedOut
from actors.reply import Reply

T = TypeVar("T")


class Errand(Generic[T]):
    """One wish of one asker: `work` is done within the actor, and its value is the reply."""

    __slots__ = (
        "_deadline",
        "_gives_up_at",
        "_timeout_s",
        "asker",
        "left",
        "operation",
        "patience",
        "reply",
        "scope",
        "work",
    )

    def __init__(
        self,
        operation: str,
        work: Callable[[], Awaitable[T]],
        timeout_s: float,
        *,
        deadline: float = math.inf,
        gives_up_at: float = math.inf,
        asker: object = None,
    ) -> None:
        """A service that takes longer than `timeout_s` has failed. `deadline` is the asker's own; where it has stood
        in line, it wants its reply until `gives_up_at` too.
        """
        self.operation = operation
        self.work = work
        self.asker = asker
        """Who is named where it leaves before it has its reply."""
        self.patience = trio.CancelScope(deadline=min(deadline, gives_up_at))
        """Where the asker waits."""
        self.reply: Reply[T] = Reply()
        self.scope: trio.CancelScope | None = None
        """Where the work runs; none while it waits."""
        self.left = False
        """Nobody wants its reply any more."""
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._gives_up_at = gives_up_at

    def has_turn_at_once(self) -> None:
        """It does not stand in line: the service has all of its time."""
        self._gives_up_at = math.inf

    def is_given_up(self, now: float) -> bool:
        """Whether its turn would come too late."""
        return now >= self._gives_up_at

    def begin(self, now: float) -> float:
        """Its turn has come: until when its work may take, which from here on bounds the wait."""
        self.patience.deadline = self._deadline
        return min(now + self._timeout_s, self._gives_up_at)

    def no_turn(self, service: str) -> Failure:
        """What it is to have stood in line for as long as it would."""
        return Overloaded(f"Too many were before this one: {service} had no turn for it in time.")

    def too_late(self, service: str, began: float) -> Failure:
        """What it is if the work does not end in time: the service's failure only where it had all of its time."""
        if self._gives_up_at < began + self._timeout_s:
            return DeadlineExceeded(f"The wait for {service} was over too soon after this had its turn.")
        return TimedOut(Stage.AWAITING, f"{service} took longer than {self._timeout_s:g} s.")
