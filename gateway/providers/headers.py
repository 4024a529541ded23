"""Which of a provider's response headers reach the client.

What is not known to be of use stays here: the rest are a connection's own, cookies, a CDN's, or name our account.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gateway.dialects.envelope import RawHeaders

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
_LONGEST: Final = 1024
"""No value of these is a tenth as long; proxies in front of us refuse an answer whose head is too large for them."""


def useful_headers(headers: RawHeaders, *, content_type: bytes) -> RawHeaders:
    """The client's share of `headers`, with the content type that the body really has.

    The provider's request id goes by another name: `x-request-id` is the gateway's.
    """
    kept = [(b"content-type", content_type)]
    for name, value in headers:
        shown_name = _shown_name(name)
        if shown_name is not None and len(value) <= _LONGEST:
            kept.append((shown_name, value))
    return kept


def json_content_type(headers: RawHeaders) -> bytes:
    """The content type of a JSON body: as the provider says it, unless it calls JSON something else."""
    for name, value in headers:
        if name == b"content-type" and _says_json(value):
            return value
    return b"application/json"


@lru_cache(maxsize=256)
def _says_json(content_type: bytes) -> bool:
    """Remembered, since a provider says the same with every answer."""
    return b"json" in content_type.lower()


@lru_cache(maxsize=1024)
def _shown_name(name: bytes) -> bytes | None:
    """What the client sees `name` as, None where it does not; remembered, since every answer has the same names."""
    if name == b"x-request-id":
        return b"x-upstream-request-id"
    is_useful = name in _USEFUL or (name.startswith(_USEFUL_PREFIXES) and name not in _OURS_ALONE)
    return name if is_useful else None
