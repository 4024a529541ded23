"""Gemini's error answers, read."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.gemini.errors import read_error
from gateway.dialects.openai_errors import ProviderMessage
from tests.dialects.gemini.answers import as_json


def error(code: int | None, status: str, *details: dict[str, Any], message: str = "No.") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
DAILY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}


def delay(text: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            error(400, "INVALID_ARGUMENT"),
            ProviderMessage("No.", "invalid_request_error", "invalid_argument", 400),
        ),
        (
            error(400, "INVALID_ARGUMENT", BAD_KEY),
            ProviderMessage("No.", "authentication_error", "invalid_api_key", 401),
        ),
        (error(403, "PERMISSION_DENIED"), ProviderMessage("No.", "permission_error", "permission_denied", 403)),
        (error(404, "NOT_FOUND"), ProviderMessage("No.", "invalid_request_error", "not_found", 404)),
        (
            error(429, "RESOURCE_EXHAUSTED", {"links": []}, delay("48s")),
            ProviderMessage("No.", "rate_limit_error", "rate_limit_exceeded", 429, retry_after=48.0),
        ),
        (
            error(400, "RESOURCE_EXHAUSTED", delay("0.25s")),
            ProviderMessage("No.", "rate_limit_error", "rate_limit_exceeded", 429, retry_after=0.25),
        ),
        (
            error(429, "RESOURCE_EXHAUSTED", DAILY, delay("3600s")),
            ProviderMessage("No.", "insufficient_quota", "insufficient_quota", 429, retry_after=3600.0),
        ),
        (error(503, "UNAVAILABLE"), ProviderMessage("No.", "server_error", "unavailable", 503)),
        (error(None, "DEADLINE_EXCEEDED"), ProviderMessage("No.", "server_error", "deadline_exceeded", 504)),
        (error(None, "SOMETHING_NEW"), ProviderMessage("No.", "server_error", "something_new", None)),
        ({"error": "overloaded"}, ProviderMessage("overloaded")),
    ],
)
def test_errors_in_openais_words(document: dict[str, Any], said: ProviderMessage) -> None:
    assert read_error(as_json(document)) == said
    assert read_error(as_json([document])) == said


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"code": "400", "message": 5, "status": None, "details": 5}},
        {"error": {"details": [5, {"retryDelay": 48}, {"retryDelay": "soons"}, {"retryDelay": "nans"}]}},
        {"error": {"details": [{"reason": ["API_KEY_INVALID"]}, {"violations": [5, {}]}]}},
        {"error": {"code": True, "status": ["x"]}},
    ],
)
def test_members_of_the_wrong_type_say_nothing(document: Any) -> None:
    said = read_error(as_json(document))
    assert said is not None
    assert (said.message, said.status, said.retry_after) == ("", None, None)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b"[5]", b"5", b'{"error": null}', b'{"candidates": []}', b"[" * 5000]
)
def test_a_body_that_is_no_error(body: bytes) -> None:
    assert read_error(body) is None
