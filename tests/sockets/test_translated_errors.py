"""Every provider's errors in every client's dialect: the right status, words and patience, and the official client
raises what it raises for an error of its own provider.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import anthropic
import openai
import pytest

from tests.shared_material import Recording, recordings
from tests.sockets.asks import ASKS, Clients, translated
from tests.sockets.moves import FAMILIES, name_for
from tests.sockets.upstream import Upstream

WORDS = "The provider's own words."
SOON = (("retry-after-ms", "1"),)
ATTEMPTS = 3
"""What the gateway makes of one request at most."""


class Fault(NamedTuple):
    """What a provider answers, and what that is to a client."""

    family: str
    status: int
    body: bytes
    told: int
    code: str
    """In OpenAI's words."""
    attempts: int = 1
    fields: tuple[tuple[str, str], ...] = ()
    retry_after: str | None = None
    message: str = WORDS


def claude(status: int, kind: str, code: str, message: str = WORDS, **more: Any) -> Fault:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}
    return Fault("claude", status, json.dumps(error).encode(), status, code, message=message, **more)


def gemini(status: int, word: str, told: int, code: str, *details: dict[str, Any], **more: Any) -> Fault:
    error = {"code": status, "message": WORDS, "status": word, "details": list(details)}
    return Fault("gemini", status, json.dumps({"error": error}).encode(), told, code, **more)


def chat(family: str, status: int, told: int, word: str, /, **error: Any) -> Fault:
    body = json.dumps({"error": {"message": WORDS, **error}}).encode()
    return Fault(family, status, body, told, word)


