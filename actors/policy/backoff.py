"""Exponential backoff with jitter."""

from __future__ import annotations

from random import Random

MOST_DOUBLINGS = 60
"""More than any limit in seconds needs, and far from a float's end."""


def exponential_s(nth: int, *, base_s: float, max_s: float, random: Random, least: float = 0.0) -> float:
    """The pause before the `nth` repetition (from 1): `base_s` doubled each time up to `max_s`, times a random share.

    The share lies between `least` and 1: 0 is "full jitter", which spreads many callers best
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    whole_s = min(base_s * 2.0 ** min(nth - 1, MOST_DOUBLINGS), max_s)
    return whole_s * random.uniform(least, 1.0)
