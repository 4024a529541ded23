"""GET /health, /health/ready, /health/detailed: for whoever restarts, routes or looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from actors.look import ActorLook
from actors.standing import Standing
from gateway.config.platform import CMS, CODE_ORCHESTRATOR, REDIS
from gateway.exchange import Answer, Request
from gateway.face.errors import JSON
from gateway.face.record import RequestRecord

SERVICES: Final = frozenset({REDIS, CMS, CODE_ORCHESTRATOR})
"""Who is looked at all the time where it is required."""

Phase = Literal["starting", "ready", "refusing", "draining"]


class Vitals(Protocol):
    """How the gateway is."""

    @property
    def version(self) -> str: ...
    @property
    def worker(self) -> str:
        """Which of the processes behind this port answers."""
        ...

    @property
    def phase(self) -> Phase: ...
    @property
    def uptime_s(self) -> float: ...
    @property
    def memory_bytes(self) -> int | None:
        """The process's resident set as last sampled: an answer costs no file descriptor. None while nobody samples."""
        ...

    @property
    def store_mode(self) -> str:
        """How the shared store is: starting, memory (there is none), connected or degraded."""
        ...

    def tree(self) -> Sequence[ActorLook]:
        """The root and every supervised actor."""
        ...


class NeighbourHealth(NamedTuple):
    """Somebody whom the gateway asks."""

    name: str
    standing: Standing
    required: bool
    """Without it the gateway is not ready."""
    needs: Sequence[str] = ()
    """Variables of which one has to be set before it can be asked."""

    @property
    def is_missing(self) -> bool:
        """Providers are asked by those who want something of them: one that nobody has asked yet is not missing, but
        one that cannot be asked is.
        """
        return self.required and self.standing.state in self._absent

    @property
    def _absent(self) -> tuple[str, ...]:
        return ("down", "off", "unknown") if self.name in SERVICES else ("down", "off")

    def told(self) -> dict[str, object]:
        """As it is shown."""
        state, checked_s, latency_s = self.standing
        needs = {"needs": self.needs} if self.needs else {}
        return {"state": state, "last_check_s": checked_s, "latency_s": latency_s, "required": self.required, **needs}


class Health:
    """What these endpoints do. Nothing in their answers is worth hiding: no addresses, no errors' texts, no keys."""

    def __init__(self, vitals: Vitals, neighbours: Callable[[], Sequence[NeighbourHealth]] = tuple) -> None:
        self._vitals = vitals
        self._neighbours = neighbours
        self._encode = msgspec.json.Encoder().encode

    async def show(self, _request: Request, _record: RequestRecord) -> Answer:
        """Alive: whoever gets an answer at all need not restart us, so the status is always 200."""
        parts = self._vitals.tree()
        providers = {part.name: part.state for part in parts if part.kind == "provider"}
        return self._json(200, {**self._summary(parts), "providers": providers})

    async def show_ready(self, _request: Request, _record: RequestRecord) -> Answer:
        """Whether to send requests here: 503 while starting, refusing for want of memory, or draining; and while
        somebody is missing without whom the operator does not want it to work.
        """
        phase = self._vitals.phase
        if phase != "ready":
            return self._json(503, {"status": phase})
        missing = [neighbour for neighbour in self._neighbours() if neighbour.is_missing]
        if not missing:
            return self._json(200, {"status": phase})
        told = {"status": "missing", "missing": [neighbour.name for neighbour in missing]}
        needs = {neighbour.name: neighbour.needs for neighbour in missing if neighbour.needs}
        return self._json(503, {**told, "needs": needs} if needs else told)

    async def show_detailed(self, _request: Request, _record: RequestRecord) -> Answer:
        """Every actor's state, and that of everybody whom the gateway asks."""
        parts = self._vitals.tree()
        actors = [
            {"name": part.name, "kind": part.kind, "state": part.state, "restarts": part.restarts} for part in parts
        ]
        memory = {"resident_bytes": self._vitals.memory_bytes}
        store = {"mode": self._vitals.store_mode}
        neighbours = {neighbour.name: neighbour.told() for neighbour in self._neighbours()}
        document = {"memory": memory, "store": store, "neighbours": neighbours, "actors": actors}
        return self._json(200, {**self._summary(parts), **document})

    def _summary(self, parts: Sequence[ActorLook]) -> dict[str, object]:
        return {
            "status": self._status(parts),
            "version": self._vitals.version,
            "worker": self._vitals.worker,
            "uptime_s": self._vitals.uptime_s,
        }

    def _status(self, parts: Sequence[ActorLook]) -> str:
        phase = self._vitals.phase
        if phase != "ready":
            return phase
        return "ok" if all(part.state == "running" for part in parts) else "degraded"

    def _json(self, status: int, document: object) -> Answer:
        return Answer(status, [JSON, (b"cache-control", b"no-store")], self._encode(document))
