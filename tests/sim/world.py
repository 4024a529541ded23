"""Plays a scenario: whole gateways on streams in memory, with a mock clock and a scheduler that one seed decides.

Nothing of the gateway's own code is mocked; swapped are sockets, clock, chance, the store and the memory sampler.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import msgspec
import trio
import trio.testing

from actors.actor import Actor
from actors.errors import ActorDied
from actors.supervisor import Escalated, OrderRefused
from gateway.config import Config, load
from gateway.world import Stream
from tests.memory_network import MemoryStream
from tests.sim.background import follow_to_the_end
from tests.sim.clients import VirtualClient
from tests.sim.evidence import Evidence, Life
from tests.sim.history import End, Facts, Heard, History
from tests.sim.money import held_in_store, sums_in_store
from tests.sim.network import TracedNetwork
from tests.sim.order import same_order_each_time, still_clock
from tests.sim.providers import Providers
from tests.sim.scenario import CALM_AT, Ask, Blow, Client, Dialect, Fault, Scenario, Temper
from tests.sim.town import ENVIRON, HOUSES, OTHER_KEYS, usual_settings
from tests.sim.watch import Watch
from tests.store.fake_redis import FakeServer
from tests.whole.gateways import MEGABYTE, QUIET, Running

PORT = 8080
PROBED_S = 30.0
"""For so long every model is asked until it answers; `all_is_well_soon_after` knows how soon each has to."""
ENDS_S = 120.0
"""No run is longer: what still runs then waits for ever."""


def played(scenario: Scenario, *, traced: bool = False) -> Evidence:
    """The evidence of one run."""
    world = _World(scenario, traced=traced)
    with same_order_each_time(scenario.seed):
        trio.run(world.live, clock=still_clock(), instruments=[world.watch])
    return world.evidence


def config_of(scenario: Scenario, settings: str, environ: Mapping[str, str]) -> Config:
    """What a gateway of the scenario reads."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "gateway.toml")
        file.write_text(QUIET + usual_settings() + settings, encoding="utf-8")
        config = load(file, dict(environ))
    engine = scenario.engine
    server = msgspec.structs.replace(
        config.server,
        engine=engine.partition("-")[0],
        hot_routes=not engine.endswith("quart-only"),
        workers=scenario.workers,
    )
    return msgspec.structs.replace(config, server=server)


