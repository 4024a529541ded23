"""A limit that all workers share: each draws from leases of tokens that it asks for in advance.

A lease is half of this worker's share of what the limit has left, and at least what it allows in a second: large while
there is plenty, so that a burst which the limit allows is let through, and small near the end. Nobody waits for an
answer. What a lease has granted is `left`; it may go below zero by one lease (credit), and what was drawn on credit is
owed with the next question. So all workers together pass the limit by at most one lease each, and whatever was passed
is paid before anything else is granted.

Without the store (`lost`) this worker keeps to its own share, the limit divided by the workers; it begins with what
was left of its lease and its share of what the limit had left when it last heard of it, so that losing the store
creates nothing but what others have used since then. All it uses meanwhile is owed as well, and the first answer after
that makes the limit a shared one again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from actors.policy.token_bucket import TokenBucket

LEASE_S = 1.0
"""The smallest lease is what the limit allows in this time, at least 1, and never more than the burst."""
STALE_S = 10.0
"""What was heard of the limit longer ago than this is asked again."""
ASK_AGAIN_S = 0.01
"""How soon a take is worth trying while a question is under way."""


class Question(NamedTuple):
    """What a worker tells and asks the shared bucket."""

    owed: float
    """Used without a lease; below zero: given back."""
    want: float
    """The lease that it would like; less is fine."""
    least: float
    """A smaller grant than this would be of no use."""


class Grant(NamedTuple):
    """The shared bucket's answer."""

    granted: float
    remaining: float
    """What others could still be granted."""
    wait_s: float
    """Where nothing was granted: after how many seconds it would be."""


