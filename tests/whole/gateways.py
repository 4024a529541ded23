"""A whole gateway in virtual time: built by the wiring from a World that is all memory, and asked over the wire.

`running` is the way in. Behind the gateway stand two scripted providers, openai and deepseek; `gpt-4o` is served by the
first one alone, `backed` by the first and then the second, `sandbox/echo` by the gateway itself.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families

from actors.attempt import Attempt
from actors.events import AttemptEnded, Retried
from actors.provider import ProviderActor
from gateway.config import Config, load
from gateway.config.store_address import StoreAddress
from gateway.siblings import Place
from gateway.wiring import build
from gateway.world import OpenRedis, RedisExecutor, World
from tests.face.http_client import Client, Reply
from tests.memory_network import MemoryListener, MemoryNetwork
from tests.whole.upstream import Upstream

ADDRESS = ("127.0.0.1", 8080)
ENGINES = ("edge", "hypercorn", "edge-quart-only", "hypercorn-quart-only")
MONDAY = 1_700_000_000.0
"""What the wall clock says at the beginning."""
DEADLOCK_S = 3600.0
"""No story is longer: what still runs then waits for ever."""
MEGABYTE = 1024 * 1024

QUESTION: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello."}]}
STREAMED: dict[str, Any] = {**QUESTION, "stream": True}
CHAT = "/v1/chat/completions"

ENVIRON = {
    "OPENAI_API_KEY": "sk-openai",
    "OPENAI_BASE_URL": "http://openai.test/v1",
    "DEEPSEEK_API_KEY": "sk-deepseek",
    "DEEPSEEK_BASE_URL": "http://deepseek.test",
    "REDIS_URL": "memory://",
}
SETTINGS = """
[models."gpt-4o"]
context_window = 128_000  # whatever the lists of models say
[models."backed"]
context_window = 128_000
target = "openai/gpt-4o"
fallbacks = ["deepseek/deepseek-chat"]
"""

QUIET = """
[catalogue]
refresh_s = 0
"""
"""Providers are asked for nothing but what a story asks, unless it has a [catalogue] of its own."""


def no_redis(address: StoreAddress, ca_file: str) -> RedisExecutor:
    """For stories without a shared store."""
    raise AssertionError("nobody has a store here")


class Memory:
    """What the World says that the process holds."""

    def __init__(self) -> None:
        self.bytes = 50 * MEGABYTE
        self.unused = 0
        """What of it could be given back."""
        self.failure: Exception | None = None

    def __call__(self) -> int:
        if self.failure is not None:
            raise self.failure
        return self.bytes

    def give_back(self) -> None:
        self.bytes -= self.unused
        self.unused = 0


class Running:
    """One gateway that runs, and everything around it."""

    def __init__(
        self,
        config: Config,
        network: MemoryNetwork,
        address: tuple[str, int],
        *,
        seed: int,
        open_redis: OpenRedis = no_redis,
        number: int = 0,
        place: Place | None = None,
        events: list[object] | None = None,
    ) -> None:
        """Worker `number`, in its `place` among others."""
        self.open_redis = open_redis
        self.network = network
        self.address = address
        self.memory = Memory()
        self.wall_clock_jumps_s = 0.0
        """By how much somebody has set the machine's clock."""
        self.lines: list[str] = []
        """What it has logged."""
        self.events: list[object] = [] if events is None else events
        """The facts that its actors have stated."""
        self.world = self._world(seed, number)
        self.gateway = build(config, self.world, worker=str(number), place=place)
        self.gateway.observer = Tap(self.gateway.observer, self.events)  # type: ignore[assignment]
        self.openai = Upstream(network, "openai.test")
        self.deepseek = Upstream(network, "deepseek.test")
        self.listener: MemoryListener
        self.nursery: trio.Nursery
        """Where it lives; what joins it there ends with it."""
        self.ended_at: float | None = None
        """When `Gateway.run` returned."""

    def _world(self, seed: int, number: int) -> World:
        ids = count((number << 112) + (seed << 64) + 1)
        return World(
            clock=trio.current_time,
            wall_clock=lambda: MONDAY + self.wall_clock_jumps_s + trio.current_time(),
            random=random.Random(seed),
            new_id=lambda: f"{next(ids):032x}",
            connect=self.network.connect,
            listen=self.network.listen,
            open_redis=self.open_redis,
            memory_bytes=self.memory,
            free_memory=self.memory.give_back,
            environ={},
            write_log=self.lines.append,
        )

    async def start(self, nursery: trio.Nursery) -> None:
        """Returns when it is ready."""
        self.nursery = nursery
        self.listener = await self.network.listen(*self.address)
        await nursery.start(self._live)

    async def _live(self, *, task_status: trio.TaskStatus[None]) -> None:
        await self.gateway.run([self.listener], task_status=task_status)
        self.ended_at = trio.current_time()

    # Asking it.

    async def connect(self, *, peer: str = "127.0.0.1", host: str = "localhost") -> Client:
        """A connection from `peer`. Raises ConnectionRefusedError once nobody listens any more."""
        return Client(await self.network.connect(*self.address, source=peer), host=host)

    async def request(
        self, method: str, target: str, *, peer: str = "127.0.0.1", host: str = "localhost", **options: Any
    ) -> Reply:
        """One request on a connection of its own."""
        client = await self.connect(peer=peer, host=host)
        try:
            return await client.request(method, target, **options)
        finally:
            client.leave()

    async def ask(self, question: Any = QUESTION, **options: Any) -> Reply:
        """One chat request on a connection of its own."""
        return await self.request("POST", CHAT, json_body=question, **options)

    async def actors(self) -> dict[str, Any]:
        """/admin/actors by name."""
        page = (await self.request("GET", "/admin/actors")).json
        return {actor["name"]: actor for actor in page["actors"]}

    async def figures(self) -> Figures:
        return Figures((await self.request("GET", "/metrics")).body.decode())

    # What it has said.

    def logged(self, what: str) -> list[Any]:
        """The log lines with this event."""
        return [line for line in map(json.loads, self.lines) if line["event"] == what]

    def attempts(self) -> list[Attempt]:
        """All that have ended, in the order of their ends."""
        return [event.attempt for event in self.events if isinstance(event, AttemptEnded)]

    def troubles(self) -> list[Any]:
        """What it has logged that is worse than a warning."""
        return [line for line in map(json.loads, self.lines) if line["level"] in ("error", "critical")]

    # What must be true when nothing is under way.

    def provider(self, name: str) -> ProviderActor:
        actor = self.gateway.actors.provider(name)
        assert actor is not None, f"{name} is not running"
        return actor

    def assert_at_rest(self) -> None:
        """Permits, bytes, budgets, pools, books and timers are at their baseline; every attempt has one outcome."""
        for name in self.gateway.config.providers:
            actor = self.provider(name)
            assert actor.in_flight == 0, name
            assert (len(actor.waiters), actor.waiters.bytes) == (0, 0), name
            assert (actor.admission.concurrency.used, actor.admission.memory.used) == (0, 0), name
            assert len(actor._timers) == actor._overdue.is_set, name
            assert (actor.mailbox.statistics().depth, actor.mailbox.statistics().bytes) == (0, 0), name
        router = self.gateway.actors.router()
        assert router is not None
        assert (router.view()["in_flight"], router.view()["timers"]) == (0, 0)
        assert (router.mailbox.statistics().depth, router.mailbox.statistics().bytes) == (0, 0)
        assert self.gateway.ingress.used == 0
        assert self.gateway.observer.awaited == 0
        for pool in self.gateway.upstream.statistics().values():
            assert (pool.busy, pool.connecting) == (0, 0)
        ended = self.attempts()
        assert len(ended) == len(set(ended)), "an attempt ended twice"
        for attempt in ended:
            assert attempt.outcome is not None
            assert attempt.call.relay is None or attempt.call.relay.held_bytes == 0
            # A call forgets its attempts when it is over; their numbers tell whether one of them never ended.
            numbers = sorted(other.number for other in ended if other.call is attempt.call)
            assert numbers == list(range(1, len(numbers) + 1)), "an attempt has not ended"
        retried = [event.attempt for event in self.events if isinstance(event, Retried)]
        assert all(attempt in ended for attempt in retried), "a further attempt has not ended"

    def assert_nobody_is_connected(self) -> None:
        """But for idle connections to providers, everything is closed."""
        idle = sum(pool.idle for pool in self.gateway.upstream.statistics().values())
        assert self.network.open_streams() == 2 * idle


