"""What happens to the process as a whole, as log lines and numbers: its actors' lives, its memory, its exporter, its
store. The observer hands these facts on.
"""

from __future__ import annotations

from typing import Final

from actors.events import ActorBuried
from actors.memory_monitor import Pressure, PressureMoved
from actors.supervision import ChildStarted, ChildStopped, Escalating, Restarted
from gateway.telemetry.logs import Logs, render_crash, rounded
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.span_queue import ExportMoved

STORE_MODES: Final = {"memory": 0, "connected": 1, "degraded": 2}
PRESSURES: Final = {Pressure.NONE: 0, Pressure.DEGRADE: 1, Pressure.REFUSE: 2}


class ProcessFacts:
    """Takes those facts; never blocks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._refused: set[str] = set()
        """What the store refuses, as far as that has been told."""

    def speak_through(self, logs: Logs) -> None:
        """From here on its lines keep to the levels of `logs` as they are now."""
        self._supervisor = logs.get("actors.supervisor")
        self._memory = logs.get("actors.memory_monitor")
        self._store = logs.get("gateway.store")
        self._exporter = logs.get("gateway.span_exporter")

    def supervised(self, event: ChildStarted | ChildStopped | Restarted | Escalating) -> None:
        who = {"supervisor": event.supervisor, "actor": event.child}
        match event:
            case ChildStarted(restarts=restarts):
                self._supervisor.info("actor started", **who, restarts=restarts)
            case ChildStopped(crash=None, asked=asked):
                self._supervisor.info("actor stopped", **who, asked=asked)
            case ChildStopped(crash=crash, asked=asked):
                self._supervisor.error("actor crashed", **who, asked=asked, crash=_rendered(crash))
            case Restarted(restarts=restarts, backoff_s=backoff_s):
                self._supervisor.warning("actor restarts", **who, restarts=restarts, backoff_s=rounded(backoff_s))
            case Escalating(crash=crash, restarts=restarts):
                self._supervisor.critical("supervisor gives up", **who, restarts=restarts, crash=_rendered(crash))

    def actor_buried(self, event: ActorBuried) -> None:
        if not event.replaced:
            self._metrics.close_breakers(event.actor)
        self._supervisor.info("actor gone", actor=event.actor, queued=event.queued, in_flight=event.in_flight)

    def pressure_moved(self, event: PressureMoved) -> None:
        self._metrics.set_pressure(PRESSURES[event.after])
        say = self._memory.warning if event.after > event.before else self._memory.info
        say(
            "memory pressure",
            pressure=event.after.name.lower(),
            used_bytes=event.used_bytes,
            threshold_bytes=event.threshold_bytes,
        )

    def export_moved(self, event: ExportMoved) -> None:
        if event.failing:
            self._exporter.warning("traces do not arrive", because=event.because)
        else:
            self._exporter.info("traces arrive again")

    def store_moved(self, before: str, after: str, because: str) -> None:
        """The shared store came, went, or is not used at all: one line, and the gauge."""
        self._metrics.set_store_mode(STORE_MODES[after])
        self._refused.clear()
        say = self._store.warning if after == "degraded" else self._store.info
        say("store moved", before=before, after=after, because=because)

    def store_refused(self, operation: str, command: str, because: str) -> None:
        """The store answered a script or a command with an error: one line each, until the store has moved."""
        if command not in self._refused:
            self._refused.add(command)
            self._store.error("store refused", operation=operation, command=command, because=because)

    def store_unanswered(self, operation: str, was_connected: bool) -> None:
        """Each is counted; of a store that is known to be away nobody has to be told again, call by call."""
        self._metrics.count_store_unanswered(operation)
        if was_connected:
            self._store.warning("store did not answer in time", operation=operation)


def _rendered(crash: Exception | None) -> list[str] | None:
    return None if crash is None else render_crash(crash)
