"""One try of one call at one candidate: where it stands, how long it may take, and its one outcome."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import trio

from actors.errors import Blame, DeadlineExceeded, Failure, Left, Stage
from actors.letters import Answered, Call, Candidate, Clock

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_QUEUED: Final = Stage.QUEUED
_DONE: Final = Stage.DONE


class Outcome(enum.Enum):
    """How an attempt ended; every attempt has exactly one."""

    OK = "ok"
    FAILED = "failed"
    """Before its first content."""
    BROKEN = "broken"
    """After its first content."""
    LEFT = "left"
    """The asker went away, or its deadline passed."""
    SUPERSEDED = "superseded"
    """Another attempt's content came first."""


class Watch(Protocol):
    """Who stops attempts at work when they are due."""

    next_look: float
    """Until then nobody is."""

    def look_at(self, due: float) -> None:
        """Somebody is due at `due`, before `next_look`."""
        ...


class Keeper(Protocol):
    """What an attempt tells the provider actor that it waits or works with."""

    def grow(self, attempt: Attempt, more_bytes: int) -> None:
        """It has come to hold more bytes."""
        ...

    def content_came(self, attempt: Attempt) -> None:
        """Its first content is here; streamed calls only."""
        ...

    def withdraw(self, attempt: Attempt) -> None:
        """Nobody wants its answer any more."""
        ...


