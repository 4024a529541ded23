"""A child's lives: one run of one object each, and the place among its siblings in which they follow each other."""

from __future__ import annotations

from collections.abc import Callable

import trio

from actors.supervision import Child, ChildSpec, ChildView, NotReady, State, Stoppable


class Life:
    """One object's run. It is also the `task_status` that the object reports to.

    The run is shielded: only `end` and `cancel` end it from outside, so that a supervisor can end its children one by
    one, in its own order, even while it is being cancelled itself. An Exception ends the life and is kept; whatever is
    not an Exception goes on to the supervisor's nursery.
    """

    __slots__ = ("_clock", "_on_ready", "_scope", "asked", "child", "crash", "over", "ready_at", "settled", "spec")

    def __init__(self, spec: ChildSpec, *, clock: Callable[[], float], on_ready: Callable[[Life], None]) -> None:
        self.spec = spec
        self.child: Child | None = None
        self.crash: Exception | None = None
        self.asked = False
        """Its supervisor wants it to end."""
        self.ready_at: float | None = None
        self.settled = trio.Event()
        """It is ready or over."""
        self.over = trio.Event()
        self._clock = clock
        self._on_ready = on_ready
        self._scope = trio.CancelScope(shield=True)

    async def live(self) -> None:
        """Makes the object and runs it to its end."""
        self._scope.deadline = self._clock() + self.spec.start_s
        try:
            with self._scope:
                if not self._scope.cancel_called:
                    self.child = self.spec.start()
                    await self.child.run(task_status=self)
            if self._scope.cancelled_caught and not self.asked:
                self.crash = NotReady(f"not ready within {self.spec.start_s:g} s")
        except Exception as crash:
            self.crash = crash
        finally:
            self.over.set()
            self.settled.set()

    def started(self, value: None = None) -> None:
        """The object says that it is ready."""
        if self.ready_at is not None:
            raise RuntimeError(f"{self.spec.name} has called started() twice")
        self.ready_at = self._clock()
        if not self.asked:
            self._scope.deadline = float("inf")
        self.settled.set()
        self._on_ready(self)

    def end(self, grace_s: float | None = None) -> None:
        """Asks the object to end, or cancels it where it is not ready or cannot be asked.

        It may take `grace_s`, else its spec's; asked once more, it gets the shorter of what is left and that.
        """
        grace_s = self.spec.grace_s if grace_s is None else grace_s
        if self.over.is_set():
            return
        if self.asked:
            self._scope.deadline = min(self._scope.deadline, self._clock() + grace_s)
            return
        self.asked = True
        if self.ready_at is None or grace_s <= 0 or not isinstance(self.child, Stoppable):
            self._scope.cancel()
            return
        self._scope.deadline = self._clock() + grace_s
        try:
            self.child.stop()
        except Exception as crash:
            self.crash = crash
            self._scope.cancel()

    def cancel(self) -> None:
        """Ends the object without grace."""
        self.asked = True
        self._scope.cancel()

    @property
    def never_ready(self) -> bool:
        """It ended in its start."""
        return self.over.is_set() and self.ready_at is None

    @property
    def state(self) -> State:
        if self.over.is_set():
            return State.STOPPED
        if self.asked:
            return State.DRAINING
        return State.STARTING if self.ready_at is None else State.RUNNING


class Member:
    """A child's place among its siblings: its spec, its present life, and what is remembered from life to life."""

    __slots__ = ("backoff_s", "due", "last_error", "life", "restarts", "spec", "streak")

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.life: Life | None = None
        self.due: float | None = None
        """When it is to be started again; None where it is not."""
        self.backoff_s = 0.0
        self.streak = 0
        """Restarts in a row, none of which brought a longer run."""
        self.restarts = 0
        self.last_error: str | None = None

    @property
    def wanted(self) -> bool:
        """It runs, or is to run again."""
        return self.due is not None or self.life is not None

    @property
    def state(self) -> State:
        if self.life is not None:
            return self.life.state
        return State.STOPPED if self.due is None else State.BACKING_OFF

    def view(self, parent: str, now: float) -> ChildView:
        """How it looks at this moment."""
        life = self.life
        ready_at = None if life is None or life.over.is_set() else life.ready_at
        return ChildView(
            name=self.spec.name,
            kind=self.spec.kind,
            parent=parent,
            state=self.state,
            restarts=self.restarts,
            last_error=self.last_error,
            uptime_s=0.0 if ready_at is None else now - ready_at,
            child=None if ready_at is None or life is None else life.child,
        )


def describe(crash: BaseException) -> str:
    """A crash in one line; a group of one is that one."""
    while isinstance(crash, BaseExceptionGroup) and len(crash.exceptions) == 1:
        crash = crash.exceptions[0]
    return f"{type(crash).__name__}: {crash}" if str(crash) else type(crash).__name__