def _retry_info(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
QUOTA_OF_THE_DAY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
PAGE = b"<html><body>Bad gateway at 10.0.0.7</body></html>"
DEEPSEEK, OPENROUTER, OPENAI = "deepseek", "anthropic/claude", "gpt"

FAULTS = {
    "gemini, a bad key": gemini(400, "INVALID_ARGUMENT", 401, "invalid_api_key", BAD_KEY),
    "gemini, a wrong field": gemini(400, "INVALID_ARGUMENT", 400, "invalid_request_error"),
    "gemini, forbidden": gemini(403, "PERMISSION_DENIED", 403, "forbidden"),
    "gemini, no such model": gemini(404, "NOT_FOUND", 404, "model_not_found"),
    "gemini, the minute's quota": gemini(
        429, "RESOURCE_EXHAUSTED", 429, "rate_limit_exceeded", _retry_info("48s"), retry_after="48"
    ),
    "gemini, the minute's quota as a 400": gemini(
        400, "RESOURCE_EXHAUSTED", 429, "rate_limit_exceeded", _retry_info("48s"), retry_after="48"
    ),
    "gemini, the day's quota": gemini(429, "RESOURCE_EXHAUSTED", 429, "insufficient_quota", QUOTA_OF_THE_DAY),
    "gemini, overloaded": gemini(503, "UNAVAILABLE", 503, "overloaded", _retry_info("0.02s"), attempts=ATTEMPTS),
    "gemini, a proxy's page": Fault(
        "gemini", 502, PAGE, 502, "upstream_error", ATTEMPTS, SOON, message="google answered with status 502."
    ),
    "claude, a wrong field": claude(400, "invalid_request_error", "invalid_request_error"),
    "claude, no credit": claude(
        400, "invalid_request_error", "insufficient_quota", "Your credit balance is too low to access the API."
    ),
    "claude, too long": claude(400, "invalid_request_error", "context_length_exceeded", "prompt is too long: 9 > 8"),
    "claude, a bad key": claude(401, "authentication_error", "invalid_api_key"),
    "claude, forbidden": claude(403, "permission_error", "forbidden"),
    "claude, no such model": claude(404, "not_found_error", "model_not_found"),
    "claude, too large": claude(413, "request_too_large", "request_too_large"),
    "claude, limited": claude(
        429, "rate_limit_error", "rate_limit_exceeded", fields=(("retry-after", "48"),), retry_after="48"
    ),
    "claude, failed": claude(500, "api_error", "upstream_error", attempts=ATTEMPTS, fields=SOON),
    "claude, overloaded": claude(529, "overloaded_error", "overloaded", attempts=ATTEMPTS, fields=SOON),
    "deepseek, unpaid": chat(DEEPSEEK, 402, 402, "insufficient_quota", code="invalid_request_error"),
    "deepseek, under another label": chat(
        DEEPSEEK, 400, 400, "invalid_request_error", code="invalid_request_error"
    )._replace(fields=(("content-type", "application/octet-stream"),)),
    "openrouter, unpaid": chat(OPENROUTER, 402, 402, "insufficient_quota", code=402),
    "openrouter, a bad key": chat(OPENROUTER, 401, 401, "invalid_api_key", code=401),
    "openrouter, a bad key under 200": chat(OPENROUTER, 200, 401, "invalid_api_key", code=401),
    "openrouter, forbidden": chat(OPENROUTER, 403, 403, "forbidden", code=403, metadata={"reasons": ["violence"]}),
    "openai, no such model": chat(OPENAI, 404, 404, "model_not_found", code="model_not_found"),
    "openai, used up": chat(
        OPENAI, 429, 429, "insufficient_quota", type="insufficient_quota", code="insufficient_quota"
    ),
    "openai, too long": chat(OPENAI, 400, 400, "context_length_exceeded", code="context_length_exceeded"),
}
OPENAI_CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    413: openai.APIStatusError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}
ANTHROPIC_CLASSES: dict[int, tuple[type[anthropic.APIStatusError], str]] = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    402: (anthropic.APIStatusError, "billing_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    413: (anthropic.APIStatusError, "request_too_large"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    502: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.InternalServerError, "overloaded_error"),
    529: (anthropic.InternalServerError, "overloaded_error"),
}
TYPES = {
    "insufficient_quota": "insufficient_quota",
    "rate_limit_exceeded": "rate_limit_error",
    "upstream_error": "server_error",
    "overloaded": "server_error",
}
"""Of OpenAI's error objects, by code; all others are wrong requests."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("dialect", "fault"),
    [
        pytest.param(dialect, fault, id=f"{dialect}-{name}")
        for dialect in ASKS
        for name, fault in FAULTS.items()
        if dialect == "messages" or translated(dialect, fault.family)
    ],
)
def test_a_providers_error_is_one_of_the_clients_own_provider(
    hasty: Clients, upstream: Upstream, dialect: str, fault: Fault, stream: bool
) -> None:
    model = upstream.plays(lambda asked: asked.answer(fault.status, fault.body, fault.fields), family=fault.family)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as told:
        ASKS[dialect](hasty, name_for(model), stream)
    error = told.value
    assert error.status_code == fault.told
    assert fault.message in error.message
    assert "10.0.0.7" not in str(error.body)
    assert_words(dialect, error, fault)
    headers = error.response.headers
    assert len(upstream.asked(model)) == fault.attempts == int(headers["x-gateway-attempts"])
    if fault.attempts == 1:
        assert headers.get("retry-after") == fault.retry_after


def assert_words(dialect: str, error: Any, fault: Fault) -> None:
    if dialect != "messages":
        assert isinstance(error, OPENAI_CLASSES[fault.told])
        assert (error.code, error.type) == (fault.code, TYPES.get(fault.code, "invalid_request_error"))
        return
    kind, word = ANTHROPIC_CLASSES[fault.told]
    assert isinstance(error, kind)
    assert (error.body["type"], error.body["error"]["type"]) == ("error", word)
    if fault.told == 529:
        assert type(error).__name__ == "OverloadedError"


# Recorded ones.

ERRORS = [
    each
    for provider, apis in {
        "anthropic": ("messages",),
        "google": ("generateContent", "streamGenerateContent"),
        "openai": ("chat",),
        "deepseek": ("chat",),
        "openrouter": ("chat",),
    }.items()
    for api in apis
    for each in recordings(provider, api=api, where=lambda each: each.status >= 400)
]


@pytest.mark.parametrize("recording", ERRORS)
def test_a_recorded_error_is_heard_by_every_client(hasty: Clients, upstream: Upstream, recording: Recording) -> None:
    """Whatever it is labelled as, and streamed or not."""
    fields = [(name.decode(), value.decode()) for name, value in recording.response_headers]
    (said, *_) = _as_list(json.loads(recording.response))
    hurry = {"X-Gateway-Timeout": "0.2"}  # not all of them say when to come again
    hurried = Clients(
        hasty.openai.with_options(default_headers=hurry), hasty.anthropic.with_options(default_headers=hurry)
    )
    for dialect, ask in ASKS.items():
        for stream in (False, True):
            model = upstream.plays(
                lambda asked: asked.answer(recording.status, recording.response, fields),
                family=FAMILIES[recording.provider],
            )
            with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as told:
                ask(hurried, name_for(model), stream)
            assert told.value.status_code == recording.status, dialect
            assert said["error"]["message"] in _unescaped(str(told.value.body))
            assert told.value.response.headers["content-type"].startswith("application/json")


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\'", "'")


def _as_list(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]
