"""Streamed answers on their way: when they commit, what they keep, how they end."""

from __future__ import annotations

import json

import pytest
import trio

from actors.errors import Stage, TimedOut
from actors.letters import Timeouts
from gateway.dialects.envelope import Usage
from gateway.dialects.openai_chat import decode_request
from gateway.dialects.openai_stream import DONE
from gateway.dialects.prompt_weight import weigh
from gateway.errors import UpstreamBroken, UpstreamError, UpstreamReset
from gateway.face.response_calls import ResponsesDialect
from tests.calls.asking import WALL_CLOCK_S, ask, http_calls, upstream
from tests.shared_material import Recording, recordings

PLAIN = b'{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}],"stream":true}'
ASKS = PLAIN[:-1] + b',"stream_options":{"include_usage":true}}'
COMMENT = b": OPENROUTER PROCESSING\n\n"
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"Salve"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}\n\n'
ERROR = b'data: {"error":{"code":503,"message":"no more"},"choices":[]}\n\n'
JSON_ERROR = b'\n\n{"error":{"code":503,"message":"no more"}}'


async def test_a_stream_passes_whole_and_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    """The preamble waits 3 s for the first content, which commits; `[DONE]` ends without the connection's end."""
    client = upstream(COMMENT, 1.0, ROLE, 2.0, TEXT, 1.0, STOP + USAGE, DONE, 999.0)
    told = await ask(http_calls(client), ASKS)
    assert told.failure is None
    assert told.body == ROLE + TEXT + STOP + USAGE + DONE
    assert (told.attempt.accepted_at, told.attempt.content_at, told.ended_at) == (0, 3, 4)
    assert told.head is not None
    assert told.head.headers == [(b"content-type", b"text/event-stream; charset=utf-8")]
    assert (told.notes.usage, told.notes.finish_reason) == (Usage(prompt=7, completion=3), "stop")
    assert told.attempt.spent_tokens == 10
    assert (client.response.kept, client.response.closed) == (True, True)


async def test_usage_is_asked_for_and_hidden_where_the_client_did_not_ask() -> None:
    client = upstream(TEXT.replace(b"}]}", b'}],"usage":null}'), STOP, USAGE, DONE)
    told = await ask(http_calls(client), PLAIN)
    assert json.loads(client.body)["stream_options"] == {"include_usage": True}
    assert dict(client.headers)[b"accept"] == b"text/event-stream"
    assert told.body == TEXT + STOP + DONE
    assert told.notes.usage == Usage(prompt=7, completion=3)


async def test_a_provider_that_always_sends_usage_is_neither_asked_nor_corrected() -> None:
    client = upstream(TEXT, STOP, USAGE, DONE)
    told = await ask(http_calls(client, "openrouter"), PLAIN)
    assert client.body == PLAIN
    assert told.body == TEXT + STOP + USAGE + DONE


async def test_many_events_in_one_read_are_one_write() -> None:
    """And one event over many reads is one event."""
    whole = ROLE + TEXT * 20 + STOP + DONE
    told = await ask(http_calls(upstream(whole)), PLAIN)
    assert told.body == whole
    told = await ask(http_calls(upstream(*(whole[at : at + 7] for at in range(0, len(whole), 7)))), PLAIN)
    assert told.body == whole


@pytest.mark.parametrize("script", [(ERROR,), (COMMENT + ROLE, ERROR, DONE), (JSON_ERROR[:9], JSON_ERROR[9:])])
async def test_an_error_before_the_content_can_be_tried_again(script: tuple[bytes, ...]) -> None:
    """As an event or as plain JSON that is called a stream: nothing has reached the client."""
    told = await ask(http_calls(upstream(*script)), PLAIN)
    assert isinstance(told.failure, UpstreamError)
    assert (told.failure.status, told.failure.retryable, told.failure.message) == (503, True, "no more")
    assert json.loads(told.failure.body) == {"error": {"code": 503, "message": "no more"}}
    assert (told.attempt.content_at, told.body) == (None, b"")


async def test_an_error_status_for_a_stream_is_an_error() -> None:
    client = upstream(b'{"error":{"message":"slow","code":"rate_limit_exceeded"}}', status=429)
    client.response.headers.append((b"retry-after", b"2"))
    told = await ask(http_calls(client), PLAIN)
    assert isinstance(told.failure, UpstreamError)
    assert (told.failure.status, told.failure.retry_after, told.attempt.accepted_at) == (429, 2.0, None)


@pytest.mark.parametrize("script", [(TEXT, ERROR, DONE), (TEXT + ERROR + DONE,)])
async def test_an_error_after_the_content_breaks_the_answer(script: tuple[bytes, ...]) -> None:
    """What came before it is delivered, and there is no clean end."""
    told = await ask(http_calls(upstream(*script)), PLAIN)
    assert isinstance(told.failure, UpstreamBroken)
    assert told.failure.message == "no more"
    assert told.body == TEXT


