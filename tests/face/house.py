"""The face with everything behind it scripted: a router that answers as told, and notes of all that was said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn

import trio

from actors.attempt import Attempt
from actors.errors import Left
from actors.letters import Answered, Call, Candidate
from actors.mailbox import MailboxStatistics
from actors.policy.memory_budget import MemoryBudget
from actors.relay import Relay
from gateway.admin.actors import ActorsPage
from gateway.config.client_keys import ClientKey
from gateway.dialects.envelope import ModelReply
from gateway.errors import ModelNotFound
from gateway.exchange import AdminEndpoint, Answer, Request
from gateway.face.admin_door import AdminDoor
from gateway.face.api import Reporting
from gateway.face.auth import ClientKeys, TokenDoor
from gateway.face.background import BackgroundResponses
from gateway.face.health import Phase
from gateway.face.ingress import Ingress
from gateway.face.model_calls import ModelServices
from gateway.face.models import ListedProvider
from gateway.face.record import RequestRecord
from gateway.face.response_life import ResponseLife
from gateway.face.services import Services
from gateway.providers.prices import Prices, Tier
from gateway.store.line import Mode, StoreLine
from gateway.store.memory import MemoryResponseStore
from gateway.store.ownership import Ownership

BODY_LIMIT_BYTES = 100_000
TOTAL_S = 600.0
PARAMETERS = {"cool": {"temperature": 0.2}}
"""Of models that have some."""
QUESTION: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello."}]}
ANSWER = b'{"id":"chatcmpl-1","object":"chat.completion","choices":[]}'
JSON_FIELD = (b"content-type", b"application/json")
EVENTS_FIELD = (b"content-type", b"text/event-stream")

Play = Callable[[Call], Awaitable[Answered]]


def start_attempt(call: Call, *, provider: str = "openai", model: str = "gpt-4o-2024-08-06") -> Attempt:
    """One more attempt, on its way to the provider."""
    attempt = Attempt(call, Candidate(provider=provider, model=model), clock=trio.current_time)
    attempt.sent()
    call.attempts.append(attempt)
    return attempt


def answers(
    body: bytes = ANSWER, *, after_s: float = 0.0, fields: Sequence[tuple[bytes, bytes]] = (JSON_FIELD,)
) -> Play:
    """A unary answer."""

    async def play(call: Call) -> Answered:
        attempt = start_attempt(call)
        await trio.sleep(after_s)
        return Answered(ModelReply(200, list(fields), body), attempt)

    return play


def fails(failure: Exception, *, attempts: int = 0, after_s: float = 0.0) -> Play:
    """No answer, after so many attempts that reached the provider."""

    async def play(call: Call) -> Answered:
        for _ in range(attempts):
            start_attempt(call)
        await trio.sleep(after_s)
        raise failure

    return play


class ScriptedRouter:
    """Answers every call by `play`, or from a relay that the test writes into."""

    def __init__(self) -> None:
        self.play: Play = answers()
        self.calls: list[Call] = []
        self.left: list[tuple[str, float]] = []
        """Calls that were left, by id, and when."""

    async def ask(self, call: Call) -> Answered:
        self.calls.append(call)
        return await self.play(call)

    def charge(self, call: Call) -> None:
        raise AssertionError("nothing is answered without it")

    def leave(self, call: Call) -> None:
        if not call.left:
            call.left = True
            self.left.append((call.id, trio.current_time()))
            if call.relay is not None:
                call.relay.close()

    def play_stream(self, pieces: Sequence[bytes], *, every_s: float) -> None:
        """From now on calls get these pieces, one every so often."""

        async def write(call: Call, epoch: int) -> None:
            relay = call.relay
            assert relay is not None
            with suppress(Left):
                for piece in pieces:
                    await relay.write(epoch, piece)
                    await trio.sleep(every_s)
                relay.end(epoch)

        async def play(call: Call) -> Answered:
            attempt = start_attempt(call)
            assert call.relay is not None
            call.relay.claim(attempt.epoch)
            trio.lowlevel.spawn_system_task(write, call, attempt.epoch)
            await trio.sleep(every_s)
            return Answered(ModelReply(200, [EVENTS_FIELD]), attempt)

        self.play = play

    def streams(self, after_s: float = 0.0) -> Pen:
        """From now on calls get a stream that the test writes."""
        pen = Pen()

        async def play(call: Call) -> Answered:
            attempt = start_attempt(call)
            await trio.sleep(after_s)
            assert call.relay is not None
            call.relay.claim(attempt.epoch)
            pen.relay, pen.epoch = call.relay, attempt.epoch
            return Answered(ModelReply(200, [EVENTS_FIELD]), attempt)

        self.play = play
        return pen


class Pen:
    """The writing end of a stream under way."""

    relay: Relay
    epoch: int

    async def write(self, piece: bytes) -> None:
        await self.relay.write(self.epoch, piece)

    async def write_for_ever(self, piece: bytes) -> NoReturn:
        """Raises Left when nobody reads any more."""
        while True:
            await self.write(piece)

    def end(self) -> None:
        self.relay.end(self.epoch)


class Entry(NamedTuple):
    id: str
    provider: str
    created: int = 0
    context_window: int | None = None
    max_output_tokens: int | None = None
    prices: Prices | None = None


class ScriptedTerms(NamedTuple):
    total_s: float
    parameters: Mapping[str, Any]
    candidates: tuple[Candidate, ...] = (Candidate(provider="openai", model="gpt-4o-2024-08-06"),)


class ScriptedCatalogue:
    """Two models worth listing, of one of which all is known, and one more that somebody has heard of."""

    def models(self) -> list[Entry]:
        long = Tier(above_input_tokens=200_000, input=2.0, output=9.0)
        prices = Prices(input=1.0, output=4.5, cached_input=0.1, tiers=(long,))
        return [
            Entry("gpt-4o", "openai"),
            Entry("openrouter/meta-llama/llama-4", "openrouter", 1_744_000_000, 1_000_000, 16_384, prices),
        ]

    def known(self, model: str) -> bool:
        return model in ("gpt-4o-2024-08-06", "claude-without-key")

    def entry(self, name: str) -> Entry:
        if name == "claude-without-key":
            raise ModelNotFound("set ANTHROPIC_API_KEY")
        return Entry(name, "openai")


@dataclass
class Look:
    """An actor as it looks."""

    name: str
    kind: str
    parent: str | None = "root"
    state: str = "running"
    restarts: int = 0
    last_error: str | None = None
    uptime_s: float = 12.5
    mailbox: MailboxStatistics | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class ScriptedVitals:
    version: str = "1.2.3"
    worker: str = "0"
    phase: Phase = "ready"
    uptime_s: float = 60.0
    memory_bytes: int = 50_000_000
    store_mode: str = "memory"
    looks: list[Look] = field(
        default_factory=lambda: [
            Look("root", "supervisor", parent=None),
            Look("openai", "provider", detail={"waiting": 0}, mailbox=MailboxStatistics(1, 4096, 10, 999, 0.5, 7, 2)),
        ]
    )

    def tree(self) -> list[Look]:
        return self.looks


def client_keys(**keys: str) -> ClientKeys:
    """Keys by their labels."""
    return ClientKeys([ClientKey(label=label, sha256=sha256(key.encode()).digest()) for label, key in keys.items()])


async def touch(request: Request) -> Answer:
    """Something that an operator may change."""
    return Answer(200, [JSON_FIELD], b"{}")


async def _scrape(accept: bytes) -> tuple[bytes, str]:
    return b"gateway_in_flight 1\n", "text/plain; version=0.0.4"


def unshared() -> Ownership:
    """Work in the background where there is no shared store."""
    line = StoreLine(trio.current_time)
    line.move(Mode.MEMORY)
    return Ownership(line, prefix="p", clock=trio.current_time)


class House:
    """One face, its script and its notes; `services` is what the app is made of."""

    def __init__(
        self,
        *,
        hot_routes: bool = True,
        keys: ClientKeys | None = None,
        admin_token: str | None = None,
        metrics_token: str | None = None,
        ingress_bytes: int = 1_000_000,
        cors_origins: Sequence[str] = (),
    ) -> None:
        self.router = ScriptedRouter()
        self.budget = MemoryBudget(ingress_bytes)
        self.vitals = ScriptedVitals()
        self.records: list[RequestRecord] = []
        self.crashes: list[tuple[Exception, str]] = []
        self._ids = 0
        reporting = Reporting(
            clock=trio.current_time,
            new_id=self._new_id,
            on_finished=self.records.append,
            on_crash=lambda crash, request_id: self.crashes.append((crash, request_id)),
        )
        store = MemoryResponseStore(clock=trio.current_time, max_count=100, max_bytes=1_000_000)
        life = ResponseLife(store, ttl_s=3600.0)
        actors = ActorsPage(self.vitals.tree, worker="0", version="1.2.3")
        self.services = Services(
            models=ModelServices(
                router=self.router,
                new_relay=Relay,
                sheds_low=lambda: False,
                client_keys=keys or ClientKeys(None, cors_origins),
                ingress=Ingress(self.budget, BODY_LIMIT_BYTES),
                terms=self._terms,
                reporting=reporting,
            ),
            counts=lambda model, dialect: model.startswith("claude"),
            response_life=life,
            background=BackgroundResponses(life, unshared(), limit=8, on_crash=reporting.on_crash),
            catalogue=ScriptedCatalogue(),
            providers=lambda: [
                ListedProvider("openai", "openai", ()),
                ListedProvider("anthropic", "anthropic", ("ANTHROPIC_API_KEY",)),
            ],
            vitals=self.vitals,
            scrape=_scrape,
            wall_clock=lambda: 1_754_667_655.0,
            metrics_door=TokenDoor(metrics_token),
            admin_door=AdminDoor(admin_token),
            admin=[
                AdminEndpoint("GET", "/admin/actors", actors.show_all),
                AdminEndpoint("GET", "/admin/actors/<name>", actors.show_one),
                AdminEndpoint("POST", "/admin/touch", touch),
            ],
            body_limit_bytes=BODY_LIMIT_BYTES,
            body_progress_s=30.0,
            hot_routes=hot_routes,
            cors_origins=cors_origins,
        )

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:032x}"

    def _terms(self, model: str, fallbacks: object) -> ScriptedTerms:
        if model == "nobody-knows":
            raise ModelNotFound(f"The model '{model}' does not exist here.", param="model")
        return ScriptedTerms(TOTAL_S, PARAMETERS.get(model, {}))
