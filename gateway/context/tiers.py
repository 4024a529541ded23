"""How full a conversation makes its model's context window: an estimate, four tiers, and the headers that say so.

Pure. The estimate is characters by the model's family (`PER_TEN_TOKENS`), with a constant for each image, sound or
file; what the texts are is the dialects' knowledge (`gateway.dialects.prompt_weight`).
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Final

import msgspec

from gateway.dialects.prompt_weight import MEDIA_TOKENS, PromptWeight

PER_TEN_TOKENS: Final = (("codellama", 38), ("claude", 38), ("deepseek", 32), ("qwen", 35), ("llama", 35), ("gpt", 40))
"""Characters, by what a model's name contains; the first that fits. In whole numbers, so that estimates are exact."""
USUAL_PER_TEN_TOKENS: Final = 40
HIGHEST_TIER: Final = 4

ROUTED, TIER, COUNT, LIMIT, HEADROOM = (
    b"x-cms-routed",
    b"x-cms-tier",
    b"x-token-count",
    b"x-token-limit",
    b"x-headroom-pct",
)
_ROUTED: Final = {False: (ROUTED, b"false"), True: (ROUTED, b"true")}
_TIERS: Final = tuple((TIER, b"%d" % tier) for tier in (*range(1, HIGHEST_TIER + 1), HIGHEST_TIER))
"""By whole quarters of the window."""
_HEADROOMS: Final = tuple((HEADROOM, b"%d.%d" % divmod(tenths, 10)) for tenths in range(1001))
"""By tenths of a per cent: every request needs one."""


class Mode(enum.Enum):
    """What a client wants of the service; `optimize` and `plan` are for services that route through it themselves."""

    NONE = b"none"
    VALIDATE = b"validate"
    OPTIMIZE = b"optimize"
    PLAN = b"plan"
    AUTO = b"auto"


class Gauge(msgspec.Struct, frozen=True, gc=False):
    """What a model's window is measured with."""

    per_ten_tokens: int
    """Characters."""
    window: int
    """Tokens."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A conversation in its model's window, in tokens; `routed` where the service itself has counted."""

    tokens: int
    window: int
    routed: bool = False

    @property
    def tier(self) -> int:
        """1 below 25 % of the window, 2 below 50 %, 3 below 75 %, else 4."""
        return tier_of(self.tokens, self.window)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """For the client and for the provider."""
        tokens, window = self.tokens, self.window
        left = window - tokens
        if left < 0:
            left = 0
        return [
            _ROUTED[self.routed],
            _TIERS[4 * (window - left) // window],
            (COUNT, b"%d" % tokens),
            _limit(window),
            _HEADROOMS[(2000 * left // window + 1) // 2],
        ]


@lru_cache(maxsize=1024)
def _limit(window: int) -> tuple[bytes, bytes]:
    """Remembered, since there are as many as models."""
    return LIMIT, b"%d" % window


def tier_of(tokens: int, window: int) -> int:
    """In whole numbers, so that a border is where it is said to be."""
    quarters = 4 * tokens // window
    return quarters + 1 if quarters < HIGHEST_TIER else HIGHEST_TIER


@lru_cache(maxsize=1024)
def gauge_of(model: str, window: int) -> Gauge:
    """The gauge of a model by its provider's name for it; remembered, since every request for a model needs it."""
    name = model.lower()
    found = (characters for part, characters in PER_TEN_TOKENS if part in name)
    return Gauge(next(found, USUAL_PER_TEN_TOKENS), window)


def read(gauge: Gauge, weight: PromptWeight) -> Reading:
    """How much of the window a prompt of this weight takes, by estimate; parts of a token are a token."""
    tokens = -(-10 * weight.characters // gauge.per_ten_tokens) + weight.media * MEDIA_TOKENS
    return Reading(tokens, gauge.window)


def estimated_tokens(model: str, weight: PromptWeight) -> int:
    """What a prompt of this weight takes where nobody counts it exactly."""
    return max(1, read(gauge_of(model, 1), weight).tokens)


def counted(weight: PromptWeight, tokens: int, window: int) -> Reading:
    """What the service says of the texts of a prompt; images, sounds and files only the estimate counts."""
    return Reading(tokens + weight.media * MEDIA_TOKENS, window, routed=True)


def read_mode(value: bytes) -> Mode | None:
    """What an X-CMS-Mode asks for; None where it is no such word."""
    try:
        return Mode(value.strip().lower())
    except ValueError:
        return None
