"""What a model's tokens cost, and what an answer did, to the last token of its usage.

Image tokens, tool calls and a request's own service tier are not told apart by a Usage; they are charged at the plain
rates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

import msgspec

from gateway.dialects.envelope import Usage

_PICO_PER_MICRO = 1_000_000
"""A USD a million tokens is a micro-USD a token."""
_PICO_PER_NANO = 1000
_HALF_A_NANO = 500


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """USD per million tokens; a part of the prompt or the answer without a rate of its own costs what the rest does."""

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    """Of what is kept for an hour; without it, as all else that is written to the cache."""
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


class PriceList:
    """A model's prices, ready to charge: whole pico-USD a token, so that sums of money never drift.

    What an answer comes to is rounded once, to a whole nano-USD.
    """

    __slots__ = ("_input", "_output", "_plain", "_tiers")

    def __init__(self, prices: Prices) -> None:
        self._plain = _Card(prices)
        self._tiers = [(tier.above_input_tokens, _Card(tier)) for tier in reversed(prices.tiers)]
        self._input, self._output = self._plain.input, self._plain.output

    def nano_usd(self, usage: Usage) -> int:
        """What an answer with this usage costs."""
        if not (self._tiers or usage.cached or usage.reasoning or usage.written or usage.audio_in or usage.audio_out):
            return (usage.prompt * self._input + usage.completion * self._output + _HALF_A_NANO) // _PICO_PER_NANO
        card = self._plain
        for above, dearer in self._tiers:
            if usage.prompt > above:
                card = dearer
                break
        return (card.prompt(usage) + card.completion(usage) + _HALF_A_NANO) // _PICO_PER_NANO


def price_list(prices: Prices | None) -> PriceList | None:
    """None where the model's prices are not known."""
    if prices is None or (prices.input is None and prices.output is None):
        return None
    return PriceList(prices)


class _Card:
    """Rates in pico-USD a token; None: as the rest of the prompt or the answer."""

    __slots__ = (
        "_audio_input",
        "_audio_output",
        "_cache_write",
        "_cache_write_1h",
        "_cached_input",
        "_reasoning",
        "input",
        "output",
    )

    def __init__(self, rates: Rates) -> None:
        self.input = _pico(rates.input) or 0
        self.output = _pico(rates.output) or 0
        self._cached_input = _pico(rates.cached_input)
        self._cache_write = _pico(rates.cache_write)
        self._cache_write_1h = self._cache_write if rates.cache_write_1h is None else _pico(rates.cache_write_1h)
        self._audio_input = _pico(rates.audio_input)
        self._audio_output = _pico(rates.audio_output)
        self._reasoning = _pico(rates.reasoning_output)

    def prompt(self, usage: Usage) -> int:
        return _charge(
            usage.prompt,
            self.input,
            (
                (usage.cached, self._cached_input),
                (usage.written - usage.written_1h, self._cache_write),
                (usage.written_1h, self._cache_write_1h),
                (usage.audio_in, self._audio_input),
            ),
        )

    def completion(self, usage: Usage) -> int:
        return _charge(
            usage.completion, self.output, ((usage.reasoning, self._reasoning), (usage.audio_out, self._audio_output))
        )


def _charge(tokens: int, rate: int, parts: Iterable[tuple[int, int | None]]) -> int:
    """Parts with a rate of their own at that one, the rest at `rate`."""
    charged = 0
    for count, own_rate in parts:
        if own_rate is not None:
            charged += count * own_rate
            tokens -= count
    # Sound that came from the cache is a part of both.
    return charged + max(tokens, 0) * rate


def _pico(usd_per_million: float | None) -> int | None:
    return None if usd_per_million is None else round(usd_per_million * _PICO_PER_MICRO)
