"""One attempt of one call under a mock clock, and a scripted provider on the other side of the HTTP client."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import trio

from actors.attempt import Attempt
from actors.errors import Failure, Left, Stage, TimedOut
from actors.letters import Call, Candidate, Timeouts
from actors.overdue import Overdue
from actors.relay import Relay
from actors.timers import Timers
from gateway.calls.http_calls import HttpCalls
from gateway.calls.sandbox import SandboxClient, SandboxSettings
from gateway.calls.upstream import Progress
from gateway.calls.ways import ways_of
from gateway.dialects.envelope import CallNotes, ModelReply, ModelRequest, RawHeaders
from gateway.face.chat import ChatCompletions
from gateway.face.client_dialect import ClientDialect
from gateway.providers.directory import profile_of
from gateway.providers.profile import Origin, RawHeader
from gateway.providers.sandbox import profile as sandbox_profile

BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "azure": "https://azure.example/openai/v1",
    "deepseek": "https://api.deepseek.com",
    "openrouter": "https://openrouter.ai/api/v1",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
}
KINDS = {"anthropic": "anthropic", "google": "gemini"}
"""Those that do not speak OpenAI's dialect."""
WALL_CLOCK_S = 1_754_667_655.0
USER_AGENT = "llm-gateway/test"
KEY = "sk-the-providers-own"

Script = Iterable[bytes | float | Exception]
"""What arrives of a body: bytes, seconds of silence, what the connection raises."""


class FakeResponse:
    """A scripted answer; remembers whether it was closed, and how much of it was left by then."""

    def __init__(self, status: int, headers: RawHeaders, script: Script) -> None:
        self.status = status
        self.headers = headers
        self.left = list(script)
        self.closed = False
        self.kept = False
        """The rest was of no interest."""

    async def receive(self) -> bytes:
        assert not self.closed
        while self.left:
            item = self.left.pop(0)
            if isinstance(item, Exception):
                raise item
            if isinstance(item, bytes):
                await trio.lowlevel.checkpoint()
                return item
            await trio.sleep(item)
        await trio.lowlevel.checkpoint()
        return b""

    async def pass_to(self, take: Callable[[bytes], bool]) -> bool:
        while data := await self.receive():
            if not take(data):
                return True
        return False

    async def read(self, limit: int) -> bytes:
        body = b""
        while data := await self.receive():
            body += data
        assert len(body) <= limit
        return body

    def leave(self) -> None:
        assert not self.closed
        self.kept = True

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeClient:
    """Gives one response to every request and remembers what it was asked."""

    response: FakeResponse
    connect_s: float = 0.0
    send_s: float = 0.0
    think_s: float = 0.0
    kept: bool = False
    """There is a connection already: nothing has to be opened."""
    dead_after_s: float | None = None
    """Where a kept connection is tried first: seconds until it turns out to be dead."""
    refuses: Failure | None = None
    origin: Origin | None = None
    target: bytes = b""
    headers: RawHeaders = field(default_factory=list)
    body: bytes = b""

    async def request(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: RawHeaders,
        body: bytes,
        *,
        always: tuple[RawHeader, ...],
        progress: Progress,
    ) -> FakeResponse:
        assert method == b"POST"
        self.origin, self.target, self.headers, self.body = origin, target, [*always, *headers], body
        if self.dead_after_s is not None:
            progress(Stage.SENDING)
            progress(Stage.AWAITING)
            await trio.sleep(self.dead_after_s)
        if not self.kept:
            progress(Stage.CONNECTING)
        await trio.sleep(self.connect_s)
        if self.refuses is not None:
            raise self.refuses
        progress(Stage.SENDING)
        await trio.sleep(self.send_s)
        progress(Stage.AWAITING)
        await trio.sleep(self.think_s)
        return self.response


@dataclass
class Told:
    """What the client got, and what the actor learned."""

    attempt: Attempt
    head: ModelReply | None = None
    body: bytes = b""
    failure: Failure | None = None
    ended_at: float = 0.0

    @property
    def notes(self) -> CallNotes:
        assert isinstance(self.attempt.detail, CallNotes)
        return self.attempt.detail


