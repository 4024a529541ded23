"""What an operator asks of an actor: a channel of its own, so that a full mailbox never hides an actor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from actors.mailbox import Mailbox
from actors.reply import Reply

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
class Stop:
    """Ends the actor in order; its supervisor decides what follows."""

    reply: Reply[None] = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Heed:
    """Tells a provider's actor that another worker's breaker of `model` ("*": of the host) is open for `for_s` more."""

    model: str
    for_s: float


Command = Status | Drain | Resume | Stop | Heed


def control_mailbox(owner: str, clock: Callable[[], float]) -> Mailbox[Command]:
    """The second channel of an actor."""
    return Mailbox(owner, clock=clock, capacity=CONTROL_CAPACITY)
