"""The life of a response around the call that makes it: earlier turns before the call, the store after it.

`before` makes a client's body ready for any provider, `after` takes a whole answer and `recorder` a streamed one.
What a store does not know may still be known to a provider that keeps responses itself, so it travels on untouched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec
import trio

from gateway.dialects.decoded_weight import check_most
from gateway.dialects.mistakes import unreadable
from gateway.dialects.responses.event_log import EventLog, read_log
from gateway.dialects.responses.kept import (
    Kept,
    continued,
    item_at,
    items_of,
    place_of,
    read_kept,
    reference_of,
    with_members,
)
from gateway.dialects.responses.recorder import StreamRecorder
from gateway.dialects.responses.request_notes import ResponsesRequest, decode_unread, replace_members
from gateway.errors import InvalidRequest, NotFound, StoreUnavailable
from gateway.keys.caller import Caller
from gateway.store.responses import ResponseStore

_encode = msgspec.json.Encoder().encode
_ITEMS_A_TURN: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request that is ready for any provider."""

    body: bytes
    """What is asked: earlier turns stand in its input, and it is not in the background any more."""
    request: ResponsesRequest
    """The client's own, as it came."""
    input: list[msgspec.Raw]
    """All that is answered."""
    owner: str
    kept: bool
    """Whether the answer goes into the store."""
    shown: dict[str, Any]
    """Members of the response that only the gateway knows."""
    follows: Callable[[], list[msgspec.Raw]] = list
    """What will stand for its output where it is continued; empty: the output."""


class ResponseLife:
    """What happens to responses before and after they are made."""

    def __init__(self, store: ResponseStore, *, ttl_s: float) -> None:
        self._store = store
        self._ttl_s = ttl_s

    async def before(self, body: bytes, owner: str) -> Prepared:
        """Reads a request to make a response. Raises InvalidRequest; GatewayError where the store is out of reach."""
        request = decode_unread(body)
        _check_background(request)
        try:
            items = items_of(request.input)
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
        check_most(items, "input")
        previous_id = request.previous_response_id
        previous = await self.find(previous_id, owner) if previous_id is not None else None
        elsewhere = previous_id is not None and previous is None
        if elsewhere and request.background:  # it could neither be kept nor be asked for
            message = f"Previous response with id '{previous_id}' not found: what is not kept here has no background."
            raise InvalidRequest(message, param="previous_response_id")
        changed: dict[str, msgspec.Raw | None] = {"background": None} if request.background is not None else {}
        found, resolved = await self._resolve(items, owner, previous)
        if previous is not None:
            found = [*continued(previous), *found]
            changed["previous_response_id"] = None
        if previous is not None or resolved:
            changed["input"] = msgspec.Raw(_encode(found))
        return Prepared(
            body=replace_members(body, changed) if changed else body,
            request=request,
            input=found,
            owner=owner,
            # Where the provider has the earlier turns, it alone can continue this one too.
            kept=request.kept and not elsewhere,
            shown={"previous_response_id": previous_id} if previous is not None else {},
        )

    async def after(self, prepared: Prepared, reply: bytes, deadline: float = math.inf) -> bytes:
        """Takes a whole answer, returns what the client gets, at `deadline` at the latest."""
        try:
            response = with_members(reply, **prepared.shown) if prepared.shown else msgspec.Raw(reply)
            await self.keep(prepared, response, deadline)
        except ValueError:
            return reply  # of a shape that nobody knows, but paid for
        except StoreUnavailable:
            return bytes(response)  # paid for too; asking for it by its id will say what is wrong
        return bytes(response)

    def recorder(self, prepared: Prepared) -> StreamRecorder | None:
        """For a streamed answer: its `response` is to be kept before the client sees it. None: nobody needs one."""
        return StreamRecorder(prepared.shown) if prepared.kept or prepared.shown else None

    async def keep(self, prepared: Prepared, response: msgspec.Raw, deadline: float = math.inf) -> None:
        """Puts a response into the store. Raises ValueError where it is none.

        After `deadline` what is on its way there is not waited for: whoever asked is answered in time.
        """
        if prepared.kept:
            kept = Kept(response, prepared.input, prepared.follows())
            with trio.CancelScope(deadline=deadline):
                await self._store.put(kept.head.id, prepared.owner, kept.to_bytes(), ttl_s=self._ttl_s)

    async def keep_events(self, response_id: str, owner: str, log: EventLog) -> None:
        """Puts the events of a streamed response beside it. Raises StoreUnavailable."""
        await self._store.put(response_id, _events_of(owner), log.to_bytes(), ttl_s=self._ttl_s)

    async def events(self, response_id: str, owner: str) -> EventLog | None:
        """None for a response that is not streamed in the background, or whose events had to go."""
        value = await self._store.get(response_id, _events_of(owner))
        return None if value is None else read_log(value)

    async def find(self, response_id: str, owner: str) -> Kept | None:
        value = await self._store.get(response_id, owner)
        return None if value is None else read_kept(value)

    async def get(self, response_id: str, owner: str) -> Kept:
        """Raises NotFound, also for another's response."""
        kept = await self.find(response_id, owner)
        if kept is None:
            raise unknown(response_id)
        return kept

    async def delete(self, response_id: str, owner: str) -> None:
        """Raises NotFound."""
        if not await self._store.delete(response_id, owner):
            raise unknown(response_id)
        await self._store.delete(response_id, _events_of(owner))

    async def _resolve(
        self, items: list[msgspec.Raw], owner: str, previous: Kept | None
    ) -> tuple[list[msgspec.Raw], bool]:
        """The items with those in place that only an id refers to, and whether there were any."""
        found, resolved = [], False
        for number, item in enumerate(items, 1):
            if number % _ITEMS_A_TURN == 0:
                await trio.lowlevel.checkpoint()
            item_id = reference_of(item)
            referred = None if item_id is None else await self._item(item_id, owner, previous)
            resolved = resolved or referred is not None
            found.append(item if referred is None else referred)
        return found, resolved

    async def _item(self, item_id: str, owner: str, previous: Kept | None) -> msgspec.Raw | None:
        if previous is not None and (item := previous.item(item_id)) is not None:
            return item
        place = place_of(item_id)
        kept = await self.find(place.response_id, owner) if place is not None else None
        return item_at(kept, place, item_id) if kept is not None and place is not None else None


def owner_of(caller: Caller) -> str:
    """Whose responses a caller's are: the client key's, else those of the key that is passed through to providers."""
    if caller.label or caller.own_key is None:
        return caller.label
    return sha256(caller.own_key.encode()).hexdigest()


def _events_of(owner: str) -> str:
    """Whose its events are: nobody's who could ask for them as for a response."""
    return f"events\n{owner}"


def unknown(response_id: str) -> NotFound:
    return NotFound(f"Response with id '{response_id}' not found.", param="response_id")


def _check_background(request: ResponsesRequest) -> None:
    if not request.background:
        return
    if not request.kept:
        message = "Invalid 'background': a response that runs in the background has to be stored."
        raise InvalidRequest(message, param="background")