@pytest.mark.parametrize("script", [(), (COMMENT,), (ROLE,), (DONE,)])
async def test_a_stream_without_an_answer_is_broken_before_it_began(script: tuple[bytes, ...]) -> None:
    told = await ask(http_calls(upstream(*script)), PLAIN)
    assert isinstance(told.failure, UpstreamBroken)
    assert told.attempt.content_at is None


@pytest.mark.parametrize("end", [(), (UpstreamReset("reset"),), (STOP[:-9],)])
async def test_a_stream_that_is_cut_is_broken_and_counted_as_far_as_it_came(end: tuple[bytes | Exception, ...]) -> None:
    told = await ask(http_calls(upstream(ROLE, TEXT * 8, *end)), PLAIN)
    assert isinstance(told.failure, UpstreamBroken | UpstreamReset)
    assert told.body == ROLE + TEXT * 8
    prompt = weigh(decode_request(PLAIN), PLAIN).reserved
    assert told.notes.usage == Usage(prompt=prompt, completion=len("Salve") * 8 // 4)
    assert told.attempt.spent_tokens == prompt + 10


async def test_a_malformed_event_is_left_out_and_the_rest_kept() -> None:
    told = await ask(http_calls(upstream(TEXT + b"data: {oops\n\n" + TEXT, STOP, DONE)), PLAIN)
    assert told.failure is None
    assert told.body == TEXT + TEXT + STOP + DONE
    assert told.notes.malformed == 1


@pytest.mark.parametrize(
    ("trailer", "passed", "at"),
    [
        ((), DONE, 0),
        ((UpstreamReset("reset"),), DONE, 0),
        ((999.0,), DONE, 5),
        ((2.0, USAGE, UpstreamBroken("cut")), USAGE + DONE, 2),
        ((2.0, USAGE, 999.0), USAGE + DONE, 7),
    ],
)
async def test_an_answer_that_has_its_finish_reason_ends_well_whatever_follows(
    autojump_clock: trio.testing.MockClock, trailer: tuple[bytes | float | Exception, ...], passed: bytes, at: float
) -> None:
    told = await ask(http_calls(upstream(TEXT + STOP, *trailer)), ASKS)
    assert told.failure is None
    assert told.body == TEXT + STOP + passed
    assert told.ended_at == at


GEMINI_WORDS = b'data: {"candidates":[{"content":{"parts":[{"text":"Salve"}]}}],"usageMetadata":%b}\r\n\r\n'
GEMINI_END = b'data: {"candidates":[{"finishReason":"STOP"}],"usageMetadata":%b}\r\n\r\n'
GEMINI_COUNT = b'{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10}'


async def test_geminis_answer_ends_with_its_last_chunk(autojump_clock: trio.testing.MockClock) -> None:
    """It has no terminator; nobody waits for the connection's end."""
    client = upstream(GEMINI_WORDS % GEMINI_COUNT, 1.0, GEMINI_END % GEMINI_COUNT, 999.0)
    told = await ask(http_calls(client, "google"), PLAIN, model="gemini-2.5-flash")
    assert (told.failure, told.ended_at) == (None, 1)
    assert told.body.endswith(DONE)
    assert told.notes.usage == Usage(prompt=7, completion=3)
    assert client.response.kept


RESPONSES = b'{"model":"gpt-4o","input":"Hi","stream":true}'
RESPONSE_WORDS = b'data: {"type":"response.output_text.delta","delta":"Salve"}\n\n'
RESPONSE_END = b'data: {"type":"response.%b","response":{"status":"%b","output":[]}}\n\n'


@pytest.mark.parametrize("status", [b"completed", b"incomplete"])
@pytest.mark.parametrize(("provider", "trailer", "at"), [("openai", b"", 1), ("openrouter", DONE, 2)])
async def test_a_response_ends_with_its_last_event_and_openrouters_with_the_terminator_after_it(
    autojump_clock: trio.testing.MockClock, provider: str, trailer: bytes, at: float, status: bytes
) -> None:
    end = RESPONSE_END % (status, status)
    client = upstream(RESPONSE_WORDS, 1.0, end, 1.0, DONE, 999.0)
    told = await ask(http_calls(client, provider), RESPONSES, dialect=ResponsesDialect())
    assert (told.failure, told.ended_at) == (None, at)
    assert told.body == RESPONSE_WORDS + end + trailer
    assert client.response.kept


async def test_silence_before_the_content_and_within_it_have_limits_of_their_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Role and comments are no sign of an answer: the first-token time goes on. Later each read starts anew."""
    timeouts = Timeouts(first_token_s=60, idle_s=30)
    silent = upstream(50.0, ROLE, 50.0, TEXT)
    told = await ask(http_calls(silent), PLAIN, timeouts=timeouts)
    assert isinstance(told.failure, TimedOut)
    assert (told.failure.stage, told.ended_at) == (Stage.AWAITING, 60)
    assert silent.response.closed
    stalled = upstream(59.0, TEXT, 29.0, COMMENT, 29.0, TEXT, 31.0, STOP)
    told = await ask(http_calls(stalled), PLAIN, timeouts=timeouts)
    assert isinstance(told.failure, TimedOut)
    assert (told.failure.stage, told.ended_at) == (Stage.STREAMING, 60 + 59 + 29 + 29 + 30)
    assert stalled.response.closed


async def test_a_slow_reader_is_no_fault_of_the_providers(autojump_clock: trio.testing.MockClock) -> None:
    """The reader takes a minute a piece, and the stream waits for it with the provider's connection at rest."""
    big = TEXT.replace(b"Salve", b"x" * 40_000)
    told = await ask(http_calls(upstream(*[big] * 5, STOP, DONE)), PLAIN, reader_waits_s=60)
    assert told.failure is None
    assert told.body == big * 5 + STOP + DONE


async def test_a_client_that_leaves_closes_the_connection_at_once(autojump_clock: trio.testing.MockClock) -> None:
    client = upstream(TEXT, 999.0)
    work = http_calls(client)
    with trio.move_on_after(4):
        await ask(work, PLAIN, timeouts=Timeouts(idle_s=3600))
    assert trio.current_time() == 4
    assert client.response.closed


@pytest.mark.parametrize("after_s", [0.5 + second for second in range(8)])
async def test_wherever_it_is_cancelled_the_connection_is_closed(
    autojump_clock: trio.testing.MockClock, after_s: float
) -> None:
    """Connecting, sending, waiting, between events, within the trailer: a second each."""
    client = upstream(1.0, ROLE, 1.0, TEXT, 1.0, TEXT, 1.0, STOP, 1.0, USAGE, 1.0, DONE)
    client.connect_s = client.send_s = 1
    with trio.move_on_after(after_s):
        await ask(http_calls(client), PLAIN)
    assert trio.current_time() == after_s
    asked = bool(client.body) and after_s > 2
    assert client.response.closed is asked


# A whole answer in place of a stream.

COMPLETION = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"Salve"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}'
)


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "application/octet-stream"])
async def test_a_whole_answer_in_place_of_a_stream_becomes_one(content_type: str) -> None:
    """It has been paid for, and a client that waits for events would see nothing of it."""
    told = await ask(http_calls(upstream(b"\n ", COMPLETION, content_type=content_type)), PLAIN)
    assert told.failure is None
    data, end = told.body.removeprefix(b"data: ").split(b"\n\n", 1)
    assert json.loads(data)["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": "Salve"}, "finish_reason": "stop"}
    ]
    assert end == DONE
    assert told.notes.usage == Usage(prompt=7, completion=3)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"{", b'{"choices":[]}', b"<html>busy</html>"])
