"""What the gateway must know of a provider over HTTP, in whichever dialect: where it is, how it is asked, how its
errors are to be taken. A Profile is data; what differs between providers stands in one small file each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.dialects.openai_errors import ProviderMessage, read_error

RawHeader = tuple[bytes, bytes]


class Origin(NamedTuple):
    """What a connection is made to."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One provider. The flags say where it departs from OpenAI."""

    name: str
    origin: Origin
    base_path: bytes
    """What stands before every path of the API: `/v1`, or nothing."""
    sends_usage_unasked: bool = False
    """Streams carry usage whether asked for or not, so that the gateway neither asks for it nor hides it."""
    offers_responses: bool = False
    """It has OpenAI's /responses beside /chat/completions."""
    reasons_in_responses: bool = False
    """Its models hand their reasoning out, encrypted, only through /responses."""
    counts_tokens: bool = False
    """It has /responses/input_tokens."""
    terminates_responses: bool = False
    """Streams of responses end with `[DONE]`, which OpenAI's own do not have."""
    retries_conflicts: bool = False
    """A 409 means "busy, ask again" here."""
    exhausted_codes: frozenset[str] = frozenset()
    """Error codes of a 429 or a 402 that waiting does not cure: the account is used up."""
    exhausted_phrases: tuple[str, ...] = ()
    """The same, said in words alone, whatever the status: parts of the message, in lower case."""
    window_codes: frozenset[str] = frozenset()
    """Error codes that say: more tokens than the model's context window holds."""
    window_phrases: tuple[str, ...] = ()
    """The same, from a provider whose codes do not say it: parts of the message, in lower case."""
    resets_in_metadata: bool = False
    """A 429's limits stand in the error object's `metadata.headers`, the reset in milliseconds since the epoch."""
    headers: tuple[RawHeader, ...] = ()
    """Sent with every request."""
    key_header: bytes = b"authorization"
    """The header that carries the provider's key."""
    key_prefix: bytes = b"Bearer "
    """What stands before the key in it."""
    read_error: Callable[[bytes], ProviderMessage | None] = read_error
    """What an error answer in the provider's own dialect says; None for a body that is none."""

    def target(self, path: bytes) -> bytes:
        """The request target of `path` (which begins with a slash)."""
        return self.base_path + path

    def authorize(self, key: str) -> RawHeader:
        """The header that carries the provider's key."""
        return self.key_header, self.key_prefix + key.encode()


def parse_base_url(url: str) -> tuple[Origin, bytes]:
    """An address in the form of the provider's official client, cut into origin and path. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https address")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Origin(parts.scheme, parts.hostname, port), parts.path.rstrip("/").encode()
