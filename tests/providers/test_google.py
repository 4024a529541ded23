"""Where Google's models are, how they are asked, and what their errors mean."""

from __future__ import annotations

import msgspec
import pytest

from gateway.providers.google import profile
from gateway.providers.verdict import upstream_error


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://generativelanguage.googleapis.com", b"/v1beta"),
        ("https://generativelanguage.googleapis.com/", b"/v1beta"),
        ("https://generativelanguage.googleapis.com/v1beta", b"/v1beta"),
        ("https://generativelanguage.googleapis.com/v1beta/", b"/v1beta"),
        ("http://127.0.0.1:8000/google/v1alpha", b"/google/v1alpha"),
        ("http://127.0.0.1:8000/proxy", b"/proxy/v1beta"),
        ("http://127.0.0.1:8000/v1/publishers/google", b"/v1/publishers/google"),
    ],
)
def test_the_version_is_added_where_the_address_lacks_it(url: str, path: bytes) -> None:
    assert profile("google", url).target(b"/models") == path + b"/models"


def test_the_key_has_a_header_of_its_own() -> None:
    assert profile("google", "https://example.com").authorize("k") == (b"x-goog-api-key", b"k")


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="address"):
        profile("google", "example.com")


def judged(code: int, status: str, message: str = "No.", *details: dict[str, object]) -> tuple[object, ...]:
    body = {"error": {"code": code, "message": message, "status": status, "details": details}}
    failure = upstream_error(
        profile("google", "https://example.com"), code, [], msgspec.json.encode(body), 0.0, translated=True
    )
    error = msgspec.json.decode(failure.body)["error"]
    return failure.status, error["code"], failure.retryable, failure.elsewhere, failure.retry_after


def test_a_bad_key_is_the_clients_401() -> None:
    assert judged(400, "INVALID_ARGUMENT", "API key not valid.", {"reason": "API_KEY_INVALID"}) == (
        401,
        "invalid_api_key",
        False,
        False,
        None,
    )


def test_a_quota_says_in_its_body_when_to_come_again() -> None:
    assert judged(429, "RESOURCE_EXHAUSTED", "Slow down.", {"retryDelay": "48s"}) == (
        429,
        "rate_limit_exceeded",
        True,
        False,
        48.0,
    )


def test_a_quota_of_the_day_is_used_up() -> None:
    violation = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}
    status, _, _, elsewhere, _ = judged(429, "RESOURCE_EXHAUSTED", "No more.", violation)
    assert (status, elsewhere) == (429, True)


def test_a_prompt_that_is_too_long_wants_a_larger_window() -> None:
    message = "The input token count (1200001) exceeds the maximum number of tokens allowed (1048576)."
    body = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
    failure = upstream_error(profile("google", "https://example.com"), 400, [], msgspec.json.encode(body), 0.0)
    assert failure.wants_window
