"""A router and some providers under a mock clock, with scripted work, for stories about calls."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from actors.admission import ProviderSettings
from actors.attempt import Attempt
from actors.errors import Failure, Stage
from actors.events import AttemptEnded
from actors.letters import Answered, Call, Candidate, Priority, Timeouts
from actors.provider import ProviderActor
from actors.relay import Relay
from actors.router import RouterActor, RouterSettings

Script = Callable[[Attempt], Awaitable[Any]]


def answers(value: Any, after_s: float = 0.0) -> Script:
    """Work that sends, thinks for `after_s`, and answers (a stream: in one piece)."""

    async def work(attempt: Attempt) -> Any:
        attempt.sent()
        attempt.accepted()
        attempt.enter(Stage.AWAITING)
        await trio.sleep(after_s)
        if attempt.call.relay is not None:
            attempt.commit("head")
            await attempt.write(value)
        return value

    return work


def fails(failure: Failure, after_s: float = 0.0) -> Script:
    """Work that sends, thinks for `after_s`, and fails."""

    async def work(attempt: Attempt) -> Any:
        attempt.sent()
        await trio.sleep(after_s)
        raise failure

    return work


def streams(*pieces: bytes, every_s: float = 1.0, then: Failure | None = None, resumable: bool = False) -> Script:
    """Work that delivers a piece every `every_s`, then ends or breaks; resumed, it goes on after what was delivered."""

    async def work(attempt: Attempt) -> Any:
        attempt.sent()
        attempt.accepted()
        delivered = 0 if attempt.progress is None else attempt.progress
        for index, piece in enumerate(pieces):
            attempt.enter(Stage.AWAITING if index == 0 else Stage.STREAMING, 30)
            await trio.sleep(every_s)
            if index == 0:
                attempt.commit("head")
                attempt.enter(Stage.STREAMING)
            if index >= delivered:
                await attempt.write(piece)
            if resumable:
                attempt.delivered = max(index + 1, delivered)
        if then is not None:
            raise then

    return work


def silent(*, accepted: bool = False, allowed_s: float = 60.0) -> Script:
    """Work that sends and never hears anything."""

    async def work(attempt: Attempt) -> Any:
        attempt.sent()
        if accepted:
            attempt.accepted()
        attempt.enter(Stage.AWAITING, allowed_s)
        await trio.sleep_forever()

    return work


class House:
    """Providers with scripts: each attempt on a provider plays the next script of its list, the last one for ever."""

    def __init__(
        self,
        scripts: dict[str, Sequence[Script]],
        *,
        settings: dict[str, dict[str, Any]] | None = None,
        candidates: Sequence[Candidate] | None = None,
        router: RouterSettings | None = None,
        seed: int = 0,
        mailbox_capacity: int = 64,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.events: list[object] = []
        self.scripts = {name: list(script) for name, script in scripts.items()}
        self.played: list[tuple[str, float]] = []
        self._random = random.Random(seed)
        self._settings = settings or {}
        self._mailbox_capacity = mailbox_capacity
        self.candidates = candidates or [
            Candidate(provider=name, model="m", timeouts=timeouts or Timeouts(), resumes=True) for name in scripts
        ]
        self.providers: dict[str, ProviderActor] = {}
        self.router = RouterActor(
            router or RouterSettings(),
            resolve=lambda call: self.candidates,
            provider=lambda name: self.providers.get(name),
            clock=trio.current_time,
            random=self._random,
            observe=self.events.append,
            mailbox_capacity=mailbox_capacity,
        )
        self._numbers = 0
        self.calls: list[Call] = []
        self.nursery: trio.Nursery

    def make_provider(self, name: str) -> ProviderActor:
        actor = ProviderActor(
            ProviderSettings(name=name, **self._settings.get(name, {})),
            work=lambda attempt: self._play(name, attempt),
            report=self.router.report,
            clock=trio.current_time,
            random=self._random,
            observe=self.events.append,
            mailbox_capacity=self._mailbox_capacity,
        )
        self.providers[name] = actor
        return actor

    async def _play(self, name: str, attempt: Attempt) -> Any:
        self.played.append((name, trio.current_time()))
        scripts = self.scripts[name]
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return await script(attempt)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[House]:
        async with trio.open_nursery() as self.nursery:
            for name in self.scripts:
                await self.nursery.start(self.make_provider(name).run)
            await self.nursery.start(self.router.run)
            yield self
            self.nursery.cancel_scope.cancel()

    def call(
        self,
        *,
        stream: bool = False,
        deadline_s: float = 600.0,
        size_bytes: int = 100,
        tokens: int = 10,
        priority: Priority = Priority.NORMAL,
        client: str = "",
        limit_chunks: int = 16,
    ) -> Call:
        self._numbers += 1
        now = trio.current_time()
        call = Call(
            id=f"call-{self._numbers}",
            arrived_at=now,
            deadline=now + deadline_s,
            model="m",
            payload=None,
            size_bytes=size_bytes,
            tokens=tokens,
            priority=priority,
            client=client,
            relay=Relay(limit_chunks=limit_chunks) if stream else None,
        )
        self.calls.append(call)
        return call

    async def ask(self, call: Call | None = None, **how: Any) -> Any:
        """A patient unary asker: the answer's value. Raises Failure."""
        call = call or self.call(**how)
        try:
            return (await self.router.ask(call)).value
        finally:
            self.router.leave(call)

    async def read(self, call: Call | None = None, *, pause_s: float = 0.0, **how: Any) -> bytes:
        """A streaming asker: the whole answer. Raises Failure."""
        call = call or self.call(stream=True, **how)
        assert call.relay is not None
        pieces = []
        try:
            answered: Answered = await self.router.ask(call)
            assert answered.value == "head"
            while (piece := await call.relay.receive()) is not None:
                pieces.append(piece)
                await trio.sleep(pause_s)
            return b"".join(pieces)
        finally:
            self.router.leave(call)

    # What must be true when nothing is under way.

    def outcomes(self) -> list[tuple[str, str]]:
        """Provider and outcome of every attempt that ended, in order."""
        return [
            (event.attempt.candidate.provider, event.attempt.outcome.value)
            for event in self.events
            if isinstance(event, AttemptEnded) and event.attempt.outcome is not None
        ]

    def assert_at_rest(self) -> None:
        """Permits, bytes, queues, timers and books are at their baseline; every attempt has one outcome."""
        for actor in self.providers.values():
            assert actor.in_flight == 0, actor.name
            assert len(actor.waiters) == 0, actor.name
            assert actor.waiters.bytes == 0, actor.name
            assert actor.admission.concurrency.used == 0, actor.name
            assert actor.admission.memory.used == 0, actor.name
            assert actor.mailbox.statistics().depth == 0, actor.name
            assert actor.mailbox.statistics().bytes == 0, actor.name
        assert not self.router._calls
        assert self.router.mailbox.statistics().depth == 0
        ended = [event.attempt for event in self.events if isinstance(event, AttemptEnded)]
        assert len(ended) == len(set(ended)), "an attempt ended twice"
        for call in self.calls:
            for attempt in call.attempts:
                assert attempt.outcome is not None, attempt.stage
                assert attempt in ended
            assert call.relay is None or call.relay.held_bytes == 0

    def tokens_limited(self, name: str) -> bool:
        return self.providers[name].admission.view(trio.current_time())["tokens"] is not None

    def tokens_left(self, name: str) -> float:
        left = self.providers[name].admission.view(trio.current_time())["tokens"]
        assert left is not None
        return float(left)
