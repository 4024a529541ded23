"""Where providers are and what they are sent."""

from __future__ import annotations

import pytest

from gateway.config.defaults import default_providers
from gateway.config.settings import CloudProvider
from gateway.face.provenance import ATTEMPTS, COST, MODEL, PROVIDER
from gateway.providers.directory import profile_of
from gateway.providers.headers import read_head
from gateway.providers.profile import Origin, parse_base_url


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.openai.com/v1", ("https", "api.openai.com", 443), b"/v1"),
        ("https://api.openai.com/v1/", ("https", "api.openai.com", 443), b"/v1"),
        ("https://api.deepseek.com", ("https", "api.deepseek.com", 443), b""),
        ("http://127.0.0.1:8000/v1", ("http", "127.0.0.1", 8000), b"/v1"),
        ("http://[::1]:11434/v1", ("http", "::1", 11434), b"/v1"),
        ("http://localhost", ("http", "localhost", 80), b""),
    ],
)
def test_an_address_is_an_origin_and_a_path(url: str, origin: tuple[str, str, int], path: bytes) -> None:
    assert parse_base_url(url) == (Origin(*origin), path)


@pytest.mark.parametrize("url", ["", "api.openai.com", "ftp://x", "https://", "http://h:x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_base_url(url)


def test_the_key_goes_up_as_a_bearer_token() -> None:
    profile = profile_of("openai", "openai", "https://api.openai.com/v1")
    assert profile.authorize("k") == (b"authorization", b"Bearer k")
    assert profile.target(b"/chat/completions") == b"/v1/chat/completions"


def test_a_provider_of_ones_own_is_taken_for_openai() -> None:
    profile = profile_of("openai", "my-vllm", "http://127.0.0.1:8000/v1")
    assert profile.name == "my-vllm"
    assert "context_length_exceeded" in profile.window_codes
    assert not profile.sends_usage_unasked


@pytest.mark.parametrize(
    ("name", "said", "responses", "reasoning"),
    [
        ("openai", None, True, True),
        ("openai", False, False, False),
        ("openrouter", None, True, False),
        ("openrouter", False, False, False),
        ("deepseek", None, False, False),
        ("azure", None, False, False),
        ("azure", True, True, True),
    ],
)
def test_who_has_responses_can_be_said(name: str, said: bool | None, responses: bool, reasoning: bool) -> None:
    """OpenRouter hands reasoning out in chat completions too; OpenAI, and who serves its API whole, only there."""
    profile = profile_of("openai", name, "http://127.0.0.1:8000/v1", responses=said)
    assert (profile.offers_responses, profile.reasons_in_responses) == (responses, reasoning)


def test_what_the_configuration_takes_for_granted_is_what_is_known() -> None:
    for name, provider in default_providers().items():
        if isinstance(provider, CloudProvider):
            assert provider.responses is profile_of(provider.kind, name, provider.base_url).offers_responses


def test_only_useful_headers_reach_the_client() -> None:
    """Nothing of the connection, of a CDN, of cookies, whose account was used, or what the gateway says itself."""
    upstream = [
        (b"content-type", b"application/json"),
        (b"content-length", b"5"),
        (b"content-encoding", b"gzip"),
        (b"connection", b"keep-alive"),
        (b"transfer-encoding", b"chunked"),
        (b"set-cookie", b"a=b"),
        (b"server", b"cloudflare"),
        (b"alt-svc", b"h3"),
        (b"cf-ray", b"1"),
        (b"x-internal-host", b"10.0.0.7"),
        (b"openai-organization", b"org"),
        (b"openai-processing-ms", b"12"),
        (b"openai-version", b"2020-10-01"),
        (b"x-ratelimit-remaining-requests", b"9"),
        (b"retry-after", b"1"),
        (b"x-request-id", b"req_1"),
        (b"x-should-retry", b"true"),
        *((name, b"another gateway's") for name in (PROVIDER, MODEL, ATTEMPTS, COST)),
    ]
    assert read_head(upstream).headers_as(b"text/event-stream") == [
        (b"content-type", b"text/event-stream"),
        (b"openai-processing-ms", b"12"),
        (b"openai-version", b"2020-10-01"),
        (b"x-ratelimit-remaining-requests", b"9"),
        (b"retry-after", b"1"),
        (b"x-upstream-request-id", b"req_1"),
    ]


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        (b"application/json; charset=utf-8", b"application/json; charset=utf-8"),
        (b"application/problem+json", b"application/problem+json"),
        (b"application/octet-stream", b"application/json"),
        (b"text/event-stream", b"application/json"),
    ],
)
def test_json_is_called_json(said: bytes, passed: bytes) -> None:
    assert read_head([(b"content-type", said)]).headers == [(b"content-type", passed)]


def test_of_several_content_types_the_first_that_says_json_is_taken() -> None:
    said = [(b"content-type", b"text/html"), (b"content-type", b"text/json"), (b"content-type", b"application/json")]
    assert read_head(said).headers == [(b"content-type", b"text/json")]


def test_what_a_provider_calls_its_answer_is_what_it_says_first() -> None:
    """Anthropic has a name of its own for it; who says nothing has none, and gets JSON's content type."""
    assert read_head([(b"server", b"x"), (b"request-id", b"r\xe9q"), (b"x-request-id", b"other")]).request_id == "réq"
    assert read_head([(b"x-request-id", b"mine"), (b"request-id", b"other")]).request_id == "mine"
    assert read_head([(b"server", b"x")]).request_id is None
    assert read_head([]).headers == [(b"content-type", b"application/json")]


def test_a_value_that_is_too_long_for_a_useful_one_stays_here() -> None:
    """Whether the names are known or not: the value decides."""
    for length, told in ((1025, False), (1024, True), (1025, False)):
        field = (b"openai-version", b"x" * length)
        assert (field in read_head([field]).headers) is told
