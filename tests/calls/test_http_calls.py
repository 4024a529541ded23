"""What goes up to a provider, and what comes of its whole answers and errors."""

from __future__ import annotations

import json

import pytest
import trio

from actors.errors import Blame, Stage, TimedOut
from actors.letters import Timeouts
from gateway.dialects.envelope import Usage
from gateway.dialects.openai_chat import decode_request
from gateway.dialects.prompt_weight import weigh
from gateway.errors import UpstreamBroken, UpstreamError, UpstreamRedirects, UpstreamReset, UpstreamUnreachable
from gateway.providers.profile import Origin
from tests.calls.asking import KEY, USER_AGENT, ask, http_calls, upstream
from tests.shared_material import Recording, recordings

BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}'
STREAMED = BODY[:-1] + b',"stream":true}'
ANSWER = (
    b'{"id":"x","choices":[{"index":0,"message":{"content":"Salve"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10},"new":1.50}'
)
JSON = "application/json"


async def test_the_request_goes_up_as_it_came_under_our_key() -> None:
    client = upstream(ANSWER, content_type=JSON)
    trace = (b"traceparent", b"00-1-1-00")
    await ask(http_calls(client), BODY, headers=[trace, (b"x-request-id", b"other"), (b"authorization", b"Bearer no")])
    assert client.origin == Origin("https", "api.openai.com", 443)
    assert client.target == b"/v1/chat/completions"
    assert client.body == BODY
    assert sorted(client.headers) == [
        (b"accept", b"application/json"),
        (b"authorization", b"Bearer " + KEY.encode()),
        (b"content-type", b"application/json"),
        trace,
        (b"user-agent", USER_AGENT.encode()),
        (b"x-request-id", b"req-1"),
    ]


async def test_the_clients_own_key_goes_up_only_where_the_provider_is_set_so() -> None:
    client = upstream(ANSWER, content_type=JSON)
    await ask(http_calls(client, passthrough=True), BODY)
    assert dict(client.headers)[b"authorization"] == b"Bearer the-clients-own"


async def test_the_model_goes_up_under_the_providers_name_for_it() -> None:
    client = upstream(ANSWER, content_type=JSON)
    await ask(http_calls(client, "openrouter"), BODY, model="openai/gpt-4o")
    assert client.body == BODY.replace(b'"gpt-4o"', b'"openai/gpt-4o"')
    assert client.target == b"/api/v1/chat/completions"


async def test_an_answer_comes_back_as_it_is_and_is_counted() -> None:
    client = upstream(b"\n  \n", ANSWER, content_type=JSON)
    client.response.headers += [(b"x-request-id", b"req_up"), (b"set-cookie", b"a=b"), (b"openai-version", b"2020")]
    told = await ask(http_calls(client), BODY)
    assert told.head is not None
    assert (told.head.status, told.head.body) == (200, b"\n  \n" + ANSWER)
    assert told.head.headers == [
        (b"content-type", b"application/json"),
        (b"x-upstream-request-id", b"req_up"),
        (b"openai-version", b"2020"),
    ]
    assert told.notes.usage == Usage(prompt=7, completion=3)
    assert (told.notes.finish_reason, told.notes.upstream_request_id) == ("stop", "req_up")
    assert told.attempt.spent_tokens == 10
    assert client.response.closed


async def test_each_phase_has_its_time(autojump_clock: trio.testing.MockClock) -> None:
    """Connecting 1 s, sending 2 s, thinking 200 s: a whole answer may take as long as the call."""
    client = upstream(ANSWER, content_type=JSON)
    client.connect_s, client.send_s, client.think_s = 1, 2, 200
    told = await ask(http_calls(client), BODY)
    attempt = told.attempt
    assert (attempt.sent_at, attempt.accepted_at, told.ended_at) == (1, 203, 203)
    assert told.notes.connect_s == 1
    assert attempt.due == 600


@pytest.mark.parametrize(
    ("body", "connect_s", "send_s", "think_s", "stage", "at"),
    [
        (BODY, 9, 0, 0, Stage.CONNECTING, 5),
        (BODY, 1, 999, 0, Stage.SENDING, 600),
        (BODY, 1, 1, 999, Stage.AWAITING, 600),
        (STREAMED, 1, 99, 0, Stage.SENDING, 61),
        (STREAMED, 1, 50, 99, Stage.AWAITING, 111),
    ],
)
async def test_a_phase_that_takes_too_long_ends_the_attempt(
    autojump_clock: trio.testing.MockClock,
    body: bytes,
    connect_s: float,
    send_s: float,
    think_s: float,
    stage: Stage,
    at: float,
) -> None:
    client = upstream(ANSWER, content_type=JSON)
    client.connect_s, client.send_s, client.think_s = connect_s, send_s, think_s
    told = await ask(http_calls(client), body, timeouts=Timeouts(connect_s=5, first_token_s=60))
    assert isinstance(told.failure, TimedOut)
    assert (told.failure.stage, told.ended_at) == (stage, at)


