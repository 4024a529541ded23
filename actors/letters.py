"""What travels between asker, router and providers: a Call, what answers it, and the reports that come back.

contextvars do not cross a mailbox, so whatever the far side needs (trace, log context, deadline) stands in the letter.
Payloads, replies and progress are the gateway's own objects; actors carry them and never look inside.

What is made anew for each call is a msgspec struct, here and wherever actors keep such notes: a class with an
initialiser of its own takes three times as long to make, and with arguments by name five times.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from actors.client_account import ClientAccount, ClientLimits
from actors.errors import Failure
from actors.relay import Relay
from actors.reply import Reply

if TYPE_CHECKING:  # a call and its attempts know each other: of the two this is the one that makes none
    from actors.attempt import Attempt

Clock = Callable[[], float]


class Priority(enum.IntEnum):
    """Who is served first among those who wait; FIFO within one."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds one attempt may spend in each phase."""

    connect_s: float = 5.0
    first_token_s: float = 60.0
    """From the request's last byte to the first content; unary calls have the call's whole deadline."""
    idle_s: float = 30.0
    """Between two reads of a committed stream."""
    hedge_after_s: float = 10.0
    """Accepted but silent this long: the next candidate is started beside it; unary calls: not before first_token_s."""
    queue_s: float = 10.0
    """Among a provider's waiters."""


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One provider and model that can serve a call."""

    provider: str
    """The provider actor's name."""
    model: str
    """The model's name as that provider knows it."""
    window: int | None = None
    """Context window in tokens; None where nobody knows it."""
    timeouts: Timeouts = DEFAULT_TIMEOUTS
    resumes: bool = False
    """May be asked to go on with an answer that broke in the middle."""
    yields: bool = False
    """What it will not answer goes to the next candidate: the work may fail with that."""


class Call(msgspec.Struct, kw_only=True, eq=False):
    """One question of one asker, from its arrival until exactly one outcome.

    `deadline` is absolute on the actors' clock; `size_bytes` is what the request holds in memory; `tokens` is what to
    reserve (prompt estimate + most output). A streamed call has a relay, a unary one has none.
    """

    id: str
    arrived_at: float
    deadline: float
    model: str
    payload: Any
    size_bytes: int = 0
    tokens: int = 0
    priority: Priority = Priority.NORMAL
    client: str = ""
    relay: Relay | None = None
    trace: Any = None
    log: Any = None
    reply: Reply[Answered] = msgspec.field(default_factory=Reply)
    attempts: list[Attempt] = []
    candidates: Sequence[Candidate] | None = None
    """Who may be asked, best first, where the asker has a say in it; None: whoever the router finds."""
    limits: ClientLimits | None = None
    """The client key's, where the router's settings do not know it."""
    account: ClientAccount | None = None
    """The client key's limits, set by the router where it has any."""
    left: bool = False
    """The asker has what it wanted or has gone: nothing may be started for this call any more."""

    @property
    def spent_tokens(self) -> int | None:
        """What its last attempt has used of `tokens`; None where none was ever sent."""
        sent = [attempt for attempt in self.attempts if attempt.sent_at is not None]
        if not sent:
            return None
        used = sent[-1].spent_tokens
        return self.tokens if used is None else used

    def dissolve(self) -> None:
        """Nobody asks for its attempts any more.

        A call and its attempts know each other. Undone here, all of them are freed at once; what waits for the garbage
        collector costs a request a tenth of its CPU, and its memory is cold when it comes back.
        """
        self.attempts.clear()

    def abandon(self) -> None:
        """Its asker has its answer, or has gone: whatever is still under way stops. Twice is harmless."""
        self.left = True
        for attempt in self.attempts:
            if attempt.outcome is None:
                attempt.cancel()
        if self.relay is not None:
            self.relay.close()


class Answered(msgspec.Struct, eq=False):
    """What the asker gets: a unary call's whole answer, or a streamed call's head once its first content has come."""

    value: Any
    attempt: Attempt


class Failed(NamedTuple):
    """An attempt ended before its first content."""

    attempt: Attempt
    failure: Failure


class Broken(NamedTuple):
    """An attempt ended after its first content, before its end; `attempt.delivered` is what the client has by then."""

    attempt: Attempt
    failure: Failure


class Rotated(NamedTuple):
    """An attempt ended for the sake of its key, and a key is ready that this call has not been refused with."""

    attempt: Attempt
    failure: Failure


Report = Failed | Broken | Rotated
