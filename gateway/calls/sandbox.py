"""The work of the sandbox: says what `gateway.providers.sandbox` makes up, at a speed and with the faults one sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, NoReturn

import trio
from msgspec import UNSET

from actors.errors import Blame, Stage
from actors.letters import Attempt
from gateway.calls.course import Course
from gateway.dialects import openai_compose as compose
from gateway.dialects.envelope import ModelReply, ModelRequest, Usage
from gateway.dialects.openai_chat import ChatRequest, estimate_prompt
from gateway.dialects.openai_errors import error_body
from gateway.dialects.openai_stream import DONE
from gateway.errors import Description, UpstreamBroken, UpstreamError, UpstreamReset
from gateway.providers.sandbox import Said, answer

Fail = Literal["", "429", "500", "reset", "stall", "cut"]

_JSON: Final = (b"content-type", b"application/json")
_EVENTS: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_RETRY_AFTER_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How the sandbox behaves."""

    latency_s: float = 0.0
    """Until the first content."""
    tokens_per_s: float = 0.0
    """0 is as fast as it goes."""
    fail: Fail = ""
    """A status, a connection that is reset, silence, or an answer that is cut in the middle."""


class _Identity(NamedTuple):
    """What all chunks of one answer have in common."""

    id: str
    created: int
    model: str


class SandboxCalls:
    """Answers as a provider of OpenAI's dialect would; an `actors.letters.Work`."""

    def __init__(
        self, settings: SandboxSettings, *, new_id: Callable[[], str], wall_clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._new_id = new_id
        self._wall_clock = wall_clock

    async def __call__(self, attempt: Attempt) -> ModelReply | None:
        """A unary call's answer; None where a streamed one has been written whole."""
        request: ModelRequest = attempt.call.payload
        chat: ChatRequest = request.decoded
        course = Course(attempt, max(1, estimate_prompt(chat, request.body)))
        course(Stage.SENDING)
        course(Stage.AWAITING)
        said = answer(attempt.candidate.model, chat)
        await self._fail()
        attempt.accepted()
        await trio.sleep(self._settings.latency_s)
        identity = _Identity(
            f"chatcmpl-{self._new_id()}",
            int(self._wall_clock()),
            f"{attempt.candidate.provider}/{attempt.candidate.model}",
        )
        if attempt.call.relay is None:
            return await self._reply(course, identity, chat, said)
        await self._stream(course, identity, chat, said)
        return None

    async def _fail(self) -> None:
        match self._settings.fail:
            case "429":
                _refuse(429, "rate_limit_error", "rate_limit_exceeded", Blame.NOBODY)
            case "500":
                _refuse(500, "server_error", "server_error", Blame.MODEL)
            case "reset":
                raise UpstreamReset("The sandbox reset the connection, as it was told to.")
            case "stall":
                await trio.sleep_forever()

    async def _reply(self, course: Course, identity: _Identity, chat: ChatRequest, said: Said) -> ModelReply:
        await trio.sleep(len(said.pieces) * self._pause_s)
        if self._settings.fail == "cut":
            raise UpstreamBroken("The sandbox cut its answer, as it was told to.")
        usage = _count(course, chat, said)
        completion = compose.Completion(
            id=identity.id,
            created=identity.created,
            model=identity.model,
            choices=[
                compose.Choice(index=index, message=self._message(said), finish_reason=said.finish_reason)
                for index in range(chat.choices)
            ],
            usage=compose.usage_object(usage),
        )
        return ModelReply(200, [_JSON], compose.completion_body(completion))

    async def _stream(self, course: Course, identity: _Identity, chat: ChatRequest, said: Said) -> None:
        attempt = course.attempt
        idle_s = attempt.candidate.timeouts.idle_s
        attempt.commit(ModelReply(200, [_EVENTS]))
        deltas = self._deltas(said)
        if self._settings.fail == "cut":
            deltas = deltas[: len(deltas) // 2]
        usage = None if chat.wants_usage else UNSET
        for index in range(chat.choices):
            for delta in deltas:
                attempt.enter(Stage.STREAMING, idle_s)
                await trio.sleep(self._pause_s)
                choice = compose.ChunkChoice(index=index, delta=delta)
                chunk = compose.Chunk(**identity._asdict(), choices=[choice], usage=usage)
                await attempt.write(compose.chunk_event(chunk))
        if self._settings.fail == "cut":
            raise UpstreamBroken("The sandbox cut its answer, as it was told to.")
        await attempt.write(_ending(course, identity, chat, said))

    def _deltas(self, said: Said) -> list[compose.Delta]:
        if said.tool is None:
            first = compose.Delta(role="assistant", content="")
            return [first, *(compose.Delta(content=piece) for piece in said.pieces)]
        opening = compose.ToolCall(index=0, id=self._call_id(), function=compose.FunctionCall(said.tool, ""))
        first = compose.Delta(role="assistant", content=None, tool_calls=[opening])
        return [first, *(compose.Delta(tool_calls=[compose.more_arguments(0, piece)]) for piece in said.pieces)]

    def _message(self, said: Said) -> compose.AnswerMessage:
        text = "".join(said.pieces)
        if said.tool is None:
            return compose.AnswerMessage(content=text)
        call = compose.ToolCall(id=self._call_id(), function=compose.FunctionCall(said.tool, text))
        return compose.AnswerMessage(tool_calls=[call])

    def _call_id(self) -> str:
        return f"call_{self._new_id()[:24]}"

    @property
    def _pause_s(self) -> float:
        """Between two tokens."""
        speed = self._settings.tokens_per_s
        return 1 / speed if speed else 0.0


def _ending(course: Course, identity: _Identity, chat: ChatRequest, said: Said) -> bytes:
    """The chunks with finish_reason, usage where it is wanted, and the end."""
    usage = _count(course, chat, said)
    last = [
        compose.ChunkChoice(index=index, delta=compose.Delta(), finish_reason=said.finish_reason)
        for index in range(chat.choices)
    ]
    unset = None if chat.wants_usage else UNSET
    events = [compose.chunk_event(compose.Chunk(**identity._asdict(), choices=last, usage=unset))]
    if chat.wants_usage:
        total = compose.usage_object(usage)
        events.append(compose.chunk_event(compose.Chunk(**identity._asdict(), choices=[], usage=total)))
    events.append(DONE)
    return b"".join(events)


def _count(course: Course, chat: ChatRequest, said: Said) -> Usage:
    usage = Usage(prompt=course.prompt_tokens, completion=len(said.pieces) * chat.choices)
    course.used(usage, said.finish_reason)
    return usage


def _refuse(status: int, error_type: str, code: str, blame: Blame) -> NoReturn:
    message = f"The sandbox answers with status {status}, as it was told to."
    throttled = status == 429
    raise UpstreamError(
        message,
        status=status,
        body=error_body(Description(status, error_type, code, message)),
        headers=[_JSON],
        retryable=True,
        blame=blame,
        throttled=throttled,
        retry_after=_RETRY_AFTER_S if throttled else None,
    )
