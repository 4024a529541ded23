"""Plays a scenario of the actors alone, in virtual time, and keeps all that is known of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import trio
import trio.testing

from actors.attempt import Attempt
from actors.control import Drain, Heed, Resume
from actors.errors import Failure
from actors.letters import Answered, Call, Candidate, Report
from actors.provider import ProviderActor
from actors.relay import Relay
from actors.router import RouterActor, give_up
from actors.supervisor import ChildSpec, Supervisor
from tests.sim.bare_scenario import QUIET_AT, BareBlow, BareCall, BareScenario, Deed
from tests.sim.bare_work import work
from tests.sim.evidence import Ledger
from tests.sim.history import End
from tests.sim.order import same_order_each_time, still_clock
from tests.sim.watch import Complaints, left_over_at_provider, left_over_at_router, look_at_mailbox, look_at_provider

ENDS_S = 120.0


@dataclass(eq=False)
class BareHeard:
    """What one asker got."""

    plan: BareCall
    call: Call
    asked_at: float
    end: End = End.OPEN
    ended_at: float = 0.0
    failure: Failure | None = None
    said: bytes = b""


@dataclass(eq=False)
class Worked:
    """One attempt's work: when it had its turn, and at whom."""

    attempt: Attempt
    actor: ProviderActor
    at: float
    heard_at: float | None = None
    """When the provider said something for the last time."""
    allowed_s: float | None = None
    """How long it may be silent from then on."""


@dataclass(eq=False)
class BareEvidence:
    """All that is known of a run."""

    scenario: BareScenario
    ledger: Ledger
    heard: list[BareHeard] = field(default_factory=list)
    worked: list[Worked] = field(default_factory=list)
    settled: list[tuple[Attempt, float]] = field(default_factory=list)
    levels: dict[tuple[str, str], float] = field(default_factory=dict)
    """What is left of each key's tokens, when all is quiet."""
    actors: dict[str, ProviderActor] = field(default_factory=dict)
    """Those that ran in the end."""
    quiet_at: float = 0.0
    complaints: list[tuple[int, str]] = field(default_factory=list)

    @property
    def lives(self) -> list[Ledger]:
        return [self.ledger]

    @property
    def retry_start(self) -> float:
        return self.scenario.router.budget.start

    @property
    def providers(self) -> frozenset[str]:
        return frozenset(self.scenario.providers)


def played_bare(scenario: BareScenario) -> BareEvidence:
    """The evidence of one run."""
    world = _BareWorld(scenario)
    with same_order_each_time(scenario.seed):
        trio.run(world.live, clock=still_clock(), instruments=[world])
    return world.evidence