class Attempt:
    """One try of one call at one candidate: its own cancel scope, its own epoch in the call's relay.

    The work (see `Work`) moves `stage` and the scope's deadline through `enter`, and reports what it learns through
    `accepted`, `hold`, `commit` and `write`.
    """

    __slots__ = (
        "accepted_at",
        "backed",
        "beaten",
        "because",
        "began_at",
        "call",
        "candidate",
        "clock",
        "content_at",
        "delay_s",
        "delivered",
        "detail",
        "dismissed",
        "due",
        "ended_at",
        "failure",
        "keeper",
        "key",
        "number",
        "operation",
        "outcome",
        "progress",
        "recoverable",
        "scope",
        "sent_at",
        "spent_tokens",
        "stage",
        "stopped",
        "waiting_for",
        "watch",
    )

    def __init__(
        self,
        call: Call,
        candidate: Candidate,
        clock: Clock,
        operation: str = "first",
    ) -> None:
        """A further one says which failure it follows, and after which pause; only those have `because`, `delay_s`."""
        self.call = call
        self.candidate = candidate
        self.clock = clock
        self.operation = operation
        """Why it was started: first, retry, rotate, fallback, hedge or resume."""
        self.because: Failure | None
        self.delay_s: float
        self.progress: Any = None
        """What the client already has of this answer, where a broken stream is to go on; else None."""
        self.backed = self.recoverable = False
        """Another candidate could be asked in its place; could go on with its answer if that breaks."""
        self.number = len(call.attempts) + 1
        self.scope: trio.CancelScope | None = None
        """Where the work runs; none while the attempt waits."""
        self.stopped = False
        """`scope` has been cancelled, because nobody wants the answer any more or because it took too long."""
        self.due = call.deadline
        """When `scope` is cancelled unless `enter` moves it; moving it later, as every streamed event does, costs an
        assignment."""
        self.watch: Watch | None = None
        """Who stops it then: set once it is at work."""
        self.stage = _QUEUED
        self.dismissed = False
        """Cancelled on purpose: nobody wants this attempt's answer any more."""
        self.beaten: bool
        """Dismissed because another attempt had the answer, not because the asker had gone; else it has none."""
        self.waiting_for: str
        """What a waiting attempt lacks; only those that have waited have it."""
        self.key = ""
        """The label of the provider key that the actor chose."""
        self.began_at = clock()
        self.sent_at: float | None = None
        self.accepted_at: float | None = None
        self.content_at: float | None = None
        self.ended_at: float | None = None
        self.outcome: Outcome | None = None
        self.failure: Failure | None = None
        self.spent_tokens: int | None = None
        """Prompt and delivered tokens, as soon as the work knows them; None charges what was reserved."""
        self.delivered: Any = None
        """What the client has of this answer, kept by the work where another candidate could go on from it."""
        self.detail: Any = None
        """The gateway's own notes (usage and the like)."""
        self.keeper: Keeper | None = None
        """Whom it has come to: set once it waits or is at work there."""

    def end(self, outcome: Outcome, failure: Failure | None = None) -> None:
        """Sets the one outcome; whoever holds the attempt at its end says so, once."""
        assert self.outcome is None, "an attempt has one outcome"
        self.outcome = outcome
        self.failure = failure
        self.stage = _DONE
        self.ended_at = self.clock()

    @property
    def epoch(self) -> int:
        """Under which it writes into the call's relay."""
        return self.number

    def begin(self, scope: trio.CancelScope, watch: Watch) -> None:
        """The work begins now, within `scope`, which `watch` has cancelled at `due`."""
        self.scope = scope
        if self.dismissed:
            self.stop()
            return
        self.watch = watch
        if self.due < watch.next_look:
            watch.look_at(self.due)

    def enter(self, stage: Stage, allowed_s: float | None = None) -> None:
        """Moves to `stage`, which may take `allowed_s` seconds (None: until the call's deadline)."""
        self.stage = stage
        due = self.call.deadline
        if allowed_s is not None and (sooner := self.clock() + allowed_s) < due:
            due = sooner
        self.due = due
        watch = self.watch
        if watch is not None and due < watch.next_look:
            watch.look_at(due)

    def out_of_time(self, provider: str) -> DeadlineExceeded:
        """The failure for a call whose deadline has passed in this attempt's present stage."""
        allowed_s = self.call.deadline - self.call.arrived_at
        return DeadlineExceeded(
            f"The {allowed_s:.3g} s for this request were over before {self.stage.not_yet(provider)}."
        )

    def blame(self, failure: Failure, now: float) -> Blame | None:
        """What this attempt's `failure` says about its provider; None: nothing."""
        if isinstance(failure, DeadlineExceeded):
            # A short deadline is the asker's own; one that left the provider its usual time is the provider's.
            silent = self.stage is Stage.AWAITING and self.sent_at is not None
            patience_s = self.candidate.timeouts.first_token_s
            return Blame.MODEL if silent and now - (self.sent_at or now) >= patience_s else None
        if failure.blame is Blame.NOBODY and self.accepted_at is None:
            return None
        return failure.blame

    def stop(self) -> None:
        """Its work is cancelled, where it is at work already."""
        if self.scope is not None:
            self.stopped = True
            self.scope.cancel()

    def sent(self) -> None:
        """From here on the provider may have seen the request: its tokens are spent."""
        if self.sent_at is None:
            self.sent_at = self.clock()

    def accepted(self) -> None:
        """The provider has said that it will answer; a hedge's clock starts here."""
        if self.accepted_at is None:
            self.accepted_at = self.clock()

    def hold(self, more_bytes: int) -> None:
        """Charges what this attempt has buffered to the provider's memory budget until it ends."""
        if self.keeper is not None:
            self.keeper.grow(self, more_bytes)

    def commit(self, head: Any) -> None:
        """The first content is here: this attempt answers the call. Streamed calls only; before the first write.

        Raises Left where another was first, the asker has gone, it has just been given up, or its actor's death has
        ended it.
        """
        relay = self.call.relay
        assert relay is not None, "a unary call is answered by the work's return value"
        if self.stopped or self.dismissed or self.outcome is not None or not relay.claim(self.number):
            raise Left
        self.content_at = self.clock()
        if self.keeper is not None:
            self.keeper.content_came(self)
        self.call.reply.settle(Answered(head, self))
        self.cancel_others()

    def cancel_others(self) -> None:
        """This one has the answer."""
        for other in self.call.attempts:
            if other is not self:
                other.cancel()

    def cancel(self) -> None:
        """Stops this attempt wherever it is: in a mailbox, among the waiters or at work."""
        if self.outcome is None:
            if not self.dismissed:  # whoever was first has the reason: the winner's asker leaves right after
                self.dismissed = True
                self.beaten = not self.call.left
            self.stop()
            if self.keeper is not None:
                self.keeper.withdraw(self)

    def write_nowait(self, chunk: bytes) -> bool:
        """Hands over a piece of the answer if there is room. Raises Left as `commit` does."""
        relay = self.call.relay
        assert relay is not None, "a unary call is answered by the work's return value"
        return relay.write_nowait(self.number, chunk)

    async def write(self, chunk: bytes) -> None:
        """Hands over a piece of the answer, waiting for a slow reader for as long as the call may last."""
        if not self.write_nowait(chunk):
            relay = self.call.relay
            assert relay is not None, "write_nowait has seen it"
            self.enter(Stage.STREAMING)
            await relay.write(self.number, chunk)


Work = Callable[[Attempt], Awaitable[Any]]
"""What a provider does for one attempt, handed in by the wiring.

Unary: returns the answer. Streamed: commits at the first content, writes, returns when the answer is whole. Raises
Failure; anything else it raises is a crash of this call alone.
"""
