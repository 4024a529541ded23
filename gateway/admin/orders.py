"""What operators can have done, as plain values: what a handler reads of a request and one worker tells another."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import msgspec

from gateway.config.section import Count, Limit
from gateway.config.settings import Level

LONGEST_NAME = 256

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
ForSeconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Intake = Literal["open", "paused", "drained"]
"""What a provider does with new calls: takes them, lets them wait, or sends them elsewhere."""


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="order", tag=str.lower):
    """One of those below; every worker carries it out."""


class Breaker(Order, frozen=True, kw_only=True):
    """Opens or shuts one breaker of a provider, or makes all of them as new."""

    provider: str
    action: Literal["open", "close", "reset"]
    model: Name = "*"
    """As the provider knows it; "*" is its host."""
    for_s: ForSeconds | None = None
    """How long it stays open before it lets a probe through; left out: until it is shut."""

    @property
    def open_s(self) -> float:
        return math.inf if self.for_s is None else self.for_s


class SetIntake(Order, frozen=True, kw_only=True, tag="intake"):
    """Has a provider take calls, let them wait, or send them elsewhere; that outlasts its actor and a reload."""

    provider: str
    intake: Intake


class Limits(Order, frozen=True, kw_only=True, omit_defaults=True):
    """Other limits for a provider, or for one of its models, until the settings are read again; 0 is no limit."""

    provider: str
    model: Name | None = None
    """As the provider knows it."""
    requests_per_minute: Limit | msgspec.UnsetType = msgspec.UNSET
    tokens_per_minute: Limit | msgspec.UnsetType = msgspec.UNSET
    max_concurrent: Count | msgspec.UnsetType = msgspec.UNSET
    """Of a provider only."""


class LogLevels(Order, frozen=True, kw_only=True, omit_defaults=True, tag="log_levels"):
    """Other log levels until the settings are read again; null takes a module's own away."""

    level: Level | msgspec.UnsetType = msgspec.UNSET
    levels: Annotated[dict[Name, Level | None], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=dict)


class Restart(Order, frozen=True, kw_only=True):
    """Stops an actor and starts it afresh."""

    name: str


class Cancel(Order, frozen=True, kw_only=True):
    """Ends a request in flight."""

    id: str


AnyOrder = Breaker | SetIntake | Limits | LogLevels | Restart | Cancel


class InForce(msgspec.Struct):
    """What operators have changed and the settings do not say."""

    limits: list[Limits]
    intakes: dict[str, Intake]


class Stamp(NamedTuple):
    """When an order was given, and at which worker: the larger one is the later one."""

    at: float
    """Seconds since the epoch."""
    worker: str


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """An order on its way to another worker."""

    order: AnyOrder
    by: str
    """Who wants it."""
    stamp: Stamp