def upstream(
    *script: bytes | float | Exception, status: int = 200, content_type: str = "text/event-stream"
) -> FakeClient:
    return FakeClient(FakeResponse(status, [(b"content-type", content_type.encode())], script))


def http_calls(client: FakeClient, provider: str = "openai", *, passthrough: bool = False) -> HttpCalls:
    kind = KINDS.get(provider, "openai")
    profile = profile_of(kind, provider, BASE_URLS[provider])
    return HttpCalls(
        profile,
        client,
        ways_of(kind, profile, lambda model: None),
        secrets={"KEY_1": KEY},
        user_agent=USER_AGENT,
        clock=trio.current_time,
        wall_clock=lambda: WALL_CLOCK_S,
        passthrough=passthrough,
    )


def sandbox(**settings: Any) -> HttpCalls:
    """The provider within the gateway, which is asked as any other is."""
    ids = itertools.count()
    client = SandboxClient(
        "sandbox", SandboxSettings(**settings), new_id=lambda: f"{next(ids):032x}", wall_clock=lambda: WALL_CLOCK_S
    )
    its = sandbox_profile("sandbox")
    return HttpCalls(
        its,
        client,
        ways_of("sandbox", its, lambda model: None),
        secrets={},
        user_agent=USER_AGENT,
        clock=trio.current_time,
        wall_clock=lambda: WALL_CLOCK_S,
    )


async def ask(
    calls: HttpCalls,
    body: bytes,
    *,
    dialect: ClientDialect | None = None,
    model: str | None = None,
    timeouts: Timeouts | None = None,
    deadline_s: float = 600.0,
    headers: RawHeaders | None = None,
    parameters: Mapping[str, Any] | None = None,
    reader_waits_s: float = 0.0,
) -> Told:
    """Lets `calls` answer a request as its provider's actor would, and reads the answer as the face would."""
    dialect = dialect or ChatCompletions()
    asked = dialect.read(body)
    request = ModelRequest(
        dialect.name,
        body,
        asked.decoded,
        "req-1",
        headers or [],
        client_key="the-clients-own",
        endpoint=dialect.endpoint,
        prompt_tokens=asked.prompt_tokens,
        compose_error=dialect.error_body,
        parameters=parameters or {},
    )
    now = trio.current_time()
    call = Call(
        id="call-1",
        arrived_at=now,
        deadline=now + deadline_s,
        model=asked.model,
        payload=request,
        tokens=asked.prompt_tokens + asked.output_tokens,
        relay=Relay() if asked.stream else None,
    )
    candidate = Candidate(provider="sandbox", model=model or asked.model, timeouts=timeouts or Timeouts())
    attempt = Attempt(call, candidate, clock=trio.current_time)
    attempt.key = "KEY_1"
    call.attempts.append(attempt)
    told = Told(attempt)
    timers = Timers(trio.current_time)
    watch = Overdue([attempt], timers, trio.current_time)
    async with trio.open_nursery() as clockwork:
        clockwork.start_soon(timers.run)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve, calls, told, watch)
            if call.relay is not None:
                await _drain(call.relay, told, reader_waits_s)
        clockwork.cancel_scope.cancel()
    return told


async def _serve(calls: HttpCalls, told: Told, watch: Overdue) -> None:
    attempt = told.attempt
    relay = attempt.call.relay
    try:
        with trio.CancelScope() as scope:
            attempt.begin(scope, watch)
            told.head = await calls.ask(attempt, attempt.call.payload)
    except Failure as failure:
        told.failure = failure
    except Left:
        pass
    if attempt.stopped:
        told.failure = TimedOut(attempt.stage, "too long")
    told.ended_at = trio.current_time()
    if attempt.content_at is not None:
        told.head = (await attempt.call.reply.wait()).value
    if relay is not None and (told.failure is not None or not relay.end(attempt.epoch)):
        relay.fail(told.failure or Failure("left"))


async def _drain(relay: Relay, told: Told, waits_s: float) -> None:
    try:
        while (piece := await relay.receive()) is not None:
            told.body += piece
            await trio.sleep(waits_s)
    except Failure:
        assert told.failure is not None