class Tap:
    """An observer that also keeps what it is told."""

    def __init__(self, observer: Any, events: list[object]) -> None:
        self._observer = observer
        self._events = events

    def take(self, event: object) -> None:
        self._events.append(event)
        self._observer.take(event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._observer, name)


class Figures:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of all series that have these labels; 0 where there is none."""
        return sum(
            sample.value for sample in self._samples if sample.name == name and labels.items() <= sample.labels.items()
        )


def configured(engine: str, settings: str = "", environ: Mapping[str, str] | None = None) -> Config:
    """The settings of a gateway on `engine`: `settings` is TOML."""
    quiet = "" if "[catalogue]" in settings else QUIET
    config = _loaded(SETTINGS + quiet + settings, tuple({**ENVIRON, **(environ or {})}.items()))
    server = msgspec.structs.replace(
        config.server, engine=engine.partition("-")[0], hot_routes=not engine.endswith("quart-only")
    )
    return msgspec.structs.replace(config, server=server)


@cache
def _loaded(settings: str, environ: tuple[tuple[str, str], ...]) -> Config:
    """Configurations never change, and a sweep needs the same one hundreds of times."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "gateway.toml")
        file.write_text(settings, encoding="utf-8")
        return load(file, dict(environ))


@asynccontextmanager
async def running(
    settings: str = "",
    *,
    engine: str = "edge",
    environ: Mapping[str, str] | None = None,
    seed: int = 0,
    network: MemoryNetwork | None = None,
    troubled: bool = False,
    open_redis: OpenRedis = no_redis,
) -> AsyncIterator[Running]:
    """A gateway that is ready. Afterwards it has logged no error, unless it is `troubled` on purpose."""
    network = network or MemoryNetwork()
    it = Running(configured(engine, settings, environ), network, ADDRESS, seed=seed, open_redis=open_redis)
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + DEADLOCK_S
        await nursery.start(it.openai.run)
        await nursery.start(it.deepseek.run)
        await it.start(nursery)
        yield it
        nursery.cancel_scope.cancel()
    assert trio.current_time() < DEADLOCK_S, "everybody waits for everybody else"
    assert troubled or not it.troubles()


def data_of(body: bytes) -> Iterator[Any]:
    """The events of a stream; "[DONE]" as it is."""
    for block in body.decode().split("\n\n"):
        if block.startswith("data: "):
            data = block.removeprefix("data: ")
            yield data if data == "[DONE]" else json.loads(data)
