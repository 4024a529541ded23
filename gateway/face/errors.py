"""Failures as HTTP answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from actors.errors import Failure
from gateway.dialects.openai_errors import error_body
from gateway.errors import Description, InsufficientQuota, Unauthorized, UpstreamError, describe
from gateway.exchange import Answer, Headers
from gateway.face.provenance import NO_RETRY, without_ours

RenderError = Callable[[Description], bytes]
"""An error body in the client's dialect."""

JSON: Final = (b"content-type", b"application/json")
EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_CHALLENGE: Final = (b"www-authenticate", b"Bearer")
_PATIENCE_S: Final = 1.0
"""Asked for where a refusal is ours to lift soon but nobody said when."""


def error_answer(failure: Failure, render: RenderError = error_body) -> Answer:
    """`failure` for a client. A provider's own error keeps its status, body and headers."""
    if isinstance(failure, UpstreamError) and failure.body:
        headers = _with_retry_after([*without_ours(failure.headers)], failure.retry_after)
        return Answer(failure.status, headers, failure.body)
    description = describe(failure)
    headers = [JSON]
    if isinstance(failure, Unauthorized):
        headers.append(_CHALLENGE)
    if isinstance(failure, InsufficientQuota):
        headers.append(NO_RETRY)
    retry_after = description.retry_after
    if retry_after is None and description.status == 503 and failure.retryable:
        retry_after = _PATIENCE_S
    return Answer(description.status, _with_retry_after(headers, retry_after), render(description))


def _with_retry_after(headers: Headers, seconds: float | None) -> Headers:
    """Adds what is not there yet: whole seconds for HTTP (RFC 9110), milliseconds for OpenAI's clients."""
    if seconds is None:
        return headers
    present = {name for name, _ in headers}
    if b"retry-after" not in present:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(seconds))))
        if b"retry-after-ms" not in present:
            headers.append((b"retry-after-ms", b"%d" % max(1, math.ceil(seconds * 1000))))
    return headers
