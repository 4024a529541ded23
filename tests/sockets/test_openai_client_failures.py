"""The official client, unmodified: each failure is the exception it knows, and its own retries do not multiply ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.sockets import scripts
from tests.sockets.asks import Clients
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.scripts import WORDS, answers, refuses
from tests.sockets.upstream import Asked, Upstream

ASKED = [{"role": "user", "content": "Hello?"}]
ATTEMPTS = 3
"""What the gateway makes of one request at most."""


def ask(client: OpenAI, model: str, **more: object) -> None:
    client.chat.completions.create(model=model, messages=ASKED, **more)


# The gateway's own refusals.


def test_a_wrong_request_names_the_field(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(model="sandbox/echo", messages=[{"content": "no role"}])
    assert (told.value.param, told.value.type) == ("messages[0].role", "invalid_request_error")
    assert told.value.request_id
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(model="sandbox/echo", messages=[])
    assert told.value.param == "messages"


def test_an_unknown_model_or_path_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as told:
        ask(client, "sandbox/nobody")
    assert (told.value.code, told.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("sandbox/nobody")
    with pytest.raises(openai.NotFoundError) as told:
        client.completions.create(model="sandbox/echo", prompt="no longer offered")
    assert told.value.type == "invalid_request_error"


def test_a_provider_without_a_key_is_named_with_its_variable(upstream: Upstream, tmp_path: Path) -> None:
    """And the client does not retry: no number of retries sets a variable."""
    with running(tmp_path) as gateway, OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=2) as client:
        with pytest.raises(openai.NotFoundError, match="OPENAI_API_KEY") as told:
            ask(client, "gpt-4.1")
        assert (told.value.code, told.value.param) == ("model_not_found", "model")
        gateway.wait_for(lambda: len(gateway.logged("request")) == 1, 2.0)


def test_a_body_that_is_too_large_is_refused_at_once(client: OpenAI) -> None:
    """More than the gateway has room for at present, and more than it ever takes."""
    with pytest.raises(openai.APIStatusError) as told:
        client.with_options(max_retries=0).chat.completions.create(
            model="sandbox/echo", messages=[{"role": "user", "content": "x" * (33 << 20)}]
        )
    assert (told.value.status_code, told.value.code) == (413, "request_too_large")


# A provider's.

STATUSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_providers_error_is_the_clients_exception(
    hasty: Clients, upstream: Upstream, status: int, stream: bool
) -> None:
    """With the provider's words, after the gateway's attempts only: the client is told not to retry on top."""
    client = hasty.openai.with_options(max_retries=2)
    script = refuses(status, "The provider's own words.", [("retry-after-ms", "20")], code="its_code")
    model = upstream.plays(script)
    with pytest.raises(STATUSES[status], match="The provider's own words") as told:
        ask(client, model, stream=stream)
    headers = told.value.response.headers
    assert (told.value.status_code, told.value.code) == (status, "its_code")
    spent = ATTEMPTS if status in (429, 500, 503) else 1
    assert len(upstream.asked(model)) == spent
    assert (headers["x-gateway-attempts"], headers["x-should-retry"]) == (str(spent), "false")


def test_an_exhausted_account_is_not_asked_again(client: OpenAI, upstream: Upstream) -> None:
    model = upstream.plays(refuses(429, "Pay first.", code="insufficient_quota"))
    with pytest.raises(openai.RateLimitError, match="Pay first"):
        ask(client, model)
    assert len(upstream.asked(model)) == 1


def test_a_failure_that_passes_is_not_seen_at_all(client: OpenAI, upstream: Upstream) -> None:
    def recovers(asked: Asked) -> None:
        again = len(upstream.asked(model)) > 1
        answers(asked) if again else refuses(503, "Later.", [("retry-after-ms", "20")])(asked)

    model = upstream.plays(recovers)
    raw = client.chat.completions.with_raw_response.create(model=model, messages=ASKED)
    assert (raw.headers["x-gateway-attempts"], raw.retries_taken) == ("2", 0)


@pytest.mark.parametrize("ending", ["hang_up", "reset"])
def test_a_provider_that_breaks_off_before_a_word_is_asked_again(
    client: OpenAI, upstream: Upstream, ending: str
) -> None:
    def breaks_off_once(asked: Asked) -> None:
        if len(upstream.asked(model)) > 1:
            answers(asked)
        else:
            getattr(asked, ending)()

    model = upstream.plays(breaks_off_once)
    ask(client, model)
    assert len(upstream.asked(model)) == 2


@pytest.mark.parametrize("ending", ["cut", "error", "silence"])
def test_a_stream_that_breaks_raises_behind_what_was_said(client: OpenAI, upstream: Upstream, ending: str) -> None:
    """It never looks whole, and it names no address of ours."""

    def ends_with_error(asked: Asked) -> None:
        asked.begin_stream()
        asked.stream(scripts.event({"content": WORDS[0]}) + scripts.event({"content": WORDS[1]}))
        asked.stream(b'data: {"error":{"code":502,"message":"The provider gave up."}}\n\n' + scripts.DONE)
        asked.end_stream()

    plays = {"cut": scripts.cut, "error": ends_with_error, "silence": scripts.pauses}
    model = upstream.plays(plays[ending])
    said: list[str | None] = []

    def listen() -> None:
        for chunk in client.chat.completions.create(
            model=model, messages=ASKED, stream=True, extra_headers={"X-Gateway-Timeout": "0.5"}
        ):
            said.append(chunk.choices[0].delta.content)

    with pytest.raises(openai.APIError) as told:
        listen()
    assert [text for text in said if text] == list(WORDS[: 1 if ending == "silence" else 2])
    assert told.value.code == ("upstream_timeout" if ending == "silence" else "upstream_error")
    assert "127.0.0.1" not in str(told.value.body)
    assert ("gave up" in told.value.message) == (ending == "error")
    assert len(upstream.asked(model)) == 1


def test_a_gateway_that_is_not_there_is_a_connection_error() -> None:
    client = OpenAI(base_url="http://127.0.0.1:9/v1", api_key="any", max_retries=0)
    with client, pytest.raises(openai.APIConnectionError):
        ask(client, "sandbox/echo")


# Keys.

KEYED = """
[auth]
mode = "keys"
[[auth.keys]]
label = "one-at-a-time"
env = "SLOW_CLIENT_KEY"
max_concurrent = 1
"""


@pytest.fixture(scope="module")
def keyed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose clients must show a key."""
    environ = {**upstream.environ, "LLM_GATEWAY_API_KEYS": "first-key, second-key", "SLOW_CLIENT_KEY": "slow-key"}
    with running(tmp_path_factory.mktemp("keyed"), settings=KEYED, environ=environ) as gateway:
        yield gateway