class _World:
    """One run."""

    def __init__(self, scenario: Scenario, *, traced: bool) -> None:
        self.scenario = scenario
        self.history = History()
        wire: list[str] | None = [] if traced else None
        self._network = TracedNetwork(
            Random(f"{scenario.seed}/network"), window_bytes=scenario.window_bytes, trace=wire
        )
        self._store = FakeServer()
        self._providers = Providers(scenario, self._network, self.history)
        environ = {**ENVIRON, "REDIS_URL": "redis://store.test" if scenario.shared else "memory://"}
        self._config = config_of(scenario, scenario.settings, environ)
        reloads = any(fault.blow is Blow.RELOAD for fault in scenario.faults)
        self._reloaded = config_of(scenario, scenario.reloaded, environ | OTHER_KEYS) if reloads else self._config
        self._present: dict[int, Life] = {}
        self._seeds = count(scenario.seed << 8)
        self.evidence = Evidence(scenario, self.history, [], wire)
        self.watch = Watch(self.evidence)
        self._nursery: trio.Nursery

    async def live(self) -> None:
        async with trio.open_nursery() as self._nursery:
            self._nursery.cancel_scope.deadline = ENDS_S
            await self._providers.open(self._nursery)
            for worker in range(self.scenario.workers):
                await self._start(worker)
            self.watch.begin()
            await self._trouble()
            await self._liveness()
            await self._see_works_end()
            await self._rest()
            await self._farewell()
            self._nursery.cancel_scope.cancel()
        assert trio.current_time() < ENDS_S, "everybody waits for everybody else"

    async def _start(self, worker: int) -> None:
        running = Running(
            self._config,
            self._network,
            ("127.0.0.1", PORT + worker),
            seed=next(self._seeds),
            open_redis=self._store.open,
            number=worker,
            events=Facts(self.history.order),
        )
        life = Life(events=running.events, running=running, worker=worker, began_at=trio.current_time())
        self.evidence.lives.append(life)
        running.nursery = self._nursery
        running.listener = await self._network.listen(*running.address)
        await self._nursery.start(self._live, life)
        life.ready_at = trio.current_time()
        life.goes_by(self._config, since=life.began_at)
        self._present[worker] = life

    async def _live(self, life: Life, *, task_status: trio.TaskStatus[None]) -> None:
        try:
            await life.running.gateway.run([life.running.listener], task_status=task_status)
        except* Escalated:
            life.gave_up = True
        life.running.ended_at = trio.current_time()
        self._say(f"worker {life.worker} has ended")

    # The time of trouble.

    async def _trouble(self) -> None:
        """Clients and faults, until it is calm; who is still there then goes away."""
        scenario = self.scenario
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = CALM_AT
            for fault in scenario.faults:
                nursery.start_soon(self._strike, fault)
            for client in scenario.clients:
                nursery.start_soon(self._client(client, self.history.heard).live)
            nursery.start_soon(trio.sleep_until, CALM_AT)
        await self._replace_the_gone()

    def _client(self, client: Client, noted: list[Heard]) -> VirtualClient:
        return VirtualClient(client, self._connect, self.history, seed=self.scenario.seed, noted=noted)

    async def _connect(self, worker: int) -> Stream:
        stream: MemoryStream = await self._network.connect("127.0.0.1", PORT + worker)
        return stream

    async def _strike(self, fault: Fault) -> None:
        await trio.sleep_until(fault.at)
        self._say(fault.words)
        life = self._present[fault.worker]
        match fault.blow:
            case Blow.REFUSED | Blow.UNREACHABLE:
                await self._close_road(fault)
            case Blow.KILL:
                self._kill(life, fault.target)
            case Blow.RELOAD:
                await self._reload(life)
            case Blow.DRAIN:
                await self._drain(life)
            case Blow.MEMORY:
                life.running.memory.bytes = int(fault.amount * 10) * MEGABYTE
                try:
                    await trio.sleep(fault.lasts_s)
                finally:
                    life.running.memory.bytes = 50 * MEGABYTE
            case Blow.STORE_HANGS | Blow.STORE_FAILS | Blow.STORE_SLOW | Blow.STORE_MUTE:
                await self._trouble_store(fault)

    async def _close_road(self, fault: Fault) -> None:
        host = HOUSES[fault.target].host
        if fault.blow is Blow.REFUSED:
            self._network.fail(host, 80, ConnectionRefusedError("made up"))
        else:
            self._network.silence(host, 80)
        try:
            await trio.sleep(fault.lasts_s)
        finally:
            self._network.fail(host, 80, None)
            self._network.silence(host, 80, silent=False)

    def _kill(self, life: Life, name: str) -> None:
        """The actor's own loop crashes, as a bug in it would have it."""
        actors = life.running.gateway.actors
        actor = actors._somewhere(name)
        if isinstance(actor, Actor):
            if not actor.buried:
                actor._timers.at(trio.current_time(), _crash)
                life.struck += 1
        elif actor is not None and actors.root is not None:
            lives = actors.root._roster.find(name).life
            if lives is not None and not lives.asked:
                lives._scope.cancel()  # as if it had raised: nobody has asked for its end
                life.struck += 1

    async def _reload(self, life: Life) -> None:
        config = self._config if life.reloaded_at and len(life.reloaded_at) % 2 else self._reloaded
        began_at = trio.current_time()
        try:
            await life.running.gateway.reload(config)
            life.goes_by(config, since=began_at)
            life.reloaded_at.append(trio.current_time())
        except (ActorDied, OrderRefused):
            life.goes_by(config, since=began_at, whole=False)
            self._say("the reload came in the middle of a restart")

    async def _drain(self, life: Life) -> None:
        """A worker is told to stop, and its successor listens in its place."""
        if life.drained_at is not None or life.running.ended_at is not None:
            return
        self._tell_to_stop(life)
        await self._start(life.worker)

    def _tell_to_stop(self, life: Life) -> None:
        life.drained_at = trio.current_time()
        self._say(f"worker {life.worker} is told to stop")
        life.gave_back = life.running.gateway.store_mode == "connected"
        life.running.gateway.drain()

    async def _trouble_store(self, fault: Fault) -> None:
        store = self._store
        match fault.blow:
            case Blow.STORE_HANGS:
                store.hangs = True
            case Blow.STORE_FAILS:
                store.fault = "no connection"
            case Blow.STORE_SLOW:
                store.latency_s = 0.3
            case _:
                store.loses_replies = True
        try:
            await trio.sleep(fault.lasts_s)
        finally:
            store.hangs, store.fault, store.latency_s, store.loses_replies = False, "", 0.0, False

    async def _replace_the_gone(self) -> None:
        for worker, life in self._present.items():
            if life.gave_up:
                await self._start(worker)

    # What follows it.

    async def _liveness(self) -> None:
        """Every worker is asked for every provider's model, again and again until it answers."""
        self._say("all is well from here on, and every worker is asked for every model")
        async with trio.open_nursery() as nursery:
            for number, (worker, house) in enumerate(
                (worker, house) for worker in self._present for house in HOUSES.values()
            ):
                client = Client(
                    number=1000 * (number + 1),
                    worker=worker,
                    starts_at=CALM_AT,
                    temper=Temper.PATIENT,
                    limit=0.0,
                    asks=(self._question(house.model, number),),
                )
                nursery.start_soon(self._probe, client)

    def _question(self, model: str, number: int) -> Ask:
        """One that no cache can answer: everybody's is another."""
        padding = number + 1 if self.scenario.caches else 0
        return Ask(dialect=Dialect.CHAT, model=model, streamed=number % 2 == 0, padding=padding)

    async def _probe(self, client: Client) -> None:
        while trio.current_time() <= CALM_AT + PROBED_S:
            noted: list[Heard] = []
            await self._client(client, noted).live()
            self.history.probes += noted
            if noted[-1].end is End.OK:
                return
            await trio.sleep(1.0)
            client = replace(client, number=client.number + 1)

    async def _see_works_end(self) -> None:
        """Whoever asks for a response in the background hears in time what became of it."""
        await follow_to_the_end(self.history.works, self._connect, self.scenario.timeouts.total_s)
        with trio.move_on_after(self.scenario.timeouts.total_s):  # and those whose client did not even hear of them
            while any(life.running.gateway._background.view()["running"] for life in self._present.values()):  # noqa: ASYNC110  # nobody tells
                await trio.sleep(0.1)

    async def _rest(self) -> None:
        scenario = self.scenario
        if scenario.engine == "hypercorn" and any(each.temper is Temper.PIPELINING for each in scenario.clients):
            await trio.sleep(scenario.timeouts.total_s)  # it does not see a client go that has pipelined more
        await trio.sleep(0.3)  # a sample of memory, and what a connection's end takes
        await trio.testing.wait_all_tasks_blocked()
        self.watch.check_rest(self._present.values())

    async def _farewell(self) -> None:
        """All are told to stop, and do."""
        for life in self._present.values():
            self._tell_to_stop(life)
        scenario = self.scenario
        # Hypercorn does not see a client go that has pipelined more: such a connection has its grace.
        is_blind = scenario.engine == "hypercorn"
        await trio.sleep(scenario.drain_grace_s + scenario.write_stall_s + 1.0 if is_blind else 1.0)
        self.watch.check_end(self._network)
        for life in self.evidence.lives:
            life.close_books()
        self.evidence.in_store, self.evidence.days_in_store = sums_in_store(self._store.values)
        self.evidence.ended_at = trio.current_time()
        self.evidence.charged = self._charged("provider/openai", "requests", scenario.requests_per_minute)
        self.evidence.tokens_charged = self._charged("provider/anthropic", "tokens", scenario.tokens_per_minute)
        self.evidence.held_in_store = held_in_store(self._store.values)

    def _charged(self, whose: str, what: str, per_minute: int) -> float:
        """What the store holds against a limit now."""
        full_at = [
            value
            for place, (value, _) in self._store.values.items()
            if place.endswith(f"/{what}}}") and whose in place and value is not None
        ]
        return sum(max(0.0, at - trio.current_time()) * per_minute / 60.0 for at in full_at)

    def _say(self, what: str) -> None:
        self.history.notes.append((trio.current_time(), next(self.history.order), what))


def _crash() -> None:
    raise RuntimeError("struck")
