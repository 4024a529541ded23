"""The sandbox, in the place of an HTTP client: says what `gateway.providers.sandbox` makes up.

It answers chat completions and embeddings as a provider of OpenAI's dialect would, at a speed and with the faults one
sets. Whatever else there is about a provider (translation, usage, errors) is the same for it as for all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import trio
from msgspec import UNSET

from actors.errors import Stage
from gateway.calls.embeddings_passage import EMBEDDINGS_PATH
from gateway.calls.upstream import Progress
from gateway.context.tiers import COUNT, estimated_tokens
from gateway.dialects import openai_compose as compose
from gateway.dialects.embeddings import request as embeddings
from gateway.dialects.embeddings.answer import answer_body, embedding_object
from gateway.dialects.envelope import RawHeaders, Usage
from gateway.dialects.openai_chat import decode_request
from gateway.dialects.openai_errors import error_body
from gateway.dialects.openai_stream import DONE
from gateway.dialects.prompt_weight import weigh
from gateway.errors import Description, UpstreamBroken, UpstreamReset
from gateway.providers.profile import Origin, RawHeader
from gateway.providers.sandbox import Said, answer, read_request
from gateway.providers.sandbox_embeddings import embed, read_task
from gateway.unhurried import unhurried

Fail = Literal["", "429", "500", "reset", "stall", "cut"]

_JSON: Final = (b"content-type", b"application/json")
_EVENTS: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_RETRY_AFTER: Final = (b"retry-after", b"1")
_ERRORS: Final = {
    "429": (429, "rate_limit_error", "rate_limit_exceeded"),
    "500": (500, "server_error", "server_error"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How the sandbox behaves."""

    latency_s: float = 0.0
    """Until the first content."""
    tokens_per_s: float = 0.0
    """0 is as fast as it goes."""
    fail: Fail = ""
    """A status, a connection that is reset, silence, or an answer that is cut in the middle."""


class _Piece(NamedTuple):
    """What arrives next of an answer."""

    wait_s: float
    data: bytes


class _Identity(NamedTuple):
    """What all chunks of one answer have in common."""

    id: str
    created: int
    model: str


class _Form(NamedTuple):
    """What a stream has to have, kept in place of the whole request."""

    choices: int
    with_usage: bool


