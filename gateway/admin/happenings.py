"""Which of the actors' facts those who watch are told, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from actors.events import ActorBuried, BreakerMoved, CallCrash, CoolingDown, Drained, KeyMoved
from actors.memory_monitor import PressureMoved
from actors.supervision import ChildStarted, ChildStopped, Escalating, Restarted

MAX_TEXT: Final = 200
"""Characters of what a client chose."""

Told = tuple[str, dict[str, Any]]
"""A kind, and what there is to say of it."""


def happening_of(event: object) -> Told | None:
    """None for what is nobody's news: requests that fail, wait and are tried again are counted, not told."""
    tell = _TELL.get(type(event))
    return None if tell is None else tell(event)


def _breaker(event: BreakerMoved) -> Told:
    model = event.model[:MAX_TEXT]
    moved = {"before": event.before.value, "after": event.after.value, "failures": event.failures}
    return "breaker", {"provider": event.provider, "model": model, **moved}


def _cooldown(event: CoolingDown) -> Told:
    place = {"provider": event.provider, "model": event.model[:MAX_TEXT], "key": event.key}
    return "cooldown", {**place, "seconds": event.seconds}


def _key(event: KeyMoved) -> Told:
    return "key", {"provider": event.provider, "key": event.key, "model": event.model, "revoked": event.revoked}


def _crash(event: CallCrash) -> Told:
    return "crash", {"actor": event.actor, "request": event.call.id, "error": type(event.error).__name__}


def _drained(event: Drained) -> Told:
    return "drained", {"actor": event.actor}


def _buried(event: ActorBuried) -> Told:
    return "actor", {"actor": event.actor, "now": "gone", "queued": event.queued, "in_flight": event.in_flight}


def _pressure(event: PressureMoved) -> Told:
    return "memory", {"before": event.before.name.lower(), "after": event.after.name.lower(), "used": event.used_bytes}


def _started(event: ChildStarted) -> Told:
    return "actor", {"actor": event.child, "now": "started", "restarts": event.restarts}


def _stopped(event: ChildStopped) -> Told:
    crash = None if event.crash is None else type(event.crash).__name__
    return "actor", {"actor": event.child, "now": "stopped" if crash is None else "crashed", "error": crash}


def _restarted(event: Restarted) -> Told:
    return "actor", {"actor": event.child, "now": "restarting", "restarts": event.restarts}


def _escalating(event: Escalating) -> Told:
    return "actor", {"actor": event.supervisor, "now": "giving up", "because": event.child}


_TELL: Final[Mapping[type, Callable[[Any], Told]]] = {
    BreakerMoved: _breaker,
    CoolingDown: _cooldown,
    KeyMoved: _key,
    CallCrash: _crash,
    Drained: _drained,
    ActorBuried: _buried,
    PressureMoved: _pressure,
    ChildStarted: _started,
    ChildStopped: _stopped,
    Restarted: _restarted,
    Escalating: _escalating,
}
