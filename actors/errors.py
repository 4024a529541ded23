"""What can go wrong with a call, as facts that a router and a breaker can act on.

Failure                    base: retryable, elsewhere, blame, retry_after, throttled, key_fault, wants_window
├── Overloaded             no room: a mailbox, the waiters, permits, tokens or bytes are used up
│   └── RateLimited        a limit of requests or tokens a minute is used up
├── NeverFits              larger than all that may be held here at once
├── Unavailable            not taking calls now: breaker open, cooling down, draining
├── TimedOut               one phase of an attempt took too long
├── DeadlineExceeded       the call's own absolute deadline has passed
├── ActorDied              the actor that held the call crashed or was stopped
├── CallCrashed            the call's own code raised what nobody expected
└── Cancelled              an operator ended the call
Left                       not a failure: the asker went away (never shown to anybody)

The gateway subclasses Failure for what its wire formats can report; actors only read the facts.
"""

from __future__ import annotations

import enum
from typing import Final

from actors.policy.standing import Standings


class Blame(enum.Enum):
    """Which breaker a failure counts against."""

    NOBODY = "nobody"
    MODEL = "model"
    """What the model answers: 5xx, silence, a broken stream."""
    HOST = "host"
    """What the provider's host does: refused, DNS, TLS."""


class KeyFault(enum.Enum):
    """What a failure holds against the key that was used."""

    REFUSED = "refused"
    """The provider does not know it, whatever is asked (401)."""
    UNFIT = "unfit"
    """It may not do this, or not any more (402, 403); another key may."""
    FOREIGN = "foreign"
    """It was the asker's own: what became of it, a 429 too, says nothing of any other."""


class Stage(enum.Enum):
    """How far an attempt has come."""

    QUEUED = "queued"
    WAITING = "waiting"
    CONNECTING = "connecting"
    SENDING = "sending"
    AWAITING = "awaiting"
    """The request has been sent; no content has come yet."""
    STREAMING = "streaming"
    DONE = "done"

    def not_yet(self, provider: str) -> str:
        """What had not happened when time ran out here, in words for whoever waited."""
        return _NOT_YET[self].format(provider)


_NOT_YET: Final = {
    Stage.QUEUED: "{} had taken it",
    Stage.WAITING: "{} had room for it",
    Stage.CONNECTING: "{} was reached",
    Stage.SENDING: "{} had taken all of it",
    Stage.AWAITING: "{} began to answer",
    Stage.STREAMING: "the answer of {} was whole",
    Stage.DONE: "the answer of {} was whole",
}


class Failure(Exception):
    """A call that did not succeed, for a reason somebody can act on."""

    retryable: bool = False
    """Another attempt, here or elsewhere, may succeed."""
    elsewhere: bool = False
    """The same candidate must not be asked again for this call; the next one may."""
    blame: Blame = Blame.NOBODY
    throttled: bool = False
    """The provider asked for less (429): cool down, but nobody is to blame."""
    key_fault: KeyFault | None = None
    wants_window: bool = False
    """Only a candidate with a larger or unknown context window can help."""
    retry_after: float | None = None
    """Seconds after which asking again makes sense, where somebody said so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        if retry_after is not None:
            self.retry_after = retry_after

    @property
    def concerns_key(self) -> bool:
        """Whether the same candidate may answer at once if it is asked with another key."""
        return self.key_fault is not KeyFault.FOREIGN and (self.throttled or self.key_fault is not None)

    @property
    def blames_provider(self) -> bool:
        """Whether a breaker counts this."""
        return self.blame is not Blame.NOBODY


class Overloaded(Failure):
    """There is no room for the call here; nothing was sent."""

    retryable = True
    elsewhere = True


class NeverFits(Failure):
    """The call is larger than all that may be held here at once; another provider may have room for it."""

    retryable = True
    elsewhere = True


class RateLimited(Overloaded):
    """A limit of requests or tokens a minute is used up, and waiting would take too long."""

    standings: Standings | None = None
    """How those limits stand, where they are ours."""

    def __init__(self, message: str, *, retry_after: float | None = None, standings: Standings | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.standings = standings


class Unavailable(Failure):
    """The actor does not take calls now: breaker open, cooling down or draining."""

    retryable = True
    elsewhere = True


class TimedOut(Failure):
    """One phase of an attempt took longer than it may; never raised for the call's whole deadline."""

    retryable = True

    def __init__(self, stage: Stage, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.blame = Blame.HOST if stage is Stage.CONNECTING else Blame.MODEL
        # A silent provider is not asked again: the next candidate is.
        self.elsewhere = stage is not Stage.CONNECTING


class DeadlineExceeded(Failure):
    """The call's absolute deadline has passed."""


class ActorDied(Failure):
    """The actor that held the call crashed or was stopped; another candidate may serve it."""

    retryable = True
    elsewhere = True


class CallCrashed(Failure):
    """The code of this one call raised something nobody expected; `__cause__` is that exception."""


class Cancelled(Failure):
    """Somebody who may has ended the call; asking again is not what they want."""


class Left(Exception):
    """The asker has gone: what was asked for is of no use to anybody any more."""
