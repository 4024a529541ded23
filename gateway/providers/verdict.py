"""What an error answer of a provider means for the call: again, elsewhere or not at all, and whose fault it is."""

from __future__ import annotations

from typing import Final

from actors.errors import Blame
from gateway.dialects.envelope import RawHeaders
from gateway.dialects.openai_errors import ProviderMessage, error_body, read_error
from gateway.errors import Description, UpstreamError
from gateway.providers.headers import json_content_type, useful_headers
from gateway.providers.profile import Profile
from gateway.providers.retry_after import retry_after, until_epoch_ms

RETRYABLE: Final = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Those that may go better the next time; 52x are Cloudflare's, which stands before most providers."""
_TOO_MANY: Final = 429
_CONFLICT: Final = 409


def upstream_error(profile: Profile, status: int, headers: RawHeaders, body: bytes, now: float) -> UpstreamError:
    """The failure for an error answer; `now` is the wall clock's, for dates.

    The body reaches the client as it is where it is an error object. Anything else (a proxy's page) is replaced by
    one, for it means nothing to a client and may name machines.
    """
    said = read_error(body)
    if said is None:
        message = f"{profile.name} answered with status {status}."
        said = ProviderMessage(message=message)
        body = error_body(Description(status, "server_error", "upstream_error", message))
    too_long = _exceeds_window(profile, status, said)
    exhausted = status == _TOO_MANY and bool(profile.exhausted_codes & {said.code, said.type})
    conflict = status == _CONFLICT and profile.retries_conflicts
    return UpstreamError(
        said.message or f"{profile.name} answered with status {status}.",
        status=status,
        body=body,
        headers=useful_headers(headers, content_type=json_content_type(headers)),
        retryable=too_long or conflict or status in RETRYABLE,
        elsewhere=too_long or exhausted,
        blame=Blame.MODEL if status >= 500 else Blame.NOBODY,
        throttled=status == _TOO_MANY,
        wants_window=too_long,
        retry_after=_retry_after(profile, headers, said, now),
    )


def _exceeds_window(profile: Profile, status: int, said: ProviderMessage) -> bool:
    if status not in (400, 413, 422):
        return False
    message = said.message.lower()
    return said.code in profile.window_codes or any(phrase in message for phrase in profile.window_phrases)


def _retry_after(profile: Profile, headers: RawHeaders, said: ProviderMessage, now: float) -> float | None:
    seconds = retry_after(headers, now)
    if seconds is None and profile.resets_in_metadata:
        limits = said.metadata.get("headers")
        if isinstance(limits, dict):
            seconds = until_epoch_ms(limits.get("X-RateLimit-Reset"), now)
    return seconds
