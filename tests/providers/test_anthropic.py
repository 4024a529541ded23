"""Anthropic as a provider: how it is asked, and what its errors mean to a client of another dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.errors import Blame
from gateway.dialects.openai_errors import error_body
from gateway.errors import Description, UpstreamError, describe
from gateway.providers.anthropic import profile
from gateway.providers.profile import Origin
from gateway.providers.verdict import upstream_error
from tests.shared_material import Recording, recordings

ANTHROPIC = profile("anthropic", "https://api.anthropic.com")
NOW = 1_754_667_655.0
Headers = list[tuple[bytes, bytes]]


def judged(status: int, kind: str = "x", message: str = "m", headers: Headers | None = None) -> UpstreamError:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return upstream_error(ANTHROPIC, status, headers or [], json.dumps(body).encode(), NOW, translated=True)


def told(failure: UpstreamError) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(failure.body)["error"]
    return error


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://api.anthropic.com", b"/v1/messages"),
        ("https://api.anthropic.com/v1/", b"/v1/messages"),
        ("https://api.deepseek.com/anthropic", b"/anthropic/v1/messages"),
    ],
)
def test_the_address_works_with_and_without_the_version(url: str, target: bytes) -> None:
    assert profile("p", url).target(b"/v1/messages") == target


def test_the_key_goes_up_in_a_header_of_its_own() -> None:
    assert ANTHROPIC.origin == Origin("https", "api.anthropic.com", 443)
    assert ANTHROPIC.authorize("k") == (b"x-api-key", b"k")
    assert ANTHROPIC.headers == ((b"anthropic-version", b"2023-06-01"),)


@pytest.mark.parametrize(
    ("status", "kind", "type_", "code", "retryable"),
    [
        (400, "invalid_request_error", "invalid_request_error", "invalid_request_error", False),
        (401, "authentication_error", "invalid_request_error", "invalid_api_key", False),
        (403, "permission_error", "invalid_request_error", "forbidden", False),
        (404, "not_found_error", "invalid_request_error", "model_not_found", False),
        (413, "request_too_large", "invalid_request_error", "request_too_large", False),
        (418, "something_new", "invalid_request_error", "invalid_request_error", False),
        (429, "rate_limit_error", "rate_limit_error", "rate_limit_exceeded", True),
        (500, "api_error", "server_error", "upstream_error", True),
        (504, "timeout_error", "server_error", "upstream_timeout", True),
        (529, "overloaded_error", "server_error", "overloaded", True),
    ],
)
def test_errors_are_told_in_the_clients_words(status: int, kind: str, type_: str, code: str, retryable: bool) -> None:
    failure = judged(status, kind)
    assert told(failure) == {"message": "m", "type": type_, "param": None, "code": code}
    assert describe(failure)[:4] == (status, type_, code, "m")
    assert failure.retryable is retryable
    assert failure.blame is (Blame.MODEL if status >= 500 else Blame.NOBODY)


def test_an_error_that_came_where_http_had_said_200_has_its_own_status() -> None:
    failure = judged(200, "overloaded_error", "Overloaded")
    assert (failure.status, failure.retryable, failure.throttled) == (529, True, False)
    assert judged(502, "rate_limit_error").throttled


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 3333404 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000, decrease input length",
    ],
)
def test_too_long_a_prompt_wants_a_larger_window_elsewhere(message: str) -> None:
    failure = judged(400, "invalid_request_error", message)
    assert (failure.wants_window, failure.retryable, failure.elsewhere) == (True, True, True)
    assert told(failure)["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        (402, "billing_error", "m"),
    ],
)
def test_an_account_without_credit_is_not_asked_again(status: int, kind: str, message: str) -> None:
    failure = judged(status, kind, message)
    assert (failure.retryable, failure.elsewhere) == (True, True)
    assert told(failure)["code"] == "insufficient_quota"


def test_when_to_come_back_stands_in_the_header() -> None:
    assert judged(429, "rate_limit_error", headers=[(b"retry-after", b"7")]).retry_after == 7.0


def test_a_client_of_the_same_dialect_gets_the_error_as_it_came() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    failure = upstream_error(ANTHROPIC, 529, [], body, NOW)
    assert (failure.body, failure.message, failure.status) == (body, "Overloaded", 529)


@pytest.mark.parametrize("translated", [True, False])
def test_a_page_of_a_proxy_is_replaced_in_the_clients_dialect(translated: bool) -> None:
    def compose(description: Description) -> bytes:
        return b"mine:" + error_body(description)

    page = b"<html>10.0.0.7</html>"
    failure = upstream_error(ANTHROPIC, 502, [], page, NOW, compose=compose, translated=translated)
    assert failure.body.startswith(b"mine:")
    assert b"anthropic answered with status 502." in failure.body
    assert b"10.0.0.7" not in failure.body


@pytest.mark.parametrize(
    "recording", recordings("anthropic", api="messages", where=lambda recording: recording.status != 200)
)
def test_recorded_errors_keep_status_and_message(recording: Recording) -> None:
    body, headers = recording.response, recording.response_headers
    failure = upstream_error(ANTHROPIC, recording.status, headers, body, NOW, translated=True)
    message = json.loads(body)["error"]["message"]
    assert (failure.status, failure.message, told(failure)["message"]) == (recording.status, message, message)
    assert failure.wants_window is message.startswith("prompt is too long")
