"""Clients that come at a steady rate whatever happens to them, and a provider that works at so many calls at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import trio

from tests.face.http_client import Reply
from tests.whole.gateways import QUESTION, Running
from tests.whole.upstream import Asked, answers, fails


@dataclass
class LimitedProvider:
    """`places` calls at a time of `service_s` each; further ones wait their turn. While it is `down` all fail."""

    places: int
    service_s: float
    down: bool = False
    most_at_once: int = 0
    _at_once: int = 0
    _limiter: trio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        self._limiter = trio.CapacityLimiter(self.places)

    @property
    def capacity_per_s(self) -> float:
        return self.places / self.service_s

    async def __call__(self, asked: Asked) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            async with self._limiter:
                await trio.sleep(self.service_s)
            await (fails(503) if self.down else answers())(asked)
        finally:
            self._at_once -= 1


@dataclass(frozen=True)
class Heard:
    """What one request came to."""

    asked_at: float
    answered_at: float
    status: int

    @property
    def took_s(self) -> float:
        return self.answered_at - self.asked_at


class Crowd:
    """Clients who each ask once, and again up to `retries` times as an OpenAI SDK would."""

    def __init__(self, it: Running, *, retries: int = 0) -> None:
        self._it = it
        self._retries = retries
        self.heard: list[Heard] = []

    async def come(self, per_s: float, *, until: float) -> None:
        """One after the other, evenly, until the virtual clock says so; returns when the last has its answer."""
        began_at = trio.current_time()
        async with trio.open_nursery() as clients:
            for number in range(math.floor((until - began_at) * per_s)):
                await trio.sleep_until(began_at + number / per_s)
                clients.start_soon(self._ask)

    async def _ask(self) -> None:
        for retry in range(self._retries + 1):
            asked_at = trio.current_time()
            reply = await self._it.ask(QUESTION)
            self.heard.append(Heard(asked_at, trio.current_time(), reply.status))
            pause_s = pause_before_retry(reply, retry)
            if pause_s is None or retry == self._retries:
                return
            await trio.sleep(pause_s)

    def served_per_s(self, since: float, until: float) -> float:
        """Answers with the status 200 that came in this time."""
        return sum(1 for each in self.heard if each.status == 200 and since <= each.answered_at < until) / (
            until - since
        )

    def refusals(self, since: float = 0.0) -> list[Heard]:
        return [each for each in self.heard if each.status in (429, 503) and each.asked_at >= since]


def pause_before_retry(reply: Reply, retry: int) -> float | None:
    """As OpenAI's Python SDK (openai._base_client._should_retry, _calculate_retry_timeout); None: it gives up."""
    if reply.header("x-should-retry") == "false" or not (reply.status in (408, 409, 429) or reply.status >= 500):
        return None
    after_ms = reply.header("retry-after-ms")
    asked_s = float(after_ms) / 1000 if after_ms is not None else float(reply.header("retry-after") or 0)
    return asked_s if 0 < asked_s <= 60 else min(0.5 * 2.0**retry, 8.0)


def worst(refusals: list[Heard], share: float) -> float:
    """The time to the answer that this share of them did not pass."""
    times = sorted(each.took_s for each in refusals)
    return times[min(len(times) - 1, int(len(times) * share))]