class _BareWorld(trio.abc.Instrument):
    def __init__(self, scenario: BareScenario) -> None:
        self.scenario = scenario
        self.evidence = BareEvidence(scenario, Ledger())
        self._complaints = Complaints(self.evidence.complaints)
        self._random = Random(f"{scenario.seed}/actors")
        self._asked: Counter[tuple[str, str]] = Counter()
        self._root: Supervisor
        self._watching = False

    async def live(self) -> None:
        children = [ChildSpec(name, lambda name=name: self._provider(name)) for name in self.scenario.providers]  # type: ignore[misc]
        self._root = Supervisor(
            "root", [*children, ChildSpec("router", self._router)], intensity=9, random=self._random, observe=self._note
        )
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = ENDS_S
            await nursery.start(self._root.run)
            self._watching = True
            async with trio.open_nursery() as trouble:
                for blow in self.scenario.blows:
                    trouble.start_soon(self._strike, blow)
                for call in self.scenario.calls:
                    trouble.start_soon(self._ask, call)
            await trio.sleep_until(QUIET_AT)
            await trio.testing.wait_all_tasks_blocked()
            self._watching = False
            self._look_at_rest()
            nursery.cancel_scope.cancel()
        assert trio.current_time() < ENDS_S, "everybody waits for everybody else"

    def _note(self, event: object) -> None:
        self.evidence.ledger.events.append(event)

    # Actors.

    def _provider(self, name: str) -> ProviderActor:
        actor = ProviderActor(
            self.scenario.providers[name],
            work=lambda attempt: self._work(actor, attempt),
            report=lambda report: self._present_router().report(report),
            clock=trio.current_time,
            random=self._random,
            observe=self._note,
            mailbox_capacity=self.scenario.mailbox_capacity,
        )
        return actor

    def _router(self) -> RouterActor:
        candidates = [
            Candidate(provider=name, model="m", timeouts=self.scenario.timeouts, resumes=True)
            for name in self.scenario.providers
        ]
        return RouterActor(
            self.scenario.router,
            resolve=lambda call: candidates,
            provider=self._root.current,  # type: ignore[arg-type]
            clock=trio.current_time,
            random=self._random,
            observe=self._note,
            mailbox_capacity=self.scenario.mailbox_capacity,
        )

    def _present_router(self) -> RouterActor:
        router = self._root.current("router")
        return router if isinstance(router, RouterActor) else _Nobody()  # type: ignore[return-value]

    async def _work(self, actor: ProviderActor, attempt: Attempt) -> Any:
        name = actor.settings.name
        worked = Worked(attempt, actor, trio.current_time())
        self.evidence.worked.append(worked)
        self._asked[name, attempt.call.id] += 1
        turn = f"{self.scenario.seed}/{name}/{attempt.call.id}/{self._asked[name, attempt.call.id]}"

        def silence(allowed_s: float) -> None:
            worked.heard_at, worked.allowed_s = trio.current_time(), allowed_s

        return await work(attempt, Random(turn), self.scenario.health, silence)

    # Askers.

    async def _ask(self, plan: BareCall) -> None:
        await trio.sleep_until(plan.at)
        now = trio.current_time()
        call = Call(
            id=f"call-{plan.number}",
            arrived_at=now,
            deadline=now + plan.deadline_s,
            model="m",
            payload=SimpleNamespace(request_id=f"call-{plan.number}", dialect="none"),
            size_bytes=plan.size_bytes,
            tokens=plan.tokens,
            priority=plan.priority,
            client=plan.client,
            relay=Relay(limit_chunks=2) if plan.streamed else None,
        )
        heard = BareHeard(plan, call, now)
        self.evidence.heard.append(heard)
        router = self._root.current("router")
        if not isinstance(router, RouterActor):
            heard.end = End.REFUSED
            return
        heard.end = End.LEFT
        try:
            with trio.move_on_after(plan.patience_s):
                await self._listen(router, heard)
                heard.end = End.OK
        except Failure as failure:
            heard.end, heard.failure = End.ERROR, failure
        finally:
            heard.ended_at = trio.current_time()
            present = self._root.current("router")  # as ActorTree.leave has it
            if isinstance(present, RouterActor):
                present.leave(call)
            else:
                call.abandon()

    async def _listen(self, router: RouterActor, heard: BareHeard) -> None:
        answered: Answered = await router.ask(heard.call)
        relay = heard.call.relay
        if relay is None:
            heard.said = str(answered.value).encode()
            return
        while (piece := await relay.receive()) is not None:
            heard.said += piece
            await trio.sleep(heard.plan.pause_s)

    # Blows.

    async def _strike(self, blow: BareBlow) -> None:
        await trio.sleep_until(blow.at)
        actor = self._root.current(blow.target)
        if actor is None or actor.buried:  # type: ignore[attr-defined]
            return
        match blow.deed:
            case Deed.KILL:
                self.evidence.ledger.struck += 1
                actor._timers.at(trio.current_time(), _crash)  # type: ignore[attr-defined]
            case Deed.DRAIN:
                actor.control.post(Drain())  # type: ignore[attr-defined]
                await trio.sleep(1.0)
                if not actor.buried:  # type: ignore[attr-defined]
                    actor.control.post(Resume())  # type: ignore[attr-defined]
            case Deed.HEED:
                actor.control.post(Heed("m", 2.0))  # type: ignore[attr-defined]
            case Deed.CONFIGURE:
                if isinstance(router := self._root.current("router"), RouterActor):
                    router.configure(self.scenario.router)

    # Looking.

    def before_io_wait(self, timeout: float) -> None:
        if self._watching and not self._complaints.enough:
            with self._complaints.looking():
                self._look()

    def _look(self) -> None:
        if isinstance(router := self._root.current("router"), RouterActor):
            look_at_mailbox(router.mailbox, self._complaints)
        for name in self.scenario.providers:
            if isinstance(actor := self._root.current(name), ProviderActor):
                look_at_provider(actor, trio.current_time(), self._complaints)

    def _look_at_rest(self) -> None:
        now = self.evidence.quiet_at = trio.current_time()
        for name in self.scenario.providers:
            actor = self._root.current(name)
            assert isinstance(actor, ProviderActor), f"{name} has not come back"
            self.evidence.actors[name] = actor
            for label, buckets in actor.admission._key_buckets.items():
                if buckets.tokens is not None:
                    self.evidence.levels[name, label] = buckets.tokens.available(now)
            self._complaints.leftovers(left_over_at_provider(actor))
        router = self._root.current("router")
        assert isinstance(router, RouterActor), "the router has not come back"
        self._complaints.leftovers(left_over_at_router(router))
        for heard in self.evidence.heard:
            if heard.call.relay is not None and heard.call.relay.held_bytes:
                self._complaints.add(5, f"{heard.call.id}'s relay holds {heard.call.relay.held_bytes} bytes")


class _Nobody:
    """In the router's place while there is none."""

    def report(self, report: Report) -> None:
        give_up(report.attempt.call, report.failure)


def _crash() -> None:
    raise RuntimeError("struck")
