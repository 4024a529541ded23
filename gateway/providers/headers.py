"""Which of a provider's response headers reach the client.

What is not known to be of use stays here: the rest are a connection's own, cookies, a CDN's, or name our account.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

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
_JSON: Final = b"application/json"
_LONGEST: Final = 1024
"""No value of these is a tenth as long; proxies in front of us refuse an answer whose head is too large for them."""


def useful_headers(headers: RawHeaders, *, content_type: bytes) -> RawHeaders:
    """The client's share of `headers`, with the content type that the body really has.

    The provider's request id goes by another name: `x-request-id` is the gateway's.
    """
    kept = [(b"content-type", content_type)]
    for place, shown_name in _shown(tuple([name for name, _ in headers])):
        value = headers[place][1]
        if len(value) <= _LONGEST:
            kept.append((shown_name, value))
    return kept


def json_content_type(headers: RawHeaders) -> bytes:
    """The content type of a JSON body: as the provider says it, unless it calls JSON something else."""
    for name, value in headers:
        if name == b"content-type" and (value == _JSON or _says_json(value)):
            return value
    return _JSON


@lru_cache(maxsize=256)
def _says_json(content_type: bytes) -> bool:
    """Remembered, since a provider says the same with every answer."""
    return b"json" in content_type.lower()


@lru_cache(maxsize=64)
def _shown(names: tuple[bytes, ...]) -> tuple[tuple[int, bytes], ...]:
    """Which of them the client sees, and as what; remembered, since a provider's answers have the same names."""
    shown = ((place, _shown_name(name)) for place, name in enumerate(names))
    return tuple((place, shown_name) for place, shown_name in shown if shown_name is not None)


def _shown_name(name: bytes) -> bytes | None:
    """What the client sees `name` as, None where it does not."""
    if name == REQUEST_ID:
        return b"x-upstream-request-id"
    is_useful = name in _USEFUL or (name.startswith(_USEFUL_PREFIXES) and name not in _OURS_ALONE)
    return name if is_useful else None
