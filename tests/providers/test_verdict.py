"""What a provider's error answer means: again, elsewhere or not at all, and whose fault it is."""

from __future__ import annotations

import json

import pytest

from actors.errors import Blame
from gateway.errors import UpstreamError
from gateway.providers.directory import profile_of
from gateway.providers.verdict import upstream_error
from tests.shared_material import Recording, recordings

NOW = 1_754_667_655.0
BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "deepseek": "https://api.deepseek.com",
    "openrouter": "https://openrouter.ai/api/v1",
}


def judge(
    status: int, error: object = None, *, provider: str = "openai", headers: list[tuple[bytes, bytes]] | None = None
) -> UpstreamError:
    body = json.dumps({"error": error or {"message": "m"}}).encode()
    return upstream_error(profile_of("openai", provider, BASE_URLS[provider]), status, headers or [], body, NOW)


@pytest.mark.parametrize(
    ("status", "retryable", "blame"),
    [
        (400, False, Blame.NOBODY),
        (401, False, Blame.NOBODY),
        (402, False, Blame.NOBODY),
        (403, False, Blame.NOBODY),
        (404, False, Blame.NOBODY),
        (408, True, Blame.NOBODY),
        (413, False, Blame.NOBODY),
        (422, False, Blame.NOBODY),
        (429, True, Blame.NOBODY),
        (500, True, Blame.MODEL),
        (501, False, Blame.MODEL),
        (502, True, Blame.MODEL),
        (503, True, Blame.MODEL),
        (504, True, Blame.MODEL),
        (529, True, Blame.MODEL),
    ],
)
def test_the_status_says_whether_to_ask_again_and_whom_to_blame(status: int, retryable: bool, blame: Blame) -> None:
    failure = judge(status)
    assert (failure.status, failure.retryable, failure.blame) == (status, retryable, blame)
    assert failure.throttled is (status == 429)


def test_a_conflict_is_worth_another_try_only_where_the_provider_means_it() -> None:
    assert judge(409).retryable
    assert not judge(409, provider="openrouter").retryable


def test_an_account_that_is_used_up_is_not_asked_again() -> None:
    failure = judge(429, {"message": "m", "type": "insufficient_quota", "code": "insufficient_quota"})
    assert (failure.retryable, failure.elsewhere, failure.throttled) == (True, True, True)


@pytest.mark.parametrize(
    ("provider", "error"),
    [
        ("openai", {"message": "m", "type": "invalid_request_error", "code": "context_length_exceeded"}),
        (
            "deepseek",
            {"message": "This model's maximum context length is 65536 tokens.", "code": "invalid_request_error"},
        ),
        ("openrouter", {"message": "This endpoint's maximum context length is 131072 tokens.", "code": 400}),
    ],
)
def test_too_long_a_prompt_wants_a_larger_window_elsewhere(provider: str, error: object) -> None:
    failure = judge(400, error, provider=provider)
    assert (failure.wants_window, failure.retryable, failure.elsewhere) == (True, True, True)
    assert failure.blame is Blame.NOBODY


def test_openrouter_tells_in_its_metadata_when_to_come_back() -> None:
    error = {"message": "m", "code": 429, "metadata": {"headers": {"X-RateLimit-Reset": "1754667660000"}}}
    assert judge(429, error, provider="openrouter").retry_after == 5.0
    assert judge(429, error, provider="openrouter", headers=[(b"retry-after", b"2")]).retry_after == 2.0
    assert judge(429, error).retry_after is None


@pytest.mark.parametrize("metadata", [None, "x", {"headers": "x"}, {"headers": {"X-RateLimit-Reset": "never"}}])
def test_odd_metadata_says_nothing(metadata: object) -> None:
    assert judge(429, {"message": "m", "metadata": metadata}, provider="openrouter").retry_after is None


def test_a_page_of_a_proxy_is_replaced_by_an_error_object() -> None:
    profile = profile_of("openai", "openai", BASE_URLS["openai"])
    headers = [(b"content-type", b"text/html"), (b"x-request-id", b"r")]
    failure = upstream_error(profile, 502, headers, b"<html>nginx at 10.0.0.7</html>", NOW)
    assert b"10.0.0.7" not in failure.body
    assert json.loads(failure.body)["error"]["message"] == "openai answered with status 502."
    assert failure.headers == [(b"content-type", b"application/json"), (b"x-upstream-request-id", b"r")]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "invalid_request_error", "invalid_api_key"),
        (418, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", "upstream_error"),
        (503, "server_error", "upstream_error"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>nginx</html>", b'{"error":', b'{"detail": []}'])
def test_a_refusal_that_nobody_can_read_is_what_its_status_says(status: int, kind: str, code: str, body: bytes) -> None:
    profile = profile_of("openai", "openai", BASE_URLS["openai"])
    failure = upstream_error(profile, status, [], body, NOW)
    error = json.loads(failure.body)["error"]
    assert (error["type"], error["code"]) == (kind, code)


def test_an_error_that_stands_by_itself_is_put_into_the_form_that_clients_know() -> None:
    """As servers with vLLM's older form answer, https://github.com/vllm-project/vllm."""
    profile = profile_of("openai", "local", "http://127.0.0.1:8000/v1")
    message = "This model's maximum context length is 4096 tokens."
    told = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
    failure = upstream_error(profile, 400, [], json.dumps(told).encode(), NOW)
    assert failure.wants_window
    expected = {
        "message": message,
        "type": "invalid_request_error",
        "param": None,
        "code": "context_length_exceeded",
    }
    assert json.loads(failure.body) == {"error": expected}


@pytest.mark.parametrize(
    "recording",
    recordings("openai", "deepseek", "openrouter", "azure", where=lambda recording: recording.status != 200),
)
def test_recorded_errors_keep_status_body_and_message(recording: Recording) -> None:
    provider = recording.provider if recording.provider in BASE_URLS else "openai"
    profile = profile_of("openai", provider, BASE_URLS[provider])
    failure = upstream_error(profile, recording.status, recording.response_headers, recording.response, NOW)
    assert (failure.status, failure.body) == (recording.status, recording.response)
    assert failure.message == json.loads(recording.response)["error"]["message"]
    assert failure.retryable is (recording.status == 429)
    assert failure.headers[0][0] == b"content-type"
    assert b"json" in failure.headers[0][1]
