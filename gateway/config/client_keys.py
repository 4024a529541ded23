"""What a client's key may do, be it named in the settings or kept in the shared store, and who has one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from gateway.config.section import Limit, OptionalVariable, Rates, Section
from gateway.money import nano_of

Label = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="at most 64 letters, digits, dots, - and _")
]
PriorityName = Literal["low", "normal", "high"]
Edge = Literal["hard", "soft"]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
"""`*` stands for any text."""
Patterns = Annotated[tuple[Pattern, ...], msgspec.Meta(max_length=64)]
Budget = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Expiry = Annotated[
    datetime, msgspec.Meta(tz=True, description="a time with its zone, like 2027-01-31T00:00:00Z, without quotes")
]
Tag = Annotated[str, msgspec.Meta(max_length=128)]
Tags = Annotated[dict[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], Tag], msgspec.Meta(max_length=16)]
OptionalDigest = Annotated[
    str, msgspec.Meta(pattern="^([0-9a-f]{64})?$", description="a SHA-256: 64 hexadecimal digits in lower case")
]


class KeyTerms(Rates, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for whoever shows a key; the defaults are no limit at all."""

    max_concurrent: Limit = 0
    max_priority: PriorityName = "high"
    """What it asks for above this counts as this."""
    models: Patterns = ()
    """Those that may be asked for; none: all."""
    providers: Patterns = ()
    """Those that may be asked; none: all."""
    budget_usd_per_day: Budget = 0.0
    budget_usd_per_month: Budget = 0.0
    """Days and months are UTC's; 0 is no budget."""
    budget_edge: Edge = "hard"
    expires: Expiry | None = None
    tags: Tags = msgspec.field(default_factory=dict)
    """The operator's own notes."""

    @property
    def has_budget(self) -> bool:
        return bool(self.budget_usd_per_day or self.budget_usd_per_month)

    @property
    def budget_per_day(self) -> int | None:
        """In nano-USD; None: no limit."""
        return nano_of(self.budget_usd_per_day) or None

    @property
    def budget_per_month(self) -> int | None:
        """In nano-USD; None: no limit."""
        return nano_of(self.budget_usd_per_month) or None


class NewKey(KeyTerms, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A key that an operator asks for."""

    label: Label


class NewTerms(KeyTerms, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an operator wants to hold for a key from now on."""


class ClientKeySetting(KeyTerms, frozen=True, kw_only=True):
    """A client's key: how it is called in logs and metrics, and which variable holds it, or what its SHA-256 is."""

    label: Label
    env: OptionalVariable = ""
    sha256: OptionalDigest = ""


class Auth(Section, frozen=True, kw_only=True):
    mode: Literal["auto", "off", "keys"] = "auto"
    unpriced_models: Literal["refuse", "allow"] = "refuse"
    """What a key with a hard budget hears when it asks for a model whose price nobody knows."""
    keys: tuple[ClientKeySetting, ...] = ()


class ClientKey(KeyTerms, frozen=True, kw_only=True):
    """A client that may come in. The key itself is not kept, only its SHA-256, and repr shows neither."""

    label: str
    sha256: bytes

    def __repr__(self) -> str:
        return f"ClientKey({self.label!r})"


def terms_of(whole: KeyTerms) -> KeyTerms:
    """A key's terms without its name and its digest."""
    return KeyTerms(**{name: getattr(whole, name) for name in KeyTerms.__struct_fields__})
