"""What the server itself answers when no app can: wrong framing, too much, too slow, shutting down.

InvalidRequest (gateway.errors)  400
├── RequestTimedOut              408  head or body did not come in time
├── ExpectationFailed            417
├── CodingUnsupported            501  a transfer coding other than chunked
├── MethodUnknown                501  no method of HTTP that this server has heard of (RFC 9110 section 15.6.2)
└── VersionUnsupported           505
ShuttingDown                     503  the grace of a drain is over
AppCrashed                       500

BodyTooLarge, HeadersTooLarge and MethodNotAllowed are the gateway's own.
"""

from __future__ import annotations

from gateway.dialects.error_bodies import error_body_at
from gateway.errors import GatewayError, InvalidRequest, describe
from gateway.exchange import REQUEST_ID, Headers


class RequestTimedOut(InvalidRequest):
    status, code = 408, "request_timeout"


class ExpectationFailed(InvalidRequest):
    status, code = 417, "expectation_failed"


class CodingUnsupported(InvalidRequest):
    status, code = 501, "transfer_coding_unsupported"


class MethodUnknown(InvalidRequest):
    status, code = 501, "method_unknown"


class VersionUnsupported(InvalidRequest):
    status, code = 505, "http_version_unsupported"


class ShuttingDown(GatewayError):
    status, type, code = 503, "server_error", "overloaded"

    def __init__(self) -> None:
        super().__init__("The gateway is shutting down.")


class AppCrashed(GatewayError):
    status, type, code = 500, "server_error", "internal_error"


def error_body(refusal: GatewayError, target: bytes) -> bytes:
    """The body of every answer the server makes up, in the dialect of who asks at `target`."""
    return error_body_at(target)(describe(refusal))


def refusal_headers(request_id: bytes) -> Headers:
    """The header fields of all those answers, but for what frames them; b"" is no id."""
    headers = [(b"content-type", b"application/json")]
    if request_id:
        headers.append((REQUEST_ID, request_id))
    return headers
