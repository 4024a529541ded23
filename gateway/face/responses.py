"""/v1/responses/{id} and its neighbours: what can be done with a response that has been made.

Making one is a call to a model (`model_calls.py`) with a life around it (`response_life.py`).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

import msgspec

from actors.letters import Clock
from gateway.dialects.responses import kept as objects
from gateway.errors import InvalidRequest
from gateway.exchange import Answer, Request
from gateway.face.auth import ClientKeys
from gateway.face.background import BackgroundResponses
from gateway.face.errors import EVENT_STREAM, JSON
from gateway.face.followed_events import EventsBody
from gateway.face.record import RequestRecord
from gateway.face.response_life import ResponseLife, owner_of

RESPONSES_PATH: Final = "/v1/responses"
_DEFAULT_LIMIT: Final = 20
_MOST_ITEMS: Final = 100
_MOST_DIGITS: Final = 12


class Responses:
    """What these endpoints do; each method is one endpoint's work."""

    def __init__(self, life: ResponseLife, background: BackgroundResponses, keys: ClientKeys, clock: Clock) -> None:
        self._life = life
        self._background = background
        self._keys = keys
        self._clock = clock
        self._encode = msgspec.json.Encoder().encode

    async def show(self, request: Request, record: RequestRecord) -> Answer:
        """GET /v1/responses/{id}: as it stands, or its events. Raises NotFound; InvalidRequest where none are kept."""
        response_id, owner = await self._whose(request, record)
        query = _query(request)
        kept = await self._life.get(response_id, owner)
        if query.get("stream", "false") != "true":
            return _json(await self._background.standing(kept, owner))
        number = _next_number(query.get("starting_after"))
        since = await self._background.follow(kept, owner)
        return Answer(200, [EVENT_STREAM], EventsBody(since, number, record, self._clock))

    async def delete(self, request: Request, record: RequestRecord) -> Answer:
        """DELETE /v1/responses/{id}: one that still runs is stopped. Raises NotFound."""
        response_id, owner = await self._whose(request, record)
        await self._background.cancel(response_id, owner)
        await self._life.delete(response_id, owner)
        return _json(self._encode(objects.deleted(response_id)))

    async def cancel(self, request: Request, record: RequestRecord) -> Answer:
        """POST /v1/responses/{id}/cancel. Raises NotFound; InvalidRequest for one that is not in the background."""
        response_id, owner = await self._whose(request, record)
        if not (await self._life.get(response_id, owner)).head.background:
            raise InvalidRequest("Only a response that runs in the background can be cancelled.", param="response_id")
        await self._background.cancel(response_id, owner)
        return _json(await self._background.standing(await self._life.get(response_id, owner), owner))

    async def list_input_items(self, request: Request, record: RequestRecord) -> Answer:
        """GET /v1/responses/{id}/input_items. Raises NotFound, InvalidRequest."""
        response_id, owner = await self._whose(request, record)
        query = _query(request)
        limit, order = _limit(query.get("limit")), query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise InvalidRequest("Invalid 'order': expected asc or desc.", param="order")
        found = await self._life.get(response_id, owner)
        return _json(self._encode(objects.list_input(found, after=query.get("after"), limit=limit, order=order)))

    async def _whose(self, request: Request, record: RequestRecord) -> tuple[str, str]:
        caller = await self._keys.admit(request)
        record.client = caller.label
        response_id, _, _ = request.path.removeprefix(f"{RESPONSES_PATH}/").partition("/")
        return response_id, owner_of(caller)


def _query(request: Request) -> dict[str, str]:
    """The query's parameters; of several of one name the first."""
    return {name: values[0] for name, values in parse_qs(request.query.decode("latin-1")).items()}


def _next_number(starting_after: str | None) -> int:
    """Of the first event to be sent."""
    if starting_after is None:
        return 0
    if not (starting_after.isascii() and starting_after.isdecimal() and len(starting_after) <= _MOST_DIGITS):
        raise InvalidRequest("Invalid 'starting_after': expected the number of an event.", param="starting_after")
    return int(starting_after) + 1


def _limit(given: str | None) -> int:
    if given is None:
        return _DEFAULT_LIMIT
    limit = int(given) if given.isascii() and given.isdecimal() and len(given) <= len(str(_MOST_ITEMS)) else 0
    if not 1 <= limit <= _MOST_ITEMS:
        raise InvalidRequest(f"Invalid 'limit': expected a whole number from 1 to {_MOST_ITEMS}.", param="limit")
    return limit


def _json(body: bytes) -> Answer:
    return Answer(200, [JSON], body)
