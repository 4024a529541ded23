"""What the face asks of the models and what comes back, whatever the wire formats on both sides.

All are msgspec structs: several are made for every request, and nothing makes them faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import msgspec

from actors.letters import Candidate
from gateway.dialects.answer_name import AnswerName
from gateway.dialects.openai_errors import error_body
from gateway.errors import Description

RawHeaders = list[tuple[bytes, bytes]]
"""HTTP header fields in order, names in lower case."""

NO_PARAMETERS: Final[Mapping[str, Any]] = MappingProxyType({})


class Usage(msgspec.Struct, gc=False):
    """Tokens of one answer; `prompt + completion` is the provider's own total.

    `cached` (read from the provider's cache), `written` (to it) and `audio_in` are parts of `prompt`, `reasoning` and
    `audio_out` parts of `completion`; of what was written, `written_1h` is kept for an hour in place of minutes.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    written: int = 0
    audio_in: int = 0
    audio_out: int = 0
    written_1h: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class ModelRequest(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A client's request, read and checked by the face, as it travels through the actors to a provider's call task.

    `dialect` names the client's wire format ("openai_chat"), `body` is the JSON as the client sent it and `decoded`
    that dialect's own struct of it. `headers` are the client's trace context, which goes on where nobody traces here.
    """

    dialect: str
    body: bytes
    decoded: Any
    request_id: str
    headers: RawHeaders = []
    own_headers: RawHeaders = []
    """The client's that mean something to a provider of its own dialect alone."""
    context: Callable[[Candidate], RawHeaders] | None = None
    """How full the context window of who is asked is, for providers that are told; None where nobody measures."""
    client_key: str | None = None
    """The client's own key, used only by a provider with `auth = "passthrough"`."""
    endpoint: str = "chat/completions"
    """Where it came in, for the one who is told that a provider has no such thing."""
    prompt_tokens: int = 0
    """By estimate."""
    compose_error: Callable[[Description], bytes] = error_body
    """Writes an error's body in the client's dialect."""
    parameters: Mapping[str, Any] = NO_PARAMETERS
    """What the configuration asks for where the client does not; see `gateway.dialects.parameters`."""
    fallbacks: tuple[str, ...] | None = None
    """The models to ask when its own fails, where the request names them itself."""
    read_gap_s: float | None = None
    """How long the client waits between two reads of an answer."""


class ModelReply(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A unary answer, or a stream's head (with an empty body), in the client's dialect.

    `headers` are the upstream's useful ones (content-type among them), without hop-by-hop headers or lengths.
    """

    status: int
    headers: RawHeaders
    body: bytes = b""


class SoFar(Protocol):
    """A streamed answer as far as it has come."""

    @property
    def started(self) -> bool:
        """The first content has come."""
        ...

    @property
    def usage(self) -> Usage | None:
        """As the provider counts it, where it has said so."""
        ...

    @property
    def delivered_tokens(self) -> int:
        """What was delivered, by the provider's count or else by the length of the text."""
        ...


class CallNotes(msgspec.Struct):
    """What a call task learned, for the log line, the metrics and the bill; stands in `Attempt.detail`."""

    usage: Usage | None = None
    """As the provider counts it, by estimate where the answer was cut; as it is billed once the attempt has ended."""
    cost: int | None = None
    """Of that usage, in nano-USD; None where nobody knows the model's prices."""
    finish_reason: str | None = None
    connect_s: float | None = None
    """Seconds spent on getting a connection; 0.0 where one was reused."""
    upstream_request_id: str | None = None
    answer_name: AnswerName | None = None
    """What the provider calls its answer; None where no trace asks."""
    malformed: int = 0
    """Events of a stream that could not be read and were left out of the answer."""
    so_far: SoFar | None = None
    """Of a stream; read where the attempt ends before its task, because the actor has died."""


def cost_of(attempts: Iterable[Any]) -> int | None:
    """What a call's attempts have cost together, in nano-USD; None where nobody knows, or none has used anything."""
    total: int | None = None
    for attempt in attempts:
        notes: CallNotes | None = attempt.detail
        if notes is None:
            continue
        if notes.cost is not None:
            total = notes.cost if total is None else total + notes.cost
        elif notes.usage is not None:
            return None
    return total