async def test_a_connection_that_was_dead_gives_the_next_one_its_time(autojump_clock: trio.testing.MockClock) -> None:
    """Dead after 50 s, 4 s for a new one: well; but a new one that takes longer than 5 s is given up."""
    client = upstream(ANSWER, content_type=JSON)
    client.dead_after_s, client.connect_s = 50, 4
    told = await ask(http_calls(client), BODY)
    assert (told.failure, told.attempt.sent_at, told.notes.connect_s) == (None, 0, 4)
    client = upstream(ANSWER, content_type=JSON)
    client.dead_after_s, client.connect_s = 50, 9
    told = await ask(http_calls(client), STREAMED)
    assert isinstance(told.failure, TimedOut)
    assert (told.failure.stage, told.ended_at) == (Stage.CONNECTING, 54 + 55)


@pytest.mark.parametrize(("body", "due"), [(BODY, 600), (STREAMED, 60)])
async def test_a_kept_connection_costs_no_time_and_the_connect_limit_never_applies(
    autojump_clock: trio.testing.MockClock, body: bytes, due: float
) -> None:
    client = upstream(content_type=JSON)
    client.kept, client.think_s = True, 999
    told = await ask(http_calls(client), body, timeouts=Timeouts(connect_s=5, first_token_s=60))
    assert isinstance(told.failure, TimedOut)
    assert (told.failure.stage, told.ended_at) == (Stage.AWAITING, due)
    assert (told.attempt.sent_at, told.notes.connect_s) == (0, 0)


async def test_what_never_got_through_costs_nothing_what_did_costs_the_prompt() -> None:
    client = upstream(content_type=JSON)
    client.refuses = UpstreamUnreachable("refused")
    told = await ask(http_calls(client), BODY)
    assert (told.attempt.sent_at, told.attempt.spent_tokens) == (None, None)
    broken = upstream(UpstreamReset("closed"), content_type=JSON)
    told = await ask(http_calls(broken), BODY)
    assert isinstance(told.failure, UpstreamReset)
    assert told.attempt.spent_tokens == weigh(decode_request(BODY), BODY).reserved
    assert broken.response.closed


@pytest.mark.parametrize("page", [b"{}", b'{"detail":"OK"}', b"", b"<html>", b'["x"]', ANSWER[:-5]])
async def test_a_good_status_without_an_answer_is_a_broken_one(page: bytes) -> None:
    told = await ask(http_calls(upstream(page)), BODY)
    assert isinstance(told.failure, UpstreamBroken)


async def test_an_error_under_a_good_status_is_an_error() -> None:
    """OpenRouter answers 200 before it knows."""
    body = b'{"error":{"code":429,"message":"slow down"},"user_id":"u"}'
    told = await ask(http_calls(upstream(body), "openrouter"), BODY)
    assert isinstance(told.failure, UpstreamError)
    assert (told.failure.status, told.failure.body, told.failure.throttled) == (429, body, True)


async def test_an_error_without_a_status_of_its_own_is_a_bad_gateway() -> None:
    told = await ask(http_calls(upstream(b'{"error":{"message":"oh"}}')), BODY)
    assert isinstance(told.failure, UpstreamError)
    assert (told.failure.status, told.failure.retryable, told.failure.blame) == (502, True, Blame.MODEL)


async def test_the_providers_key_never_comes_back() -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}}).encode()
    told = await ask(http_calls(upstream(body, status=401)), BODY)
    assert isinstance(told.failure, UpstreamError)
    assert told.failure.message == "Incorrect API key provided: [redacted]."
    assert KEY.encode() not in told.failure.body


async def test_a_401_of_our_key_may_be_asked_elsewhere_one_of_the_clients_own_key_may_not() -> None:
    """Either is told as the provider said it; the next provider has another key of ours, and the same of the client."""
    body = b'{"error":{"message":"Incorrect API key provided."}}'
    for passthrough in (False, True):
        told = await ask(http_calls(upstream(body, status=401), passthrough=passthrough), BODY)
        assert isinstance(told.failure, UpstreamError)
        assert (told.failure.status, told.failure.body) == (401, body)
        assert (told.failure.retryable, told.failure.elsewhere) == (not passthrough, not passthrough)


async def test_a_redirect_is_no_answer() -> None:
    told = await ask(http_calls(upstream(status=301)), BODY)
    assert isinstance(told.failure, UpstreamRedirects)


PROVIDERS = ("openai", "deepseek", "openrouter", "azure")


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, where=lambda each: each.has_request and not each.streamed))
async def test_recorded_exchanges_pass_unchanged(recording: Recording) -> None:
    client = upstream(recording.response, status=recording.status)
    client.response.headers = recording.response_headers
    told = await ask(http_calls(client, recording.provider), recording.request)
    assert client.body == recording.request
    if recording.status == 200:
        assert told.head is not None
        got = (told.head.status, told.head.body)
        assert told.notes.usage is not None
    else:
        assert isinstance(told.failure, UpstreamError)
        got = (told.failure.status, told.failure.body)
        kept = dict(told.failure.headers)
        assert all(value in kept.values() for name, value in recording.response_headers if name == b"retry-after")
    assert got == (recording.status, recording.response)