class LeasedBucket:
    """A Bucket. `ask` is told, now and then within a take, that `question` has something to say; it must not call back.

    One question is under way at a time. Whoever carries it calls `answered` or, once there is no store, `lost`.
    """

    __slots__ = (
        "_alone",
        "_ask",
        "_asking",
        "_drawn",
        "_dry_until",
        "_heard_at",
        "_is_left",
        "_lease",
        "_least_lease",
        "_left",
        "_missed",
        "_remaining",
        "_share",
        "burst",
        "rate_per_s",
    )

    def __init__(
        self,
        rate_per_s: float,
        burst: float,
        now: float,
        *,
        share: float,
        is_shared: bool,
        ask: Callable[[LeasedBucket], None],
    ) -> None:
        """`share` of the limit is this worker's own where there is no store; `is_shared`: there is one now."""
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._share = share
        self._ask = ask
        self._least_lease = min(burst, max(1.0, rate_per_s * LEASE_S))
        self._lease = self._least_lease
        self._left: float = 0
        """Granted and not used; below zero: used and not granted."""
        self._is_left = False
        """Nobody draws from it any more; who has drawn may still settle."""
        self._alone: TokenBucket | None = None if is_shared else TokenBucket(rate_per_s * share, burst * share, now)
        self._asking = False
        self._dry_until = now
        """The shared bucket has nothing before this time."""
        self._missed: float = 0
        """The largest take that was refused since the last question."""
        self._remaining: float = 0
        """What others could still be granted when the store was heard of last."""
        self._heard_at = -math.inf
        self._drawn: float = 0
        """Since the last `upkeep`."""

    @property
    def is_shared(self) -> bool:
        """The store's answers hold; else this worker keeps to its own share."""
        return self._alone is None

    @property
    def held(self) -> float:
        """Granted and not used; below zero: used and not granted."""
        return self._left

    # A Bucket.

    def take(self, amount: float, now: float) -> bool:
        if amount > self.burst:
            amount = self.burst
        left = self._left - amount
        if self._alone is not None:
            if not self._alone.take(amount, now):
                return False
        elif left < 0 and (now < self._dry_until or left < -self._credit(amount)):
            self._missed = max(self._missed, amount)
            self._want_more(now)
            return False
        self._left = left
        self._drawn += amount
        if left < self._lease / 2:
            self._want_more(now)
        return True

    def give_back(self, amount: float, now: float) -> None:
        if self._alone is not None:
            self._alone.give_back(amount, now)
        self._charge(-min(amount, self.burst), now)

    def settle(self, reserved: float, used: float, now: float) -> None:
        if self._alone is not None:
            self._alone.settle(reserved, used, now)
        self._charge(used - min(reserved, self.burst), now)

    def wait_s(self, amount: float, now: float, kept: float = 0.0) -> float:
        """Of what all workers together leave, as far as that is known here."""
        if self._alone is not None:
            return self._alone.wait_s(amount, now, kept)
        if kept:
            return self._wait_beside_s(amount + int(self.burst * kept), now)
        amount = min(amount, self.burst)
        left = self._left - amount
        if left >= 0:
            return 0.0
        if now < self._dry_until:
            return self._dry_until - now
        return 0.0 if left >= -self._credit(amount) else ASK_AGAIN_S

    def available(self, now: float) -> float:
        if self._alone is not None:
            return self._alone.available(now)
        there = self._remaining + self.rate_per_s * (now - self._heard_at)
        return min(self._left + min(there, self.burst), self.burst)

    def relimit(self, before: float, after: float, now: float) -> None:
        self.rate_per_s = self.rate_per_s * after / before
        self.burst = self.burst * after / before
        self._least_lease = min(self.burst, max(1.0, self.rate_per_s * LEASE_S))
        self._lease = max(self._least_lease, min(self._lease, self.burst))
        if self._alone is not None:
            self._alone.relimit(before, after, now)
        self._dry_until = now  # how long that is was said of the old limit

    # Towards the store.

    def question(self) -> Question:
        """What is to be asked now; it counts as asked."""
        self._asking = True
        left, self._missed, missed = self._left, 0.0, self._missed
        if self._is_left:
            return self._give(left)
        if left > 2 * self._lease:
            return self._give(left - self._lease)
        owed = max(0.0, -left)
        want = max(0.0, min(self.burst, max(self._lease, missed)) - max(0.0, left))
        return Question(owed, want, min(want, max(1.0, missed)))

    def look(self) -> Question:
        """Asks how much there is, and for nothing of it: that is to be known before it is needed."""
        self._asking = True
        return Question(0.0, 0.0, 0.0)

    def upkeep(self, now: float) -> Question | None:
        """What is to be said now and then: gives back what is more than twice what was drawn since the last time."""
        drawn, self._drawn = self._drawn, 0
        if self._asking:
            return None
        kept = max(2 * drawn, self._least_lease) if drawn else 0.0
        if self._left > kept:
            return self._give(self._left - kept)
        return self.look() if now - self._heard_at > STALE_S else None

    def leave(self) -> None:
        """Nobody draws from it any more: what those who have drawn give back, or owe, is told as it comes."""
        self._is_left = True

    def leftovers(self) -> Question | None:
        """Gives back all that is left, or tells what is owed; None where it comes to nothing."""
        return None if self._left == 0 else self._give(self._left)

    def answered(self, question: Question, grant: Grant, now: float) -> None:
        """The store has done what `question` said."""
        self._asking = False
        self._left += grant.granted + max(0.0, question.owed)
        if self._left >= -self._lease:  # else more was used meanwhile: that is told first
            self._alone = None
        self._remaining = grant.remaining
        self._lease = self._sized(grant.remaining)
        self._heard_at = now
        self._dry_until = now + grant.wait_s if grant.wait_s > 0 else now
        if (self._left < 0 and now >= self._dry_until) or (self._left > 0 and self._is_left):
            self._want_more(now)

    def lost(self, now: float) -> None:
        """There is no store for now. What is under way stays so: it is to be asked again, under the same id."""
        if self._alone is None:
            share = self._share
            burst = self.burst * share
            refilled = self.rate_per_s * (now - self._heard_at)
            there = self._left + share * min(self._remaining + refilled, self.burst)
            self._alone = TokenBucket(self.rate_per_s * share, burst, now)
            self._alone.settle(0.0, burst - min(there, burst), now)
            self._dry_until = now

    def _wait_beside_s(self, amount: float, now: float) -> float:
        missing = min(amount, self.burst) - self.available(now)
        if missing <= 0:
            return 0.0
        return max(ASK_AGAIN_S, missing / self.rate_per_s) if self.rate_per_s else math.inf

    def _give(self, amount: float) -> Question:
        self._asking = True
        self._left -= max(0.0, amount)
        return Question(-amount, 0.0, 0.0)

    def _sized(self, remaining: float) -> float:
        """How large a lease is while the limit has `remaining`."""
        return max(self._least_lease, math.floor(self._share * remaining / 2))

    def _credit(self, amount: float) -> float:
        """How far below zero a take may go: one lease, or one request that needs more than that."""
        return max(self._lease, amount if self._left >= 0 else 0.0)

    def _charge(self, amount: float, now: float) -> None:
        self._left -= amount
        if self._left < 0 or self._left > (0 if self._is_left else 2 * self._lease):
            self._want_more(now)

    def _want_more(self, now: float) -> None:
        if not self._asking and now >= self._dry_until:
            self._asking = True
            self._ask(self)
