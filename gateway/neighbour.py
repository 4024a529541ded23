"""A service beside the gateway over HTTP: JSON to a fixed address and back, failures in the gateway's own words.

Actors run this work (`actors/service.py`); they bound it in number and in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from actors.errors import Failure, Stage
from gateway.dialects.envelope import RawHeaders
from gateway.errors import (
    GatewayError,
    ServiceFailed,
    ServiceRefused,
    UpstreamReset,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from gateway.providers.profile import Origin, RawHeader, parse_base_url

T = TypeVar("T")

_ILL: Final = frozenset({"unhealthy", "fail", "failed", "down", "error", "critical", "unavailable"})
"""As a service calls itself that is not well, in a 200 too (health+json, Spring and FastAPI's checks)."""

ANSWER_LIMIT_BYTES: Final = 32 * 1024 * 1024
_MOST_SAID: Final = 500
"""Characters of what a service says of a request that it refuses."""


class Answer(Protocol):
    """An answer whose head has arrived."""

    @property
    def status(self) -> int: ...
    async def read(self, limit: int, /) -> bytes: ...
    def close(self) -> None: ...


class Client(Protocol):
    """What is needed of an HTTP client; either of the gateway's fits."""

    async def request(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: RawHeaders,
        body: bytes,
        *,
        always: tuple[RawHeader, ...],
        progress: Callable[[Stage], None],
    ) -> Answer: ...


class Behalf(NamedTuple):
    """On whose behalf a service is asked."""

    deadline: float
    """On the actors' clock."""
    headers: Sequence[RawHeader] = ()
    """What it is told of the request: its id, and its place in the trace."""
    asker: object = None
    """The request's record, for telemetry."""


class ToolRan(NamedTuple):
    """A tool has been run, for a client that asked for it or for a model that called it."""

    tool: str
    request_id: str
    turn: int
    """Of the conversation with the model; 0 where a client asked."""
    began_at: float
    ended_at: float
    failure: Failure | None
    trace: Any
    """The run's own place in the request's trace, for telemetry; None where nobody traces."""


class LazyClient:
    """A Client that is made when it is first asked."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make

    async def request(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: RawHeaders,
        body: bytes,
        *,
        always: tuple[RawHeader, ...],
        progress: Callable[[Stage], None],
    ) -> Answer:
        return await self._make().request(origin, method, target, headers, body, always=always, progress=progress)


class _Complaint(msgspec.Struct):
    """What services put into a refusal: FastAPI's `detail`, or an error of some form."""

    detail: Any = None
    error: Any = None
    message: Any = None


class _Health(msgspec.Struct):
    """What services say of themselves, as far as they agree."""

    status: Any = None


class Neighbour:
    """One service; `title` is what people call it."""

    def __init__(self, title: str, base_url: str, client: Client, *, user_agent: str) -> None:
        """Raises ValueError for what is no http or https address."""
        self.title = title
        self._origin, self._base_path = parse_base_url(base_url)
        self._client = client
        self._always = (
            (b"accept", b"application/json"),
            (b"content-type", b"application/json"),
            (b"user-agent", user_agent.encode()),
        )
        self._complaints = msgspec.json.Decoder(_Complaint)
        self._health = msgspec.json.Decoder(_Health)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Sequence[RawHeader] = ()) -> bytes:
        """The body of a 2xx answer; redirects are not followed. Raises ServiceRefused for a 4xx, ServiceFailed for all
        else.
        """
        try:
            answer = await self._client.request(
                self._origin,
                method.encode(),
                self._base_path + path.encode(),
                list(headers),
                body,
                always=self._always,
                progress=_unwatched,
            )
            try:
                said = await answer.read(ANSWER_LIMIT_BYTES)
            finally:
                answer.close()
        except GatewayError as failure:
            raise ServiceFailed(f"{self.title} could not be asked: {_loss(failure)}.") from failure
        status = answer.status
        if 200 <= status < 300:
            return said
        if 400 <= status < 500 and status != 408:
            raise ServiceRefused(f"{self.title} refused the request: {self._complaint(said)}", status=status)
        # Who follows a redirect goes wherever a service says, past the operator's word.
        why = ": it redirects, and redirects are not followed" if 300 <= status < 400 else ""
        raise ServiceFailed(f"{self.title} answered with the status {status}{why}.")

    async def look(self) -> None:
        """GET /health. Raises ServiceFailed unless the answer is a 2xx with a JSON object that does not say otherwise:
        who answers with a page, or has no such path, is somebody else.
        """
        try:
            said = await self.ask("GET", "/health")
        except ServiceRefused as refusal:
            raise ServiceFailed(f"{self.title} does not say how it is: the status {refusal.status}.") from refusal
        status = self.understand(said, self._health).status
        if isinstance(status, str) and status.lower() in _ILL:
            raise ServiceFailed(f"{self.title} says that it is {status}.")

    def understand(self, said: bytes, decoder: msgspec.json.Decoder[T]) -> T:
        """What an answer says. Raises ServiceFailed where it is none of the kind."""
        try:
            return decoder.decode(said)
        except (ValueError, RecursionError) as problem:
            raise ServiceFailed(f"{self.title} answered with something that is no such answer.") from problem

    def _complaint(self, said: bytes) -> str:
        try:
            complaint = self._complaints.decode(said)
        except (ValueError, RecursionError):
            return "it did not say why."
        told = complaint.detail or complaint.message or complaint.error
        text = told if isinstance(told, str) else msgspec.json.encode(told).decode() if told else "it did not say why."
        return text[:_MOST_SAID]


def _loss(failure: GatewayError) -> str:
    """In a few words, without the addresses that a client's own message may hold."""
    match failure:
        case UpstreamUnreachable():
            return "no connection"
        case UpstreamReset():
            return "it closed the connection"
        case UpstreamTooLarge():
            return "its answer is too large"
        case _:
            return "its answer broke off"


def _unwatched(stage: Stage) -> None:
    """Nobody wants to know how far it has come."""
