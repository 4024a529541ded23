"""GET /admin/actors: the supervision tree, each actor with its state, mailbox and own detail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from actors.look import ActorLook
from gateway.exchange import Answer, Request


class _Mailbox(msgspec.Struct):
    depth: int
    capacity: int
    bytes: int
    oldest_s: float
    processed: int
    refused: int


class _Actor(msgspec.Struct):
    """What is promised of an ActorLook."""

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

    def __init__(self, tree: Callable[[], Sequence[ActorLook]], *, worker: str, version: str) -> None:
        self._tree = tree
        self._worker = worker
        self._version = version
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, _request: Request) -> Answer:
        actors = msgspec.convert(self._tree(), list[_Actor], from_attributes=True)
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        return Answer(200, headers, self._encode(_Page(actors, self._worker, self._version)))