def test_only_a_known_key_comes_in(keyed: GatewayProcess, upstream: Upstream) -> None:
    with OpenAI(base_url=f"{keyed.url}/v1", api_key="first-key") as client:
        ask(client, "sandbox/echo")
        ask(client.with_options(api_key="second-key"), upstream.plays(answers))
        stranger = client.with_options(api_key="third-key")
        for refused in (lambda: ask(stranger, "sandbox/echo"), stranger.models.list):
            with pytest.raises(openai.AuthenticationError) as told:
                refused()
            assert (told.value.code, told.value.response.headers["www-authenticate"]) == ("invalid_api_key", "Bearer")
    keyed.wait_for(lambda: len(keyed.logged("request")) == 4, 2.0)
    assert [line["client"] for line in keyed.logged("request")] == ["key-1", "key-2", "", ""]


def test_a_clients_key_never_goes_to_the_provider(keyed: GatewayProcess, upstream: Upstream) -> None:
    model = upstream.plays(answers)
    with OpenAI(base_url=f"{keyed.url}/v1", api_key="first-key") as client:
        ask(client, model, extra_headers={"x-api-key": "second-key"})
    (asked,) = upstream.asked(model)
    assert "first-key" not in str(asked.fields)
    assert "second-key" not in str(asked.fields)


def test_the_clients_own_retries_wait_out_what_the_gateway_refuses(keyed: GatewayProcess, upstream: Upstream) -> None:
    """The gateway's own 429 costs no provider anything, so it does not forbid retries."""
    with OpenAI(base_url=f"{keyed.url}/v1", api_key="slow-key") as client:
        busy = client.chat.completions.create(model=upstream.plays(scripts.pauses), messages=ASKED, stream=True)
        with pytest.raises(openai.RateLimitError) as told:
            ask(client.with_options(max_retries=0), "sandbox/echo")
        assert told.value.code == "rate_limit_exceeded"
        assert "x-should-retry" not in told.value.response.headers
        began_at = time.monotonic()
        busy.close()
        raw = client.chat.completions.with_raw_response.create(model="sandbox/echo", messages=ASKED)
        assert raw.status_code == 200
        assert time.monotonic() - began_at < 10
