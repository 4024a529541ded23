"""Failures in the form that Anthropic's clients know."""

from __future__ import annotations

import json

import anthropic
import pytest
from anthropic.types import ErrorResponse

from actors.errors import DeadlineExceeded, Overloaded
from gateway.dialects.messages.errors import error_body, error_event
from gateway.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidRequest,
    KeyLimited,
    ModelNotFound,
    Unauthorized,
    UpstreamBroken,
    describe,
)
from tests.dialects.messages.official import HELLO, answered

FAILURES = [
    (InvalidRequest("Wrong."), "invalid_request_error", anthropic.BadRequestError),
    (Unauthorized("No key."), "authentication_error", anthropic.AuthenticationError),
    (Forbidden("No."), "permission_error", anthropic.PermissionDeniedError),
    (ModelNotFound("None."), "not_found_error", anthropic.NotFoundError),
    (BodyTooLarge("Too much."), "request_too_large", anthropic.APIStatusError),
    (KeyLimited("Slow down."), "rate_limit_error", anthropic.RateLimitError),
    (UpstreamBroken("Cut."), "api_error", anthropic.InternalServerError),
    (Overloaded("Full."), "overloaded_error", anthropic.InternalServerError),
    (DeadlineExceeded("Late."), "timeout_error", anthropic.InternalServerError),
]


@pytest.mark.parametrize(("failure", "word", "raised"), FAILURES, ids=[word for _, word, _ in FAILURES])
def test_the_official_client_raises_what_it_has_for_the_failure(
    failure: Overloaded, word: str, raised: type[anthropic.APIStatusError]
) -> None:
    description = describe(failure)
    body = error_body(description, "req_1")
    with answered(body, description.status) as client, pytest.raises(raised) as caught:
        client.messages.create(model="m", max_tokens=1, messages=HELLO)
    assert caught.value.body == {
        "type": "error",
        "error": {"type": word, "message": description.message},
        "request_id": "req_1",
    }


def test_the_body_is_of_the_official_type() -> None:
    error = ErrorResponse.model_validate_json(error_body(describe(InvalidRequest("Wrong."))))
    assert (error.error.type, error.error.message) == ("invalid_request_error", "Wrong.")


def test_a_field_that_the_message_does_not_name_stands_before_it() -> None:
    failure = InvalidRequest("Expected a string.", param="messages[0].role")
    assert json.loads(error_body(describe(failure)))["error"]["message"] == "messages[0].role: Expected a string."


def test_the_same_as_an_event() -> None:
    assert error_event(describe(UpstreamBroken("Cut."))) == (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"Cut."}}\n\n'
    )
