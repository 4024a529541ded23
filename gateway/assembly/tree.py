"""The supervision tree of one running gateway: who is where now, and how everybody looks.

root (one_for_one)
├── memory            the memory monitor
├── store             carries commands to the shared store, where there is one
├── leases            rate limits that workers and hosts share
├── hints             breakers that have opened on other workers and hosts
├── spend             keeps the books of what client keys spend
├── keys              hears which client keys have changed in the shared store
├── upstream          closes connections that have been idle for too long
├── cms               asks the Context Management Service
├── tools             a supervisor of its own: the Code Orchestrator Service, an actor for each tool of the operator's
├── providers         a supervisor of its own: one actor a provider
├── router
├── catalogue         asks providers for their lists of models, where there is somebody to ask
├── responses         runs responses in the background
├── siblings          tells the other workers what only this one knows, where there are others
└── face              the HTTP server

Actors come and go with restarts, so nobody keeps one: whoever needs the router or a provider asks here, each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from actors.actor import Actor
from actors.control import Heed
from actors.errors import ActorDied, Failure
from actors.letters import Answered, Call, Report
from actors.look import ActorLook
from actors.memory_monitor import MemoryMonitor, Pressure
from actors.provider import ProviderActor
from actors.router import RouterActor, give_up
from actors.service import ServiceActor
from actors.standing import UNKNOWN, Standing
from actors.supervisor import ChildView, Supervisor
from gateway.calls.catalogue_keeper import CatalogueKeeper
from gateway.telemetry.scrape import ActorFigures

ROOT, MEMORY, UPSTREAM, PROVIDERS, ROUTER = "root", "memory", "upstream", "providers", "router"
CATALOGUE, RESPONSES, FLIGHTS, SIBLINGS, FACE, TOOLS = "catalogue", "responses", "flights", "siblings", "face", "tools"


@runtime_checkable
class _Viewable(Protocol):
    """An actor that tells of itself."""

    def view(self) -> dict[str, Any]: ...


@runtime_checkable
class _Standing(Protocol):
    """An actor that asks somebody over a network."""

    def standing(self) -> Standing: ...


class ActorTree:
    """Finds actors by name in the supervisors that run now, and stands for the router towards those who ask it."""

    def __init__(self) -> None:
        self._root: Supervisor | None = None
        self._router: RouterActor | None = None
        self._providers: dict[str, ProviderActor] = {}
        self._monitor: MemoryMonitor | None = None

    @property
    def providers(self) -> Supervisor | None:
        found = self._child(PROVIDERS)
        return found if isinstance(found, Supervisor) else None

    @property
    def root(self) -> Supervisor | None:
        return self._root

    def supervisors(self) -> list[Supervisor]:
        """All of them, the root first."""
        views = [] if self._root is None else self._root.tree()
        return [view.child for view in views if isinstance(view.child, Supervisor)]

    def plant(self, root: Supervisor) -> None:
        """From here on this is the tree."""
        self._root = root

    # Who is there now. Every request asks, so that what was found is kept for as long as it lives.

    def provider(self, name: str) -> ProviderActor | None:
        """The provider actor of that name, None while there is none."""
        actor = self._providers.get(name)
        if actor is None or actor.buried:
            providers = self.providers
            found = None if providers is None else providers.current(name)
            if not isinstance(found, ProviderActor):
                return None
            actor = self._providers[name] = found
        return actor

    def forget(self, name: str) -> None:
        """The provider of that name has been replaced or taken away."""
        self._providers.pop(name, None)

    def router(self) -> RouterActor | None:
        router = self._router
        if router is None or router.buried:
            found = self._child(ROUTER)
            router = self._router = found if isinstance(found, RouterActor) else None
        return router

    def memory(self) -> MemoryMonitor | None:
        monitor = self._monitor
        if monitor is None or monitor.buried:
            found = self._child(MEMORY)
            monitor = self._monitor = found if isinstance(found, MemoryMonitor) else None
        return monitor

    def service(self, name: str) -> ServiceActor | None:
        """The actor of a service beside the gateway, None while there is none."""
        found = self._somewhere(name)
        return found if isinstance(found, ServiceActor) else None

    def standing(self, name: str) -> Standing:
        """How whoever an actor of that name asks is, as far as anybody knows."""
        found = self._somewhere(name)
        return found.standing() if isinstance(found, _Standing) else UNKNOWN

    def provider_standing(self, name: str) -> Standing:
        """How a provider is, by its calls; before the first of them by its list of models."""
        standing, keeper = self.standing(name), self._child(CATALOGUE)
        if standing.state == "unknown" and isinstance(keeper, CatalogueKeeper):
            return keeper.standing(name)
        return standing

    def pressure(self) -> Pressure:
        """The memory pressure as last sampled."""
        monitor = self.memory()
        return Pressure.NONE if monitor is None else monitor.pressure

    def used_bytes(self) -> int | None:
        """What the process holds, as last sampled; None while the monitor restarts."""
        monitor = self.memory()
        return None if monitor is None else monitor.used_bytes

    def held_bytes(self) -> int:
        """What the calls of all providers hold, those that wait too, also of providers that are leaving."""
        providers = self.providers
        views = [] if providers is None else providers.children()
        actors = [view.child for view in views if isinstance(view.child, ProviderActor)]
        return sum(actor.admission.memory.used + actor.waiters.bytes for actor in actors)

    # The router, for those who ask.

    def ask(self, call: Call) -> Awaitable[Answered]:
        """See RouterActor.ask. Raises ActorDied while the router restarts."""
        router = self.router()
        if router is None:
            raise ActorDied("the router is not running at the moment")
        return router.ask(call)

    def charge(self, call: Call) -> None:
        """See RouterActor.charge; while the router restarts nobody counts."""
        router = self.router()
        if router is not None:
            router.charge(call)

    def leave(self, call: Call) -> None:
        """See RouterActor.leave; also for a call whose router has died meanwhile."""
        router = self.router()
        if router is not None:
            router.leave(call)
        else:
            call.abandon()

    def report(self, report: Report) -> None:
        """A provider's report for the router; without one, the asker is told."""
        router = self.router()
        if router is not None:
            router.report(report)
        else:
            give_up(report.attempt.call, report.failure)

    def heed(self, provider: str, model: str, for_s: float) -> None:
        """Another worker's breaker has opened: the provider's actor is told, where there is one that has room."""
        actor = self.provider(provider)
        if actor is not None:
            with suppress(Failure):
                actor.control.post(Heed(model, for_s))

    # How they look.

    def looks(self) -> list[ActorLook]:
        """The root and everybody below it, parents before their children."""
        if self._root is None:
            return []
        return [_look(view) for view in self._root.tree()]

    def figures(self) -> Iterator[ActorFigures]:
        """What a scrape shows of each actor."""
        for view in [] if self._root is None else self._root.tree():
            actor = view.child
            mailbox = actor.mailbox if isinstance(actor, Actor) else None
            provider = actor if isinstance(actor, ProviderActor) else None
            yield ActorFigures(
                actor=view.name,
                mailbox_depth=0 if mailbox is None else mailbox.statistics().depth,
                restarts=view.restarts,
                in_flight=None if provider is None else provider.in_flight,
                waiting=None if provider is None else len(provider.waiters),
                memory_bytes=_held_bytes(actor),
                concurrency_limit=None if provider is None else provider.admission.concurrency.limit,
            )

    def _somewhere(self, name: str) -> object:
        """The child of that name, of the root's or of the services' supervisors."""
        places = (self._root, self._child(TOOLS), self._child(PROVIDERS))
        found = (place.current(name) for place in places if isinstance(place, Supervisor))
        return next((child for child in found if child is not None), None)

    def _child(self, name: str) -> object:
        return None if self._root is None else self._root.current(name)


def _held_bytes(actor: object) -> int | None:
    if isinstance(actor, ProviderActor):
        return actor.admission.memory.used
    return actor.used_bytes if isinstance(actor, MemoryMonitor) else None


def _look(view: ChildView) -> ActorLook:
    actor = view.child
    talking = actor if isinstance(actor, Actor) else None
    state = view.state.value
    return ActorLook(
        name=view.name,
        kind=view.kind,
        parent=view.parent,
        state=talking.state if talking is not None and state == "running" else state,
        restarts=view.restarts,
        last_error=view.last_error,
        uptime_s=view.uptime_s,
        mailbox=None if talking is None else talking.mailbox.statistics(),
        detail=actor.view() if isinstance(actor, _Viewable) else {},
    )