async def test_a_page_in_place_of_a_stream_is_a_broken_answer(body: bytes) -> None:
    told = await ask(http_calls(upstream(body)), PLAIN)
    assert isinstance(told.failure, UpstreamBroken)
    assert told.attempt.content_at is None


async def test_limits_in_an_error_events_metadata_are_heeded() -> None:
    reset = b'{"error":{"code":429,"message":"m","metadata":{"headers":{"X-RateLimit-Reset":"%d"}}}}'
    event = b"data: " + reset % int((WALL_CLOCK_S + 5) * 1000) + b"\n\n"
    told = await ask(http_calls(upstream(event), "openrouter"), PLAIN)
    assert told.failure is not None
    assert (told.failure.retry_after, told.failure.throttled) == (5.0, True)


PROVIDERS = ("openai", "deepseek", "openrouter", "azure")


def _usage_hidden(stream: bytes) -> list[object]:
    """What a client that did not ask for usage gets of a recorded stream."""
    chunks = []
    for block in stream.split(b"\n\n"):
        if not block.startswith(b"data: {"):
            continue
        chunk = json.loads(block.removeprefix(b"data: "))
        if chunk.pop("usage", None) is None or chunk["choices"]:
            chunks.append(chunk)
    return chunks


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, where=lambda each: each.has_request and each.streamed))
async def test_recorded_streams_pass_unchanged(recording: Recording) -> None:
    """But for comments ahead of the content, and for usage where the gateway alone asked for it."""
    raw = recording.response
    client = upstream(*(raw[at : at + 500] for at in range(0, len(raw), 500)))
    told = await ask(http_calls(client, recording.provider), recording.request)
    assert told.failure is None
    sent, asked = json.loads(client.body), json.loads(recording.request)
    if sent == asked:
        first = raw.index(b"data: ")
        content = raw[first:].replace(COMMENT, b"")
        assert told.body.replace(COMMENT, b"") == content
    else:
        sent["stream_options"].pop("include_usage")
        asked["stream_options"].pop("include_usage")
        assert sent == asked
        assert _usage_hidden(told.body) == _usage_hidden(raw)
    assert told.body.endswith(DONE)


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, where=lambda each: each.has_request and each.streamed))
async def test_recorded_streams_hide_usage_from_who_did_not_ask(recording: Recording) -> None:
    request = json.loads(recording.request)
    request.pop("stream_options", None)
    told = await ask(http_calls(upstream(recording.response), recording.provider), json.dumps(request).encode())
    if recording.provider == "openrouter":
        return  # it sends usage to everybody, and so do we
    assert b'"usage"' not in told.body
    assert _usage_hidden(told.body) == _usage_hidden(recording.response)
