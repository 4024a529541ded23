"""The router's notes on one call: how far it has come through its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from actors.attempt import Attempt
from actors.client_account import ClientAccount
from actors.errors import Failure, KeyFault
from actors.letters import Call, Candidate
from actors.timers import Timer


class Plan(msgspec.Struct, eq=False):
    """What has been tried, and what may follow."""

    call: Call
    candidates: Sequence[Candidate]
    candidate: Candidate
    """The present one of them, of which there is one at least."""
    account: ClientAccount | None
    tries: int = 0
    """Attempts on the current candidate."""
    unpaid: Attempt | None = None
    """The candidate's first attempt, until it has paid for retries."""
    hedged: bool = False
    backoff: Timer | None = None
    hedge: Timer | None = None
    delivered: Any = None
    """What the client already has, once a committed stream broke."""
    broken: Failure | None = None
    """Why the committed stream broke: what the client is told where nobody can go on."""
    worst: Failure | None = None
    """The last failure of an attempt that was sent: it says more than a refusal of ours, or of our key."""
    _index: int = 0

    @property
    def has_live_attempts(self) -> bool:
        """Some attempt may still answer; one that was dismissed on purpose may not."""
        return any(attempt.outcome is None and not attempt.dismissed for attempt in self.call.attempts)

    @property
    def backoff_pending(self) -> bool:
        return self.backoff is not None and self.backoff.pending

    def following(self, failure: Failure | None) -> int | None:
        """The index of the next candidate that can help after `failure`."""
        needs = self.candidate.window if failure is not None and failure.wants_window else None
        for index in range(self._index + 1, len(self.candidates)):
            window = self.candidates[index].window
            if needs is not None and window is not None and window <= needs:
                continue
            if self.delivered is not None and not self.candidates[index].resumes:
                continue
            return index
        return None

    def has_next(self, failure: Failure | None) -> bool:
        return self.following(failure) is not None

    def move_to(self, index: int) -> None:
        self._index = index
        self.candidate = self.candidates[index]
        self.tries = 0

    def advance(self, failure: Failure) -> None:
        """On to the next candidate that can help; there is one."""
        index = self.following(failure)
        assert index is not None, "has_next was asked in this very step"
        self.move_to(index)

    @property
    def has_successor(self) -> bool:
        """Another candidate could go on with the present one's answer, were it to break."""
        return any(candidate.resumes for candidate in self.candidates[self._index + 1 :])

    def advance_to_resume(self, broken: Candidate, delivered: Any) -> bool:
        """On to the next one behind `broken` that may go on with what was delivered; False where there is none.

        A hedge that lost the race is behind it, and may.
        """
        self.delivered = delivered
        self.move_to(self.candidates.index(broken))
        index = self.following(None)
        if index is None:
            return False
        self.move_to(index)
        return True

    def ended(self, attempt: Attempt, failure: Failure) -> None:
        """Notes what an attempt's end says about the call."""
        if attempt.sent_at is not None and (self.worst is None or failure.key_fault is not KeyFault.REFUSED):
            self.worst = failure
        if attempt.content_at is not None and self.broken is None:
            self.broken = failure

    def cancel_timers(self) -> None:
        for timer in (self.backoff, self.hedge):
            if timer is not None:
                timer.cancel()


def hedge_due(attempt: Attempt, now: float) -> float:
    """When an attempt that is still silent then gets another one beside it; it moves while nothing has begun.

    A stream shows that it is accepted. A whole answer shows nothing until it is there, and most take their time: it is
    silent once a stream would be given up for lost.
    """
    timeouts = attempt.candidate.timeouts
    if attempt.call.relay is None:
        since, silence_s = attempt.sent_at, max(timeouts.hedge_after_s, timeouts.first_token_s)
    else:
        since, silence_s = attempt.accepted_at, timeouts.hedge_after_s
    return (now if since is None else since) + silence_s
