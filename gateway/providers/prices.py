"""What a model's tokens cost, and what an answer did, to the last token of its usage.

Image tokens, tool calls, cache entries that are kept for an hour and a request's own service tier are not told apart by
a Usage; they are charged at the plain rates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

import msgspec

from gateway.dialects.envelope import Usage

_MILLION = 1_000_000


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """USD per million tokens; a part of the prompt or the answer without a rate of its own costs what the rest does."""

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    cache_write: float | None = None
    audio_input: float | None = None
    audio_output: float | None = None
    reasoning_output: float | None = None


class Tier(Rates, frozen=True, kw_only=True):
    """The rates for all tokens of a call whose prompt is longer than this."""

    above_input_tokens: int


class Prices(Rates, frozen=True, kw_only=True):
    """The rates of one model, and what they become for long prompts."""

    tiers: tuple[Tier, ...] = ()
    """Rising."""

    def rates(self, prompt_tokens: int) -> Rates:
        """Those for a call with a prompt of this length."""
        for tier in reversed(self.tiers):
            if prompt_tokens > tier.above_input_tokens:
                return tier
        return self


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Prices from a day on, or between two times of every day; all in UTC."""

    prices: Prices
    since: date | None = None
    begins: time | None = None
    ends: time | None = None

    def holds(self, moment: datetime) -> bool:
        if self.since is not None:
            return moment.date() >= self.since
        if self.begins is None or self.ends is None:
            return True
        now = moment.time()
        if self.ends < self.begins:  # over midnight
            return now >= self.begins or now < self.ends
        return self.begins <= now < self.ends


class Tariff(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model's prices over time."""

    prices: Prices
    changes: tuple[Change, ...] = ()
    """The last one that holds counts."""

    def at(self, seconds: float) -> Prices:
        """The prices at this time since the epoch."""
        if self.changes:
            moment = datetime.fromtimestamp(seconds, UTC)
            moment = moment.replace(tzinfo=None)
            for change in reversed(self.changes):
                if change.holds(moment):
                    return change.prices
        return self.prices


def cost_usd(prices: Prices | None, usage: Usage) -> float | None:
    """What an answer with this usage cost; None where the model's prices are not known."""
    if prices is None or (prices.input is None and prices.output is None):
        return None
    rates = prices.rates(usage.prompt)
    prompt = _charge(
        usage.prompt,
        rates.input,
        (
            (usage.cached, rates.cached_input),
            (usage.written, rates.cache_write),
            (usage.audio_in, rates.audio_input),
        ),
    )
    completion = _charge(
        usage.completion,
        rates.output,
        ((usage.reasoning, rates.reasoning_output), (usage.audio_out, rates.audio_output)),
    )
    return (prompt + completion) / _MILLION


def _charge(tokens: int, rate: float | None, parts: Iterable[tuple[int, float | None]]) -> float:
    """Parts with a rate of their own at that one, the rest at `rate`."""
    charged = 0.0
    for count, own_rate in parts:
        if own_rate is not None:
            charged += count * own_rate
            tokens -= count
    # Sound that came from the cache is a part of both.
    return charged + max(tokens, 0) * (rate or 0.0)
