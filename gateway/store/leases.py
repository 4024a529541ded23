"""The shared limits of one worker: makes its leased buckets, and carries their questions to the store and back.

Each question has an id, under which the store remembers its answer: one whose outcome is unknown is asked again under
the same id, and charges once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import trio

from actors.letters import Clock
from actors.policy.bucket import Bucket
from actors.policy.leased_bucket import Grant, LeasedBucket, Question
from actors.policy.token_bucket import TokenBucket
from gateway.errors import StoreUnavailable
from gateway.store.line import Mode, StoreLine
from gateway.store.script import read_script
from gateway.world import Words

OPERATION: Final = "lease"
REMEMBER_S: Final = 120
"""How long the store knows an answer: longer than most outages, after which a question is asked again."""
LOOK_EVERY_S: Final = 2.0
"""How often a bucket gives back what it has come to hold and does not draw."""
MOST_ORPHANS: Final = 1000
"""Buckets whose owners have died while the store was away; of what the oldest beyond these hold nobody hears again."""


class _Account:
    """One bucket, and the question of its that is under way."""

    __slots__ = ("bucket", "id", "name", "question", "sent")

    def __init__(self, name: str, bucket: LeasedBucket) -> None:
        self.name = name
        self.bucket = bucket
        self.id = ""
        self.question: Question | None = None
        self.sent = False
        """The question has been sent, and nobody has said yet that it was lost."""


class LeaseDesk:
    """Also a supervised child: it looks after buckets that nobody draws from."""

    def __init__(self, line: StoreLine, *, prefix: str, workers: int, clock: Clock, new_id: Callable[[], str]) -> None:
        """`workers` is how many share each limit; a worker without the store keeps to that share of it."""
        self._line = line
        self._prefix = prefix
        self._workers = workers
        self._clock = clock
        self._new_id = new_id
        self._script = read_script("gateway.store", "gcra.lua")
        self._accounts: dict[str, _Account] = {}
        self._orphans: dict[_Account, None] = {}
        """Another has taken their place, and what they hold, or have been promised, is not back yet."""
        self._leaving = False
        line.on_move(self._store_moved)
        line.on_leave(self._give_all_back)

    def new_bucket(self, name: str, per_minute: float, now: float) -> Bucket:
        """A NewBucket. One of the same name takes the place of another, whose actor has died."""
        rate_per_s, share = per_minute / 60.0, 1.0 / self._workers
        if self._line.mode is Mode.MEMORY:
            return TokenBucket(rate_per_s * share, per_minute * share, now)
        before = self._accounts.get(name)
        if before is not None:
            self._orphan(before)
        bucket = LeasedBucket(
            rate_per_s,
            per_minute,
            now,
            share=share,
            is_shared=self._line.mode is Mode.CONNECTED,
            ask=lambda _: self._ask(account),
        )
        account = self._accounts[name] = _Account(name, bucket)
        self._put(account, bucket.look())
        return bucket

    def forget_client(self, label: str) -> None:
        """Nobody draws from the buckets of this client key any more: what they hold goes back."""
        for name in (f"client/{label}/requests", f"client/{label}/tokens"):
            account = self._accounts.pop(name, None)
            if account is not None:
                self._orphan(account)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Looks after the buckets for ever."""
        task_status.started()
        if self._line.mode is Mode.MEMORY:
            await trio.sleep_forever()
        while True:
            await trio.sleep(LOOK_EVERY_S)
            for account in [*self._orphans, *self._accounts.values()]:
                if account.question is not None and not account.sent:
                    self._send(account)
                elif account.question is None and (news := account.bucket.upkeep(self._clock())) is not None:
                    self._put(account, news)
                elif account in self._orphans:
                    self._settle(account)

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        now = self._clock()
        return {
            "workers": self._workers,
            "limits": {
                account.name: {"available": account.bucket.available(now), "shared": account.bucket.is_shared}
                for account in self._accounts.values()
            },
        }

    # Questions.

    def _ask(self, account: _Account) -> None:
        if self._accounts.get(account.name) is not account:
            self._orphans[account] = None  # its owner was still at work on what now ends
        self._put(account, account.bucket.question())

    def _orphan(self, account: _Account) -> None:
        """What a bucket holds goes back; what it is promised by a question under way is looked after by `run`."""
        account.bucket.leave()
        self._return(account)
        self._orphans[account] = None
        if len(self._orphans) > MOST_ORPHANS:
            del self._orphans[next(iter(self._orphans))]

    def _settle(self, orphan: _Account) -> None:
        if orphan.question is None and orphan.bucket.held <= 0:
            self._return(orphan)
            if orphan.question is None:
                del self._orphans[orphan]

    def _return(self, account: _Account) -> None:
        if account.question is None and (leftovers := account.bucket.leftovers()) is not None:
            self._put(account, leftovers)

    def _put(self, account: _Account, question: Question) -> None:
        account.question, account.id = question, self._new_id()
        self._send(account)

    def _send(self, account: _Account) -> None:
        """Sends the question under way; where that cannot be, it is sent when the store is back."""
        question, bucket = account.question, account.bucket
        assert question is not None
        place = f"{self._prefix}:limit:{{{account.name}}}"
        words: Words = (
            *("EVAL", self._script, 2, place, f"{place}:{account.id}"),
            *(repr(float(bucket.rate_per_s)), repr(float(bucket.burst)), *map(repr, map(float, question))),
            REMEMBER_S,
        )
        try:
            self._line.send(OPERATION, words, partial(self._answered, account, account.id))
        except StoreUnavailable:
            bucket.lost(self._clock())
        else:
            account.sent = True

    def _answered(self, account: _Account, id: str, reply: object) -> None:
        question = account.question
        if question is None or account.id != id:
            return
        account.sent = False
        if not isinstance(reply, bytes):
            account.bucket.lost(self._clock())
            return
        granted, remaining, wait_s, _ = map(float, reply.split())
        account.question = None
        account.bucket.answered(question, Grant(granted, remaining, wait_s), self._clock())
        if self._leaving:
            self._return(account)

    # The store comes and goes.

    def _store_moved(self, mode: Mode) -> None:
        self._leaving = self._leaving and mode is not Mode.CONNECTED  # its actor was only restarted
        for account in [*self._orphans, *self._accounts.values()]:
            if mode is not Mode.CONNECTED:
                account.bucket.lost(self._clock())
            elif account.question is not None:
                self._send(account)
            elif account not in self._orphans:
                self._ask(account)

    def _give_all_back(self) -> None:
        self._leaving = True
        for account in [*self._orphans, *self._accounts.values()]:
            self._return(account)
