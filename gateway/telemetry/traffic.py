"""How much each provider has done, over all models and endpoints."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from gateway.telemetry.contract import ANSWER_BROKEN
from gateway.telemetry.families import Counters, Histograms


class ProviderTraffic(NamedTuple):
    """Since the process started."""

    requests: float
    errors: float
    tokens: float
    first_tokens: int
    first_token_s: float
    """The sum over all of them."""


def traffic_of(
    requests: Counters, errors: Counters, tokens: Counters, first_tokens: Histograms
) -> dict[str, ProviderTraffic]:
    """By provider, which is the first label of all of these."""
    sums = [_by_provider(family) for family in (requests, errors)]
    token_sums: defaultdict[str, float] = defaultdict(float)
    for (provider, _, kind), cell in tokens.children().items():
        if kind in ("prompt", "completion"):  # the others are parts of these
            token_sums[provider] += cell.value
    counts: defaultdict[str, int] = defaultdict(int)
    seconds: defaultdict[str, float] = defaultdict(float)
    for (provider, *_), buckets in first_tokens.children().items():
        counts[provider] += sum(buckets.counts)
        seconds[provider] += buckets.sum
    return {
        provider: ProviderTraffic(
            sums[0][provider], sums[1][provider], token_sums[provider], counts[provider], seconds[provider]
        )
        for provider in sorted({*sums[0], *sums[1]})
    }


def _by_provider(family: Counters) -> defaultdict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for (provider, *others), cell in family.children().items():
        if ANSWER_BROKEN not in others:  # its attempt has failed, and that is counted already
            sums[provider] += cell.value
    return sums
