"""Token counts as this API spells them (https://platform.claude.com/docs/en/api/messages).

What was read from the cache and written to it is counted apart from `input_tokens`; thinking is part of the output. A
compaction's own tokens stand among the iterations only.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.envelope import Usage

_COMPACTION: Final = "compaction"
_TIERS: Final = {"standard": "default"}
"""In OpenAI's words, which the pivot uses."""


class _Details(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Creation(msgspec.Struct, gc=False):
    """What was written to the cache, by how long it is kept; parts of `cache_creation_input_tokens`."""

    ephemeral_1h_input_tokens: int | None = None


class _Iteration(msgspec.Struct, gc=False):
    type: str | None = None
    input_tokens: int | None = None
    cache_creation: _Creation | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    """A `usage` member, as far as it says anything."""

    input_tokens: int | None = None
    cache_creation: _Creation | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _Details | None = None
    service_tier: str | None = None
    iterations: list[_Iteration] | None = None

    def update(self, later: Counts) -> None:
        """Takes what a later event of a stream says: counts are cumulative, and what it leaves out still holds."""
        for name in self.__struct_fields__:
            value = getattr(later, name)
            if value is not None:
                setattr(self, name, value)

    @property
    def tier(self) -> str | None:
        """Which service was given."""
        return None if self.service_tier is None else _TIERS.get(self.service_tier, self.service_tier)


_decode = msgspec.json.Decoder(Counts).decode


def read_counts(raw: bytes | msgspec.Raw) -> Counts | None:
    """What a `usage` member says; None where it cannot be understood."""
    try:
        return _decode(raw)
    except (ValueError, RecursionError):
        return None


def usage_of(counts: Counts) -> Usage:
    """The counts in the gateway's own terms."""
    details = counts.output_tokens_details
    usage = Usage(reasoning=0 if details is None else details.thinking_tokens or 0)
    _add(usage, counts)
    for iteration in counts.iterations or ():
        if iteration.type == _COMPACTION:
            _add(usage, iteration)
    return usage


def _add(usage: Usage, counts: Counts | _Iteration) -> None:
    cached = counts.cache_read_input_tokens or 0
    written = counts.cache_creation_input_tokens or 0
    usage.prompt += (counts.input_tokens or 0) + cached + written
    usage.completion += counts.output_tokens or 0
    usage.cached += cached
    usage.written += written
    if counts.cache_creation is not None:
        usage.written_1h += min(counts.cache_creation.ephemeral_1h_input_tokens or 0, written)