class SandboxResponse:
    """An answer that arrives in its own time; a `gateway.calls.upstream.UpstreamResponse`."""

    def __init__(self, status: int, headers: RawHeaders, pieces: Iterator[_Piece]) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamBroken where it is cut."""
        body = bytearray()
        while data := await self.receive():
            body += data
        return bytes(body)

    async def receive(self) -> bytes:
        """What comes next, b"" at the end. Raises UpstreamBroken where the answer is cut."""
        piece = next(self._pieces, None)
        if piece is None:
            return b""
        await trio.sleep(piece.wait_s)
        return piece.data

    async def pass_to(self, take: Callable[[bytes], bool]) -> bool:
        """Gives `take` each piece until that returns False; whether there may be more."""
        while data := await self.receive():
            if not take(data):
                return True
        return False

    def leave(self) -> None:
        """There is no connection to keep."""

    def close(self) -> None:
        """There is no connection to give back."""


class SandboxClient:
    """A `gateway.calls.upstream.UpstreamClient` that reaches nobody."""

    def __init__(
        self, name: str, settings: SandboxSettings, *, new_id: Callable[[], str], wall_clock: Callable[[], float]
    ) -> None:
        """`name` is the provider's, which stands before its models' names."""
        self._name = name
        self._settings = settings
        self._new_id = new_id
        self._wall_clock = wall_clock

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
    ) -> SandboxResponse:
        """Answers what `body` asks. Raises ModelNotFound, InvalidRequest, UpstreamReset."""
        progress(Stage.SENDING)
        progress(Stage.AWAITING)
        told = next((int(value) for name, value in headers if name == COUNT), None)
        response = await (self._embed(body) if target == EMBEDDINGS_PATH else self._complete(body, told))
        match self._settings.fail:
            case "429" | "500" as status:
                return _refusal(status)
            case "reset":
                raise UpstreamReset("The sandbox reset the connection, as it was told to.")
            case "stall" if _EVENTS in response.headers:  # it accepts, and then says nothing
                return SandboxResponse(200, [_EVENTS], iter([_Piece(math.inf, b"")]))
            case "stall":
                await trio.sleep_forever()
        return response

    # Chat completions.

    async def _complete(self, body: bytes, told_tokens: int | None) -> SandboxResponse:
        """`told_tokens` is what the gateway takes the prompt for, in its client's dialect."""
        prompt = decode_request(body)
        chat = await unhurried(read_request(body))
        said = answer(chat.model, chat)
        prompt_tokens = estimated_tokens(chat.model, weigh(prompt, body)) if told_tokens is None else told_tokens
        usage = _count(said, chat.choices, prompt_tokens)
        identity = _Identity(f"chatcmpl-{self._new_id()}", int(self._wall_clock()), f"{self._name}/{chat.model}")
        if chat.stream:
            form = _Form(chat.choices, chat.stream_usage)
            return SandboxResponse(200, [_EVENTS], self._stream(identity, form, said, usage))
        whole = compose.Completion(
            **identity._asdict(),
            choices=[
                compose.Choice(index=index, message=self._message(said), finish_reason=said.finish_reason)
                for index in range(chat.choices)
            ],
            usage=compose.usage_object(usage),
        )
        return self._whole(compose.completion_body(whole), tokens=usage.completion)

    def _whole(self, body: bytes, *, tokens: int = 0) -> SandboxResponse:
        return SandboxResponse(200, [_JSON], self._arriving(body, self._settings.latency_s + tokens * self._pause_s))

    def _arriving(self, body: bytes, wait_s: float) -> Iterator[_Piece]:
        if self._settings.fail != "cut":
            yield _Piece(wait_s, body)
            return
        yield _Piece(wait_s, body[: len(body) // 2])
        raise _cut()

    def _stream(self, identity: _Identity, form: _Form, said: Said, usage: Usage) -> Iterator[_Piece]:
        """The events, each after a wait; the first word comes together with what opens its message."""
        fails = self._settings.fail == "cut"
        unset = None if form.with_usage else UNSET
        wait_s = self._settings.latency_s
        for index in range(form.choices):
            deltas = self._deltas(said)
            for delta in deltas[: len(deltas) // 2] if fails else deltas:
                choice = compose.ChunkChoice(index=index, delta=delta)
                chunk = compose.Chunk(**identity._asdict(), choices=[choice], usage=unset)
                yield _Piece(wait_s, compose.chunk_event(chunk))
                wait_s = self._pause_s if delta.role is UNSET else 0.0
        if fails:
            raise _cut()
        yield _Piece(wait_s, _ending(identity, form, said, usage))

    def _deltas(self, said: Said) -> list[compose.Delta]:
        """What opens the message, then a delta a token; a call is opened by one of its own."""
        thoughts = [compose.Delta(reasoning_content=piece) for piece in said.thoughts]
        if said.tool is None:
            opening = compose.Delta(role="assistant", content="")
            return [opening, *thoughts, *(compose.Delta(content=piece) for piece in said.pieces)]
        opening = compose.Delta(role="assistant", content=None)
        call = compose.ToolCall(index=0, id=self._call_id(), function=compose.FunctionCall(said.tool, ""))
        arguments = [compose.Delta(tool_calls=[compose.more_arguments(0, piece)]) for piece in said.pieces]
        return [opening, *thoughts, compose.Delta(tool_calls=[call]), *arguments]

    def _message(self, said: Said) -> compose.AnswerMessage:
        text = "".join(said.pieces)
        thoughts = "".join(said.thoughts) or UNSET
        if said.tool is None:
            return compose.AnswerMessage(content=text, reasoning_content=thoughts)
        call = compose.ToolCall(id=self._call_id(), function=compose.FunctionCall(said.tool, text))
        return compose.AnswerMessage(tool_calls=[call], reasoning_content=thoughts)

    def _call_id(self) -> str:
        return f"call_{self._new_id()}"

    @property
    def _pause_s(self) -> float:
        """Between two tokens."""
        speed = self._settings.tokens_per_s
        return 1 / speed if speed else 0.0

    # Embeddings.

    async def _embed(self, body: bytes) -> SandboxResponse:
        request = embeddings.decode_request(body)
        task = read_task(request.model, request)
        as_base64 = request.encoding_format == "base64"
        made = []
        for index, given in enumerate(task.inputs):
            made.append(embedding_object(embed(given, task.dimensions), index, as_base64=as_base64))
            await trio.lowlevel.checkpoint()
        model = f"{self._name}/{request.model}"
        return self._whole(answer_body(made, model, embeddings.estimate_tokens(request)))


def _ending(identity: _Identity, form: _Form, said: Said, usage: Usage) -> bytes:
    """The chunks with finish_reason, usage where it is wanted, and the end."""
    last = [
        compose.ChunkChoice(index=index, delta=compose.Delta(), finish_reason=said.finish_reason)
        for index in range(form.choices)
    ]
    unset = None if form.with_usage else UNSET
    events = [compose.chunk_event(compose.Chunk(**identity._asdict(), choices=last, usage=unset))]
    if form.with_usage:
        total = compose.usage_object(usage)
        events.append(compose.chunk_event(compose.Chunk(**identity._asdict(), choices=[], usage=total)))
    events.append(DONE)
    return b"".join(events)


def _count(said: Said, choices: int, prompt_tokens: int) -> Usage:
    thought = len(said.thoughts)
    each = thought + len(said.pieces)
    return Usage(prompt=prompt_tokens, completion=each * choices, reasoning=thought * choices)


def _refusal(fail: str) -> SandboxResponse:
    status, error_type, code = _ERRORS[fail]
    message = f"The sandbox answers with status {status}, as it was told to."
    body = error_body(Description(status, error_type, code, message))
    headers = [_JSON, _RETRY_AFTER] if status == 429 else [_JSON]
    return SandboxResponse(status, headers, iter([_Piece(0.0, body)]))


def _cut() -> UpstreamBroken:
    return UpstreamBroken("The sandbox cut its answer, as it was told to.")
