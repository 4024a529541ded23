"""What operators have of one gateway: the admin API, put together. It outlasts every configuration.

Any worker speaks for all of them: what is shown is everybody's, what is ordered everybody does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from actors.admission import ProviderSettings
from actors.letters import Call, Clock
from gateway.admin.actors import ActorsPage, actors_of
from gateway.admin.asking import json_answer
from gateway.admin.events import EventsEndpoint
from gateway.admin.feed import Feed
from gateway.admin.happenings import happening_of
from gateway.admin.lookout import MOST_REQUESTS, Lookout, Snapshot, Traffic
from gateway.admin.order_desk import INTAKES, OrderDesk
from gateway.admin.orders import Given, InForce
from gateway.admin.page_files import page_endpoints
from gateway.admin.refusals import Refusals
from gateway.admin.reload import ReloadEndpoint, ReloadSettings
from gateway.admin.requests import InFlight, RequestsEndpoint
from gateway.admin.settings_page import SettingsPage, digest_of
from gateway.assembly.steward import RESTART_S, Steward
from gateway.assembly.tree import ActorTree
from gateway.config import Config
from gateway.exchange import AdminEndpoint, Answer, Handler, Request
from gateway.face.health import Vitals
from gateway.siblings import ACTORS, IN_FORCE, ORDERS, REQUESTS, WATCH, Siblings
from gateway.telemetry.contract import NOBODY
from gateway.telemetry.logs import Logs
from gateway.telemetry.metrics import Metrics

MARGIN_S: Final = 1.0
"""What a sibling gets to answer beyond what the order itself may take."""


class _Standing(InForce):
    """What is in force at a worker, and under which settings."""

    settings: str


class Console:
    """One worker's part of it, and the way to the others'."""

    def __init__(
        self,
        actors: ActorTree,
        logs: Logs,
        *,
        worker: str,
        version: str,
        clock: Clock,
        wall_clock: Callable[[], float],
        life: str,
        vitals: Vitals,
        metrics: Metrics,
        siblings: Siblings | None,
        configured: Callable[[str], ProviderSettings | None],
        on_levels: Callable[[], None],
    ) -> None:
        """`configured` and `on_levels` as Steward has them; `life` is this process's alone."""
        self._actors = actors
        self._logs = logs
        self._siblings = siblings
        self.steward = Steward(actors, logs, configured=configured, on_levels=on_levels)
        self.desk = OrderDesk(
            self.steward.carry_out,
            note=self.note,
            note_obeyed=self._log_order,
            worker=worker,
            wall_clock=wall_clock,
            tell_siblings=None if siblings is None else partial(_tell, siblings),
        )
        self._in_flight = in_flight = InFlight(self._calls, clock, worker)
        self._life = life
        self._vitals = vitals
        self._metrics = metrics
        self.feed = Feed(worker, wall_clock)
        self.lookout = Lookout(
            self._look,
            self.feed,
            clock=clock,
            wall_clock=wall_clock,
            ask_siblings=None if siblings is None else partial(_ask_to_watch, siblings),
        )
        self._events = EventsEndpoint(self.feed, self.lookout, clock)
        self.refusals = Refusals(
            clock, count=partial(metrics.count_error, NOBODY, "admin_refused"), tell=self._tell_refused
        )
        """Takes who was not let in here."""
        ask = None if siblings is None else siblings.ask_all
        self._all_actors = ActorsPage(
            actors.looks, worker=worker, version=version, ask_siblings=None if ask is None else partial(ask, ACTORS)
        )
        self._all_requests = RequestsEndpoint(in_flight, None if ask is None else partial(ask, REQUESTS))
        self.own_actors: Handler = ActorsPage(actors.looks, worker=worker, version=version).show_all
        self.own_requests: Handler = RequestsEndpoint(in_flight).show
        self._read_in_force = msgspec.json.Decoder(_Standing).decode
        self._page = page_endpoints()
        self.reload_settings: ReloadSettings | None = None
        """Has all workers read their settings again; whoever serves knows where those are."""

    def endpoints(self, config: Config) -> list[AdminEndpoint]:
        """The whole admin API of one configuration."""
        desk, provider = self.desk, "/admin/providers/<name>"
        return [
            *self._page,
            AdminEndpoint("GET", "/admin/actors", self._all_actors.show_all),
            AdminEndpoint("GET", "/admin/actors/<name>", self._all_actors.show_one),
            AdminEndpoint("POST", "/admin/actors/<name>/restart", desk.restart),
            AdminEndpoint("GET", "/admin/events", self._events),
            AdminEndpoint("GET", "/admin/requests", self._all_requests.show),
            AdminEndpoint("DELETE", "/admin/requests/<id>", desk.cancel),
            *(AdminEndpoint("POST", f"{provider}/{word}", desk.set_intake) for word in INTAKES),
            AdminEndpoint("POST", f"{provider}/breaker", desk.move_breaker),
            AdminEndpoint("PATCH", f"{provider}/limits", desk.change_limits),
            AdminEndpoint("GET", "/admin/log-levels", self._show_levels),
            AdminEndpoint("PATCH", "/admin/log-levels", desk.set_log_levels),
            AdminEndpoint("GET", "/admin/config", SettingsPage(config, self._in_force)),
            AdminEndpoint("POST", "/admin/reload", ReloadEndpoint(lambda: self.reload_settings, self.note)),
        ]

    async def catch_up(self, config: Config) -> None:
        """Does as the other workers do by their operators' orders; before the actors start."""
        if self._siblings is None:
            return
        own = digest_of(config)
        for said in (await self._siblings.ask_all(IN_FORCE)).values():
            if said is not None:
                theirs = self._read_in_force(said)
                limits = theirs.limits if theirs.settings == own else []  # else they hold until these settings only
                self.steward.adopt(InForce(limits, theirs.intakes))
                return

    def tell_in_force(self, config: Config) -> bytes:
        """For a worker that starts."""
        now = self.steward.in_force()
        return msgspec.json.encode(_Standing(now.limits, now.intakes, digest_of(config)))

    def watch(self, event: object) -> None:
        """Takes a fact of an actor's; Observer.watch."""
        if (told := happening_of(event)) is not None:
            self.feed.state(*told)

    def store_moved(self, before: str, after: str, because: str) -> None:
        """The shared store came or went."""
        self.feed.state("store", {"before": before, "after": after, "because": because})

    def _look(self) -> Snapshot:
        vitals, page = self._vitals, self._in_flight.page(MOST_REQUESTS)
        return Snapshot(
            worker=vitals.worker,
            life=self._life,
            version=vitals.version,
            phase=vitals.phase,
            uptime_s=vitals.uptime_s,
            memory_bytes=vitals.memory_bytes,
            store=vitals.store_mode,
            actors=actors_of(self._actors.looks()),
            requests=page.requests,
            in_flight=page.total,
            traffic={provider: Traffic(*of) for provider, of in self._metrics.traffic().items()},
        )

    def _in_force(self) -> dict[str, Any]:
        level, levels = self._logs.levels
        changed: dict[str, Any] = msgspec.to_builtins(self.steward.in_force())
        return {**changed, "log": {"level": level, "levels": dict(levels)}}

    async def _show_levels(self, _request: Request) -> Answer:
        level, levels = self._logs.levels
        return json_answer({"level": level, "levels": levels})

    def _calls(self) -> list[Call]:
        router = self._actors.router()
        return [] if router is None else router.calls()

    def _log_order(self, by: str, what: Mapping[str, Any]) -> None:
        self._logs.get("gateway.admin").warning("operator's order", by=by, what=what)

    def _tell_refused(self, what: Mapping[str, Any]) -> None:
        self._logs.get("gateway.admin").warning("admin refused", **what)
        self.feed.state("refused", dict(what))

    def note(self, by: str, what: Mapping[str, Any]) -> None:
        self._log_order(by, what)
        self.feed.state("order", {"by": by, **what})


async def _ask_to_watch(siblings: Siblings, heard: Mapping[str, int]) -> Mapping[str, bytes | None]:
    return await siblings.ask_each({name: f"{WATCH}?{heard.get(name, 0)}" for name in siblings.names})


async def _tell(siblings: Siblings, given: Given, only: str | None) -> Mapping[str, str | None]:
    said = await siblings.tell_all(ORDERS, msgspec.json.encode(given), only=only, limit_s=RESTART_S + MARGIN_S)
    return {worker: None if text is None else text.decode() for worker, text in said.items()}
