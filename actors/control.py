"""What an operator asks of an actor: a channel of its own, so that a full mailbox never hides an actor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from actors.mailbox import Mailbox
from actors.reply import Reply

if TYPE_CHECKING:
    from actors.admission import ProviderSettings

CONTROL_CAPACITY = 64


@dataclass(frozen=True, slots=True)
class Status:
    """Asks for the actor's own view of itself."""

    reply: Reply[dict[str, Any]] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Drain:
    """No new calls; answered when the last one in flight has ended."""

    reply: Reply[None] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Resume:
    """Takes calls again after a drain."""

    reply: Reply[None] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Pause:
    """Takes calls and lets them wait, until Resume or Drain; those at work go on. Providers' actors only."""

    reply: Reply[None] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBreaker:
    """Opens or shuts a provider's breaker of `model` ("*": of the host), or shuts all of them as if they were new."""

    to: Literal["open", "closed", "reset"]
    model: str = "*"
    for_s: float = math.inf
    """How long it is to stay open; then it lets a probe through."""
    reply: Reply[None] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Relimit:
    """Other limits for a provider, from now on."""

    settings: ProviderSettings
    reply: Reply[None] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Ends a call of the router's; the answer is whether there was one of that id."""

    id: str
    reply: Reply[bool] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Stop:
    """Ends the actor in order; its supervisor decides what follows."""

    reply: Reply[None] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Heed:
    """Tells a provider's actor that another worker's breaker of `model` ("*": of the host) is open for `for_s` more."""

    model: str
    for_s: float


Command = Status | Drain | Resume | Pause | MoveBreaker | Relimit | CancelCall | Stop | Heed


def control_mailbox(owner: str, clock: Callable[[], float]) -> Mailbox[Command]:
    """The second channel of an actor."""
    return Mailbox(owner, clock=clock, capacity=CONTROL_CAPACITY)
