"""The gateway's error tree: what each failure is to a caller, said once.

GatewayError(Failure)            status, type, code of the OpenAI error object; param names the field
├── InvalidRequest               400  the request is wrong; `param` names where
│   ├── BodyTooLarge             413
│   ├── UnsupportedCoding        415
│   └── HeadersTooLarge          431
├── Unauthorized                 401  no key, or one that nobody knows
├── Forbidden                    403
│   └── ModelForbidden           403  the client's key may not ask for this model
├── NotFound                     404  no such path or object
│   ├── ToolNotFound             404
│   └── ModelNotFound            404
│       └── ProviderMissing      404  its provider has no key here; the message names the variable
├── MethodNotAllowed             405
├── Conflict                     409  it cannot be done as things are
├── KeyLimited                   429  what is left of the client key's budget is held by calls under way
├── InsufficientQuota            429  the client key's budget is used up; no client asks again
├── MemoryPressure               503
├── StoreUnavailable             503  what is asked for is in the shared store, and that is out of reach
├── UpstreamError                what a provider answered with a status of its own; status and body reach the client
├── ContentFiltered              400  a provider's content filter will not have it; somebody else may
├── UpstreamUnreachable          502  refused, DNS, TLS, connect timeout
├── UpstreamReset                502  closed before the first byte of an answer
├── UpstreamRedirects            502  an answer that points elsewhere, where nobody follows
├── UpstreamBroken               502  closed, stalled or malformed in the middle of an answer
├── ToolResultTooLarge           502  told to the model that called the tool, not to the client
├── ServiceFailed                502  a service beside the gateway: no connection, a 5xx, an answer that is none
├── ServiceRefused               4xx  such a service will not have the request; the status is its own
├── ContextUnavailable           503  a conversation this long is not answered without the Context Management Service
├── AnswerDiffers                502  who was to go on with an answer gave another one
└── UpstreamTooLarge             502  an answer beyond the bound

`describe(failure)` gives the same facts for the failures that actors know (`actors.errors`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from actors.errors import (
    ActorDied,
    Blame,
    CallCrashed,
    Cancelled,
    DeadlineExceeded,
    Failure,
    KeyFault,
    NeverFits,
    Overloaded,
    RateLimited,
    TimedOut,
    Unavailable,
)


class Description(NamedTuple):
    """A failure as an HTTP status and the members of an OpenAI error object."""

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    retry_after: float | None = None


class GatewayError(Failure):
    """A failure with its own place in the OpenAI error format (https://platform.openai.com/docs/guides/error-codes)."""

    status: int = 500
    type: str = "server_error"
    code: str | None = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.param = param


class InvalidRequest(GatewayError):
    status, type, code = 400, "invalid_request_error", "invalid_request_error"


class BodyTooLarge(InvalidRequest):
    status, code = 413, "request_too_large"


class UnsupportedCoding(InvalidRequest):
    status, code = 415, "unsupported_content_encoding"


class HeadersTooLarge(InvalidRequest):
    status, code = 431, "headers_too_large"


class Unauthorized(GatewayError):
    status, type, code = 401, "invalid_request_error", "invalid_api_key"


class Forbidden(GatewayError):
    status, type, code = 403, "invalid_request_error", "forbidden"


class ModelForbidden(Forbidden):
    """With OpenAI's own code for a model that a project may not use."""

    code = "model_not_found"


class NotFound(GatewayError):
    status, type, code = 404, "invalid_request_error", "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"

    def __init__(self, message: str, *, param: str | None = None, providers: Sequence[str] = ()) -> None:
        """`providers` are those of whose keys the message tells."""
        super().__init__(message, param=param)
        self.providers = providers


class ProviderMissing(ModelNotFound):
    """It cannot be had here, as /v1/models says too; no client asks again, and no 5xx alarms for what is configured."""


class ToolNotFound(NotFound):
    code = "tool_not_found"


class MethodNotAllowed(GatewayError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class Conflict(GatewayError):
    status, type, code = 409, "invalid_request_error", "conflict"


class KeyLimited(GatewayError):
    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class InsufficientQuota(GatewayError):
    """As OpenAI says it."""

    status, type, code = 429, "insufficient_quota", "insufficient_quota"


class MemoryPressure(GatewayError):
    status, type, code = 503, "server_error", "memory_pressure"
    retryable = True
    elsewhere = True


class StoreUnavailable(GatewayError):
    """What was being done may have been done all the same: to do it again must be harmless."""

    status, type, code = 503, "server_error", "store_unavailable"


class StoreRefused(StoreUnavailable):
    """It can be reached, and answered this one command with an error."""


class UpstreamError(GatewayError):
    """A provider's own error answer: its status, headers and body reach the client as they are.

    `body` and `headers` are the upstream's (hop-by-hop headers and secrets already taken out).
    """

    status, type, code = 502, "server_error", "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        body: bytes,
        headers: list[tuple[bytes, bytes]],
        retryable: bool,
        elsewhere: bool = False,
        blame: Blame = Blame.NOBODY,
        throttled: bool = False,
        key_fault: KeyFault | None = None,
        wants_window: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.filtered = False
        """A content filter will not have the request."""
        self.status = status
        self.body = body
        self.headers = headers
        self.retryable = retryable
        self.elsewhere = elsewhere
        self.blame = blame
        self.throttled = throttled
        self.key_fault = key_fault
        self.wants_window = wants_window


class ContentFiltered(GatewayError):
    """Only where a fallback stands by: else the refusal is the answer."""

    status, type, code = 400, "invalid_request_error", "content_filter"
    retryable = True
    elsewhere = True


class UpstreamUnreachable(GatewayError):
    status, type, code = 502, "server_error", "upstream_error"
    retryable = True
    blame = Blame.HOST


class UpstreamReset(GatewayError):
    status, type, code = 502, "server_error", "upstream_error"
    retryable = True
    blame = Blame.MODEL


class UpstreamBroken(GatewayError):
    status, type, code = 502, "server_error", "upstream_error"
    retryable = True
    blame = Blame.MODEL


class UpstreamRedirects(GatewayError):
    """Its address in the configuration is not the right one: asking again changes nothing, and no breaker helps."""

    status, type, code = 502, "server_error", "upstream_error"
    retryable = True
    elsewhere = True


class AnswerDiffers(GatewayError):
    status, type, code = 502, "server_error", "upstream_error"
    retryable = True


class UpstreamTooLarge(GatewayError):
    status, type, code = 502, "server_error", "upstream_error"
    blame = Blame.MODEL


class ServiceFailed(GatewayError):
    status, type, code = 502, "server_error", "service_error"
    retryable = True
    blame = Blame.HOST


class ServiceRefused(GatewayError):
    type, code = "invalid_request_error", "service_refused"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ToolResultTooLarge(GatewayError):
    status, type, code = 502, "server_error", "tool_result_too_large"


class ContextUnavailable(GatewayError):
    status, type, code = 503, "server_error", "context_service_unavailable"
    retryable = True


_ACTOR_FAILURES: dict[type[Failure], tuple[int, str, str]] = {
    RateLimited: (429, "rate_limit_error", "rate_limit_exceeded"),
    NeverFits: (413, "invalid_request_error", "request_too_large"),
    Overloaded: (503, "server_error", "overloaded"),
    Unavailable: (503, "server_error", "provider_unavailable"),
    TimedOut: (504, "server_error", "upstream_timeout"),
    DeadlineExceeded: (504, "server_error", "upstream_timeout"),
    ActorDied: (503, "server_error", "provider_unavailable"),
    CallCrashed: (500, "server_error", "internal_error"),
    Cancelled: (503, "server_error", "request_cancelled"),
}


_MORE_TIME: Final = "A longer X-Gateway-Timeout, or timeout of the client, allows more, up to the configured total_s."


def describe(failure: Failure) -> Description:
    """What `failure` is to a caller; a kind nobody mapped is a 500 that says nothing of our insides."""
    if isinstance(failure, GatewayError):
        return Description(
            failure.status, failure.type, failure.code, failure.message, failure.param, failure.retry_after
        )
    for kind in type(failure).__mro__:
        if kind in _ACTOR_FAILURES:
            status, error_type, code = _ACTOR_FAILURES[kind]
            message = f"{failure.message} {_MORE_TIME}" if kind is DeadlineExceeded else failure.message
            return Description(status, error_type, code, message, None, failure.retry_after)
    return Description(500, "server_error", "internal_error", "The gateway failed to handle this request.")
