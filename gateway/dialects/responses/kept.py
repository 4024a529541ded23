"""Responses, what is kept of one and what can be done with it: continue it, page through its input, fail or cancel it.

Input items are kept as the client wrote them. Their ids are made when they are listed, from the response's id and
their place, so that an item that only an id refers to is found again without an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gateway.errors import InvalidRequest

RESPONSE_PREFIX: Final = "resp_"

_INPUT_MARK: Final = "in"
_PREFIXES: Final = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}
_NULL: Final = msgspec.Raw(b"null")

_encode = msgspec.json.Encoder().encode
_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Head(msgspec.Struct, gc=False):
    """What is read of a response."""

    id: str
    status: str = ""
    background: bool | None = None
    output: list[msgspec.Raw] = []


class _Reference(msgspec.Struct, gc=False):
    """What is read of an item."""

    type: str | None = None
    id: str | None = None
    role: str | None = None


class Kept(msgspec.Struct):
    """A response and the whole input that it answered, as they lie in the store."""

    response: msgspec.Raw
    input: list[msgspec.Raw]
    follows: list[msgspec.Raw] = []
    """What stands for its output where it is continued, with the tools that the gateway has run; empty: the output."""

    @property
    def head(self) -> _Head:
        return _head_decoder.decode(self.response)

    def item(self, item_id: str) -> msgspec.Raw | None:
        """The item with that id of its own, in the output or in the input."""
        for item in (*self.head.output, *self.follows, *self.input):
            if _reference_decoder.decode(item).id == item_id:
                return item
        return None

    def to_bytes(self) -> bytes:
        return _encode(self)


_head_decoder = msgspec.json.Decoder(_Head)
_reference_decoder = msgspec.json.Decoder(_Reference)
_kept_decoder = msgspec.json.Decoder(Kept)


class Place(NamedTuple):
    """Where an item stands."""

    response_id: str
    ordinal: int
    in_input: bool


def read_kept(value: bytes) -> Kept:
    return _kept_decoder.decode(value)


def items_of(given: msgspec.Raw) -> list[msgspec.Raw]:
    """The items of a request's `input`; a string is a message of the user's."""
    if given == _NULL:
        return []
    if bytes(memoryview(given)[:1]) == b'"':
        return [msgspec.Raw(_encode({"type": "message", "role": "user", "content": given}))]
    return _items_decoder.decode(given)


def continued(previous: Kept) -> list[msgspec.Raw]:
    """The input of the turn after `previous`, but for what the client adds. Raises InvalidRequest where it has no end.

    Its instructions are not carried over, as the specification wants.
    """
    head = previous.head
    if head.status not in ("completed", "incomplete"):
        raise InvalidRequest(
            f"Previous response '{head.id}' cannot be continued: it is {head.status or 'unknown'}.",
            param="previous_response_id",
        )
    return [*previous.input, *(previous.follows or head.output)]


def reference_of(item: msgspec.Raw) -> str | None:
    """The id that the item stands for; None for an item that is there itself."""
    try:
        found = _reference_decoder.decode(item)
    except msgspec.ValidationError:
        return None  # whoever decodes the request says what is wrong with it
    if found.type == "item_reference" or (found.type is None and found.role is None):
        return found.id
    return None


def place_of(item_id: str) -> Place | None:
    """Where the item with an id of ours stands; None for another's id."""
    _, _, rest = item_id.partition("_")
    bare, _, place = rest.rpartition("_")
    number = place.removeprefix(_INPUT_MARK)
    if not bare or not (number.isascii() and number.isdecimal()):
        return None
    return Place(RESPONSE_PREFIX + bare, int(number), place.startswith(_INPUT_MARK))


def item_at(kept: Kept, place: Place, item_id: str) -> msgspec.Raw | None:
    """The item there; None where there is none, or one of another name."""
    items = kept.input if place.in_input else kept.head.output
    if place.ordinal >= len(items):
        return None
    item = items[place.ordinal]
    if place.in_input:
        return item
    return item if _reference_decoder.decode(item).id == item_id else None


def list_input(kept: Kept, *, after: str | None, limit: int, order: str) -> dict[str, Any]:
    """A page of the input items. Raises InvalidRequest for an `after` that is none of them."""
    response_id = kept.head.id
    items = [_shown(item, response_id, index) for index, item in enumerate(kept.input)]
    if order == "desc":
        items.reverse()
    start = 0
    if after is not None:
        ids = [item["id"] for item in items]
        if after not in ids:
            raise InvalidRequest(f"Invalid 'after': '{after}' is no input item of this response.", param="after")
        start = ids.index(after) + 1
    page = items[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(items),
    }


def deleted(response_id: str) -> dict[str, Any]:
    return {"id": response_id, "object": "response", "deleted": True}


def write_count(tokens: int) -> bytes:
    """The answer to a question for the size of an input."""
    return b'{"object":"response.input_tokens","input_tokens":%d}' % tokens


def with_members(document: bytes | msgspec.Raw, /, **members: Any) -> msgspec.Raw:
    """A JSON object with some of its members set. Raises ValueError where it is none."""
    return msgspec.Raw(_encode({**_members_decoder.decode(document), **members}))


def _shown(item: msgspec.Raw, response_id: str, index: int) -> dict[str, Any]:
    """An input item as the specification lists it: with an id, a type, a status and its content as parts."""
    shown: dict[str, Any] = msgspec.json.decode(item)
    kind = shown.setdefault("type", "message")
    if not shown.get("id"):
        bare = response_id.removeprefix(RESPONSE_PREFIX)
        shown["id"] = f"{_PREFIXES.get(kind, 'item')}_{bare}_{_INPUT_MARK}{index}"
    if kind in ("message", "function_call", "function_call_output"):
        shown.setdefault("status", "completed")
    if kind == "message" and isinstance(shown.get("content"), str):
        shown["content"] = _as_parts(shown["content"], shown.get("role"))
    return shown


def _as_parts(text: str, role: object) -> Sequence[dict[str, Any]]:
    if role == "assistant":
        return [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return [{"type": "input_text", "text": text}]
