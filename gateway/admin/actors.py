"""GET /admin/actors and /admin/actors/{name}: the supervision tree, each actor with its state, mailbox and own detail.

One of several workers shows everybody's: each actor says whose it is, and `absent` who did not answer in time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from actors.look import ActorLook
from gateway.admin.asking import json_answer, last_part
from gateway.errors import NotFound
from gateway.exchange import Answer, Request


class _Mailbox(msgspec.Struct):
    depth: int
    capacity: int
    bytes: int
    oldest_s: float
    processed: int
    refused: int


class Actor(msgspec.Struct):
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
    worker: str | msgspec.UnsetType = msgspec.UNSET


class _Page(msgspec.Struct):
    actors: list[Actor]
    worker: str
    version: str
    absent: list[str] | msgspec.UnsetType = msgspec.UNSET


def actors_of(tree: Sequence[ActorLook]) -> list[Actor]:
    """As they are shown."""
    return msgspec.convert(tree, list[Actor], from_attributes=True)


AskSiblings = Callable[[], Awaitable[Mapping[str, bytes | None]]]
"""Each sibling's own page; None for who is absent."""


class ActorsPage:
    """The handlers."""

    def __init__(
        self,
        tree: Callable[[], Sequence[ActorLook]],
        *,
        worker: str,
        version: str,
        ask_siblings: AskSiblings | None = None,
    ) -> None:
        self._tree = tree
        self._ask_siblings = ask_siblings
        self._worker = worker
        self._version = version
        self._decode = msgspec.json.Decoder(_Page).decode

    async def show_all(self, _request: Request) -> Answer:
        return json_answer(await self._page())

    async def show_one(self, request: Request) -> Answer:
        """Everybody of that name: one of each worker. Raises NotFound."""
        name = last_part(request)
        page = await self._page()
        page.actors = [actor for actor in page.actors if actor.name == name]
        if not page.actors:
            raise NotFound(f"There is no actor '{name}' here.")
        return json_answer(page)

    async def _page(self) -> _Page:
        page = _Page(actors_of(self._tree()), self._worker, self._version)
        if self._ask_siblings is not None:
            self._add(page, await self._ask_siblings())
        return page

    def _add(self, page: _Page, said: Mapping[str, bytes | None]) -> None:
        for actor in page.actors:
            actor.worker = self._worker
        page.absent = [worker for worker, text in said.items() if text is None]
        for worker, text in said.items():
            for actor in [] if text is None else self._decode(text).actors:
                actor.worker = worker
                page.actors.append(actor)
