"""What settings are made of: a section, and the kinds of values that many of them have."""

from __future__ import annotations

from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Limit = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000)]
"""0 is no limit."""
Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Variable = Annotated[
    str, msgspec.Meta(pattern="^[A-Z_][A-Z0-9_]*$", description="the name of an environment variable, like MY_KEY")
]
OptionalVariable = Annotated[
    str, msgspec.Meta(pattern="^([A-Z_][A-Z0-9_]*)?$", description="the name of an environment variable, like MY_KEY")
]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table of gateway.toml."""


class Rates(Section, frozen=True, kw_only=True):
    """What may be used in a minute; 0 is no limit."""

    requests_per_minute: Limit = 0
    tokens_per_minute: Limit = 0
