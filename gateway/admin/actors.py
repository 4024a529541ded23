"""GET /admin/actors: the supervision tree, each actor with its state, mailbox and own detail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gateway.exchange import Answer, Request


class MailboxView(Protocol):
    """What is needed of `actors.mailbox.MailboxStatistics`."""

    @property
    def depth(self) -> int: ...
    @property
    def capacity(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def oldest_s(self) -> float: ...
    @property
    def processed(self) -> int: ...
    @property
    def refused(self) -> int: ...


class ActorView(Protocol):
    """One actor at one moment."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def parent(self) -> str | None:
        """The supervisor's name; None for the root."""
        ...

    @property
    def state(self) -> str:
        """starting, running, draining, backing_off or stopped."""
        ...

    @property
    def restarts(self) -> int: ...
    @property
    def last_error(self) -> str | None: ...
    @property
    def uptime_s(self) -> float: ...
    @property
    def mailbox(self) -> MailboxView | None:
        """None for those who get no letters, like supervisors."""
        ...

    @property
    def detail(self) -> Mapping[str, Any]:
        """The actor's own view of itself, plain JSON."""
        ...


class _Mailbox(msgspec.Struct):
    depth: int
    capacity: int
    bytes: int
    oldest_s: float
    processed: int
    refused: int


class _Actor(msgspec.Struct):
    name: str
    kind: str
    parent: str | None
    state: str
    restarts: int
    last_error: str | None
    uptime_s: float
    mailbox: _Mailbox | None
    detail: Mapping[str, Any]


class _Page(msgspec.Struct):
    actors: list[_Actor]
    worker: str
    version: str


class ActorsPage:
    """The handler; whoever mounts it keeps the door."""

    def __init__(self, tree: Callable[[], Sequence[ActorView]], *, worker: str, version: str) -> None:
        self._tree = tree
        self._worker = worker
        self._version = version
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, _request: Request) -> Answer:
        page = _Page([_written(view) for view in self._tree()], self._worker, self._version)
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        return Answer(200, headers, self._encode(page))


def _written(view: ActorView) -> _Actor:
    return _Actor(
        view.name,
        view.kind,
        view.parent,
        view.state,
        view.restarts,
        view.last_error,
        view.uptime_s,
        None if view.mailbox is None else _written_mailbox(view.mailbox),
        view.detail,
    )


def _written_mailbox(view: MailboxView) -> _Mailbox:
    return _Mailbox(view.depth, view.capacity, view.bytes, view.oldest_s, view.processed, view.refused)
