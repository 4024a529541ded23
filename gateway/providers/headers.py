"""Which of a provider's response headers reach the client.

What is not known to be of use stays here: the rest are a connection's own, cookies, a CDN's, or name our account.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import Final

import msgspec

from gateway.dialects.envelope import RawHeaders
from gateway.exchange import REQUEST_ID

_USEFUL: Final = frozenset(
    {
        b"apim-request-id",
        b"cache-control",
        b"retry-after",
        b"retry-after-ms",
        b"x-ds-trace-id",
        b"x-envoy-upstream-service-time",
        b"x-generation-id",
    }
)
_USEFUL_PREFIXES: Final = (b"openai-", b"x-ratelimit-")
_OURS_ALONE: Final = frozenset({b"openai-organization", b"openai-project"})
"""They name the account whose key was used."""
_REQUEST_IDS: Final = frozenset({REQUEST_ID, b"request-id"})
"""Where providers name an answer; the second is Anthropic's."""
_CONTENT_TYPE: Final = b"content-type"
_JSON: Final = (_CONTENT_TYPE, b"application/json")
_name_of: Final = itemgetter(0)
_value_of: Final = itemgetter(1)
_LONGEST: Final = 1024
"""No value of these is a tenth as long; proxies in front of us refuse an answer whose head is too large for them."""


class AnswerHead(msgspec.Struct, frozen=True, gc=False):
    """What the gateway takes from the head of an answer."""

    request_id: str | None
    """What the provider calls its answer."""
    headers: RawHeaders
    """The client's share, for a body of JSON: called what the provider calls it, unless it calls it something else.

    The provider's request id goes by another name: `x-request-id` is the gateway's.
    """

    def headers_as(self, content_type: bytes) -> RawHeaders:
        """The client's share, for a body of another type."""
        return [(_CONTENT_TYPE, content_type), *self.headers[1:]]


def read_head(headers: RawHeaders) -> AnswerHead:
    places = _places(tuple(map(_name_of, headers)))
    content_type = _JSON
    for place in places.content_types:
        if _says_json(headers[place][1]):
            content_type = headers[place]
            break
    values = list(map(_value_of, map(headers.__getitem__, places.shown)))
    useful = list(zip(places.shown_names, values, strict=True))
    if max(map(len, values), default=0) > _LONGEST:
        useful = [field for field in useful if len(field[1]) <= _LONGEST]
    named = places.request_id
    return AnswerHead(None if named is None else headers[named][1].decode("latin-1"), [content_type, *useful])


class _Places(msgspec.Struct, frozen=True, gc=False):
    """Where in a head stands what the gateway reads in it, and what the client sees, with the name that it goes by."""

    content_types: tuple[int, ...]
    request_id: int | None
    shown: tuple[int, ...]
    shown_names: tuple[bytes, ...]


@lru_cache(maxsize=64)
def _places(names: tuple[bytes, ...]) -> _Places:
    """Remembered, since a provider's answers have the same names."""
    shown = [(place, shown_name) for place, name in enumerate(names) if (shown_name := _shown_name(name)) is not None]
    return _Places(
        tuple(place for place, name in enumerate(names) if name == _CONTENT_TYPE),
        next((place for place, name in enumerate(names) if name in _REQUEST_IDS), None),
        tuple(place for place, _ in shown),
        tuple(shown_name for _, shown_name in shown),
    )


@lru_cache(maxsize=256)
def _says_json(content_type: bytes) -> bool:
    """Remembered, since a provider says the same with every answer."""
    return b"json" in content_type.lower()


def _shown_name(name: bytes) -> bytes | None:
    """What the client sees `name` as, None where it does not."""
    if name == REQUEST_ID:
        return b"x-upstream-request-id"
    is_useful = name in _USEFUL or (name.startswith(_USEFUL_PREFIXES) and name not in _OURS_ALONE)
    return name if is_useful else None
