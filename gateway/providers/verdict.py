"""What an error answer of a provider means for the call: again, elsewhere or not at all, and whose fault it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.errors import Blame, KeyFault
from gateway.dialects.envelope import RawHeaders
from gateway.dialects.openai_errors import ProviderMessage, error_body
from gateway.errors import Description, UpstreamError
from gateway.providers.headers import read_head
from gateway.providers.profile import Profile
from gateway.providers.retry_after import MOST_S, retry_after, until_epoch_ms

RETRYABLE: Final = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Those that may go better the next time; 52x are Cloudflare's, which stands before most providers."""
_UNAUTHORIZED: Final = 401
_UNPAID: Final = 402
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_TOO_MANY: Final = 429
_REFUSALS: Final = frozenset({400, 403, 422})
_FILTERS: Final = frozenset({"content_filter", "content_policy_violation", "data_inspection_failed"})
"""Error codes of content filters: Azure's, OpenAI's, and that of models hosted in China."""

Compose = Callable[[Description], bytes]
"""How an error's body is written in the client's dialect."""

_MODERATION: Final = frozenset({"reasons", "flagged_input"})
"""Members of OpenRouter's metadata (https://openrouter.ai/docs/api-reference/errors)."""
_UNEXPLAINED: Final = ("server_error", "upstream_error")
_WORDS: Final = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("invalid_request_error", "forbidden"),
    404: ("invalid_request_error", "model_not_found"),
    408: ("server_error", "upstream_timeout"),
    409: ("invalid_request_error", "conflict"),
    413: ("invalid_request_error", "request_too_large"),
    422: ("invalid_request_error", "invalid_request_error"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "overloaded"),
    504: ("server_error", "upstream_timeout"),
    529: ("server_error", "overloaded"),
}
"""Type and code of the OpenAI error object, for an error that another dialect told."""


def upstream_error(
    profile: Profile,
    status: int,
    headers: RawHeaders,
    body: bytes,
    now: float,
    *,
    compose: Compose = error_body,
    translated: bool = False,
) -> UpstreamError:
    """The failure for an error answer; `now` is the wall clock's, for dates.

    The body reaches the client as it is where it is an error object of the client's own dialect. One of another
    dialect (`translated`) is written anew by `compose`, under the status that the object itself names, if any; one that
    stands by itself is put into the form that clients know. What is none (a proxy's page) is replaced too, for it means
    nothing to a client and may name machines.
    """
    said = profile.read_error(body)
    explained = said is not None
    said = said or ProviderMessage()
    if translated:
        status = said.status or status
    too_long = _exceeds_window(profile, status, said)
    exhausted = _is_exhausted(profile, status, said)
    failure = UpstreamError(
        said.message or f"{profile.name} answered with status {status}.",
        status=status,
        body=body,
        headers=read_head(headers).headers,
        retryable=too_long or exhausted or _is_worth_asking_again(profile, status),
        elsewhere=too_long or exhausted,
        blame=Blame.MODEL if status >= 500 else Blame.NOBODY,
        throttled=status == _TOO_MANY,
        key_fault=_key_fault(status, said, exhausted=exhausted),
        wants_window=too_long,
        retry_after=_retry_after(profile, headers, said, now) or None,  # a moment that is over says nothing
    )
    failure.filtered = status in _REFUSALS and bool(_FILTERS & {said.code, said.type})
    if translated or said.is_flat or not explained:
        failure.type, failure.code = _words(failure, exhausted=exhausted, explained=explained)
        failure.body = compose(Description(status, failure.type, failure.code, failure.message))
    return failure


def _is_worth_asking_again(profile: Profile, status: int) -> bool:
    return status in RETRYABLE or (status == _CONFLICT and profile.retries_conflicts)


def _exceeds_window(profile: Profile, status: int, said: ProviderMessage) -> bool:
    if status not in (400, 413, 422):
        return False
    return said.code in profile.window_codes or _says(said, profile.window_phrases)


def _is_exhausted(profile: Profile, status: int, said: ProviderMessage) -> bool:
    if status in (_UNPAID, _TOO_MANY) and profile.exhausted_codes & {said.code, said.type}:
        return True
    return _says(said, profile.exhausted_phrases)


def _key_fault(status: int, said: ProviderMessage, *, exhausted: bool) -> KeyFault | None:
    """What is held against the key: another account's may do this. OpenRouter says 403 of words that it turns down."""
    if status == _UNAUTHORIZED:
        return KeyFault.REFUSED
    if exhausted or status == _UNPAID or (status == _FORBIDDEN and not _MODERATION & said.metadata.keys()):
        return KeyFault.UNFIT
    return None


def _says(said: ProviderMessage, phrases: tuple[str, ...]) -> bool:
    message = said.message.lower()
    return any(phrase in message for phrase in phrases)


def _words(failure: UpstreamError, *, exhausted: bool, explained: bool) -> tuple[str, str]:
    """Type and code in OpenAI's words; without an explanation a 5xx may be anybody's, also a proxy's on the way."""
    if not explained and failure.status >= 500:
        return _UNEXPLAINED
    if failure.wants_window:
        return "invalid_request_error", "context_length_exceeded"
    if exhausted:
        return _WORDS[_UNPAID]
    return _WORDS.get(failure.status, _UNEXPLAINED if failure.status >= 500 else _WORDS[400])


def _retry_after(profile: Profile, headers: RawHeaders, said: ProviderMessage, now: float) -> float | None:
    seconds = retry_after(headers, now)
    if seconds is None and said.retry_after is not None:
        return min(said.retry_after, MOST_S)
    if seconds is None and profile.resets_in_metadata:
        limits = said.metadata.get("headers")
        if isinstance(limits, dict):
            seconds = until_epoch_ms(limits.get("X-RateLimit-Reset"), now)
    return seconds
