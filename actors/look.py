"""How an actor looks to people: plain values, unlike ChildView, which holds the actor itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.mailbox import MailboxStatistics


@dataclass(frozen=True, slots=True)
class ActorLook:
    """One actor at one moment."""

    name: str
    kind: str
    parent: str | None
    """The supervisor's name; None for the root."""
    state: str
    """starting, running, draining, backing_off or stopped."""
    restarts: int
    last_error: str | None
    uptime_s: float
    mailbox: MailboxStatistics | None
    """None for those who get no letters, like supervisors."""
    detail: Mapping[str, Any]
    """What the actor tells of itself, plain JSON."""
