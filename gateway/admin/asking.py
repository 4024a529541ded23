"""What the admin API's handlers read of a request, and how they answer it."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from gateway.dialects.mistakes import unreadable
from gateway.errors import BodyTooLarge, InvalidRequest
from gateway.exchange import Answer, Request

MAX_BODY_BYTES: Final = 64 * 1024
OPERATOR_HEADER: Final = b"x-gateway-operator"
"""Who acts, in their own words, for the log."""
MAX_OPERATOR: Final = 64

_encode = msgspec.json.Encoder(enc_hook=str).encode

T = TypeVar("T")


def json_answer(document: object, status: int = 200) -> Answer:
    """Never kept by anybody in between: it is true for a moment, and for one reader."""
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    return Answer(status, headers, _encode(document))


def last_part(request: Request) -> str:
    """What stands behind the last slash."""
    return request.path.rpartition("/")[2]


def part_before_last(request: Request) -> str:
    """Whose: `name` of /admin/providers/name/drain."""
    return request.path.split("/")[-2]


def operator_of(request: Request) -> str:
    """Who asks, for the log: the name they give, if they do, and the address they come from."""
    named = request.fields.get(OPERATOR_HEADER, b"").decode("ascii", "replace")[:MAX_OPERATOR]
    peer = request.peer[0]
    return f"{named}@{peer}" if named.isprintable() and named else peer


async def read_body(request: Request, kind: type[T]) -> T:
    """The JSON object of a body, nothing at all as an empty one.

    Raises InvalidRequest whose `param` names the field, BodyTooLarge, Disconnected.
    """
    return understood(await read_object(request), kind)


async def read_object(request: Request) -> dict[str, Any]:
    """The same as it is written."""
    body, more = request.whole_body or b"", request.whole_body is None
    while more and len(body) <= MAX_BODY_BYTES:
        piece, more = await request.receive_body()
        body += piece
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"A body of at most {MAX_BODY_BYTES} bytes is expected here.")
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not a JSON object.") from None


def understood(body: dict[str, Any], kind: type[T]) -> T:
    """Raises InvalidRequest whose `param` names the field."""
    try:
        return msgspec.convert(body, kind)
    except ValueError as wrong:
        raise unreadable(wrong, kind) from None
