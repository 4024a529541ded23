"""POST /v1/chat/completions on every engine: what goes to the router, what comes back, and who is told."""

from __future__ import annotations

from typing import Any

import h11
import pytest
import trio
from trio.testing import MockClock

from actors.errors import DeadlineExceeded, Left, Overloaded, RateLimited, Unavailable
from actors.letters import Priority
from gateway.errors import UpstreamBroken, UpstreamError, UpstreamUnreachable, describe
from tests.face.engines import Face, serving
from tests.face.house import ANSWER, JSON_FIELD, QUESTION, TOTAL_S, answers, client_keys, fails
from tests.face.http_client import Reply

STREAMED = {**QUESTION, "stream": True}
LONG_AGO = b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
WITH_KEY = {"keys": client_keys(alice="sk-alice")}


async def test_a_question_is_answered_with_the_providers_own_bytes(autojump_clock: MockClock, face: Face) -> None:
    """The upstream's body and headers come through; ours say who it was."""
    upstream = [JSON_FIELD, (b"openai-version", b"2020-10-01"), (b"x-request-id", b"req_theirs")]
    face.house.router.play = answers(fields=upstream)

    reply = await face.ask(QUESTION)

    assert reply.status == 200
    assert reply.body == ANSWER
    assert reply.header("content-type") == "application/json"
    assert reply.header("content-length") == str(len(ANSWER))
    assert reply.header("openai-version") == "2020-10-01"
    assert reply.header("x-gateway-provider") == "openai"
    assert reply.header("x-gateway-model") == "gpt-4o-2024-08-06"
    assert reply.header("x-gateway-attempts") == "1"
    assert reply.header("x-request-id") == "0" * 31 + "1"
    assert reply.header("x-should-retry") is None


async def test_the_router_gets_the_question_as_it_came(autojump_clock: MockClock, face: Face) -> None:
    """Body, decoded struct, deadline, size, tokens: everything the actors need stands in the letter."""
    await trio.sleep(5)
    await face.ask({**QUESTION, "max_tokens": 100})

    (call,) = face.house.router.calls
    assert call.model == "gpt-4o"
    assert call.payload.dialect == "openai_chat"
    assert (call.payload.decoded.model, call.payload.decoded.messages) == ("gpt-4o", []), "weighed, and let go"
    assert call.size_bytes == len(call.payload.body) > 0
    assert call.tokens > 100
    assert (call.arrived_at, call.deadline) == (5, 5 + TOTAL_S)
    assert call.priority is Priority.NORMAL
    assert call.relay is None
    assert call.payload.request_id == "0" * 31 + "1"
    assert call.payload.headers == []
    assert call.payload.parameters == {}


async def test_what_the_configuration_says_of_a_model_goes_along(autojump_clock: MockClock, face: Face) -> None:
    await face.ask({**QUESTION, "model": "cool"})

    (call,) = face.house.router.calls
    assert call.payload.parameters == {"temperature": 0.2}


async def test_one_record_tells_of_an_answer(autojump_clock: MockClock, face: Face) -> None:
    face.house.router.play = answers(after_s=3)

    await face.ask(QUESTION)

    record = await face.told()
    assert (record.endpoint, record.status, record.outcome) == ("chat/completions", 200, "ok")
    assert (record.started_at, record.ended_at, record.first_content_at) == (0, 3, None)
    assert (record.model, record.stream, record.bytes_out) == ("gpt-4o", False, len(ANSWER))
    assert record.call is face.house.router.calls[0]
    assert face.house.router.left == [(record.id, 3)]
    assert face.house.budget.used == 0


async def test_a_connection_serves_one_question_after_the_other(autojump_clock: MockClock, face: Face) -> None:
    client = await face.connect()

    for _ in range(3):
        assert (await client.request("POST", "/v1/chat/completions", json_body=QUESTION)).status == 200

    assert len(face.house.records) == 3


# Streams.


async def test_a_stream_comes_piece_by_piece_as_it_is_written(autojump_clock: MockClock, face: Face) -> None:
    pen = face.house.router.streams(after_s=2)
    client = await face.connect()
    await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(3)

    await pen.write(LONG_AGO)
    head = await client.read_head()
    assert head.status == 200
    assert head.header("content-type") == "text/event-stream"
    assert head.header("x-gateway-provider") == "openai"
    assert head.header("x-request-id") is not None
    assert head.header("content-length") is None
    assert await client.read_piece() == LONG_AGO
    await trio.sleep(1)
    await pen.write(DONE)
    assert await client.read_piece() == DONE
    pen.end()
    assert await client.read_piece() is None

    record = await face.told()
    assert (record.status, record.outcome, record.stream) == (200, "ok", True)
    assert (record.first_content_at, record.ended_at) == (2, 4)
    assert record.bytes_out == len(LONG_AGO + DONE)
    assert face.house.router.left == [(record.id, 4)]


async def test_a_client_that_reads_late_gets_every_piece_once_and_in_order(
    autojump_clock: MockClock, face: Face
) -> None:
    """Pieces go straight to the connection until that is full, then by way of the reader, then straight again."""
    pieces = [b"data: %04d %s\n\n" % (number, b"x" * 4000) for number in range(200)]
    pen = face.house.router.streams()
    client = await face.connect()
    await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
    await trio.testing.wait_all_tasks_blocked()

    async def write() -> None:
        for piece in pieces:
            await pen.write(piece)
            await trio.lowlevel.checkpoint()
        pen.end()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await trio.sleep(1)
        reply = await client.read()

    assert reply.body == b"".join(pieces)
    assert (await face.told()).bytes_out == len(reply.body)


async def test_on_the_edge_a_piece_is_with_the_client_before_anybody_else_has_a_turn(
    autojump_clock: MockClock,
) -> None:
    async with serving("edge") as face:
        pen = face.house.router.streams()
        client = await face.connect()
        await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
        await trio.testing.wait_all_tasks_blocked()
        await pen.write(LONG_AGO)
        await client.read_head()
        assert await client.read_piece() == LONG_AGO

        assert pen.relay.write_nowait(pen.epoch, DONE)
        assert DONE in client.stream.receive_nowait(1000)

        pen.end()
        assert (await face.told()).bytes_out == len(LONG_AGO + DONE)


async def test_a_stream_that_breaks_ends_with_one_error_event_and_no_done(
    autojump_clock: MockClock, face: Face
) -> None:
    """The truth stands in the body: the status has long been sent, and nothing looks like a whole answer."""
    pen = face.house.router.streams()
    client = await face.connect()
    await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
    await trio.testing.wait_all_tasks_blocked()
    await pen.write(LONG_AGO)
    pen.relay.fail(UpstreamBroken("openai closed the connection in the middle of its answer"))

    body = (await client.read()).body

    assert body == LONG_AGO + (
        b'data: {"error":{"message":"openai closed the connection in the middle of its answer",'
        b'"type":"server_error","param":null,"code":"upstream_error"}}\n\n'
    )
    record = await face.told()
    assert (record.status, record.outcome) == (200, "error")
    assert isinstance(record.failure, UpstreamBroken)
    assert len(face.house.router.left) == 1


async def test_a_stream_refused_before_its_first_content_is_a_plain_error(
    autojump_clock: MockClock, face: Face
) -> None:
    face.house.router.play = fails(Overloaded("no room"))

    reply = await face.ask(STREAMED)

    assert reply.status == 503
    assert reply.error["code"] == "overloaded"
    record = await face.told()
    assert (record.status, record.stream) == (503, True)
    assert len(face.house.router.left) == 1


# Clients that go away.


async def test_a_client_that_goes_while_it_waits_stops_the_call_at_once(autojump_clock: MockClock, face: Face) -> None:
    face.house.router.play = answers(after_s=100)
    client = await face.connect()
    await client.send("POST", "/v1/chat/completions", json_body=QUESTION)
    await trio.sleep(7)

    client.leave()

    record = await face.told()
    assert (record.status, record.outcome, record.ended_at) == (499, "disconnected", 7)
    assert face.house.router.left == [(record.id, 7)]
    assert face.house.budget.used == 0


async def test_a_client_that_goes_during_a_stream_stops_the_call_at_once(autojump_clock: MockClock, face: Face) -> None:
    pen = face.house.router.streams()
    client = await face.connect()
    await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
    await trio.testing.wait_all_tasks_blocked()
    await pen.write(LONG_AGO)
    assert (await client.read_head()).status == 200
    await trio.sleep(7)

    client.leave()

    record = await face.told()
    assert (record.status, record.outcome, record.ended_at) == (499, "disconnected", 7)
    assert face.house.router.left == [(record.id, 7)]


async def test_a_client_that_stops_reading_is_cut_after_the_write_stall(autojump_clock: MockClock, face: Face) -> None:
    """Ten seconds without room for a byte; until then the relay holds the writer back."""
    pen = face.house.router.streams()
    client = await face.connect()
    await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
    await trio.testing.wait_all_tasks_blocked()

    with pytest.raises(Left):
        await pen.write_for_ever(b"data: " + b"x" * 10_000 + b"\n\n")

    assert (await face.told()).outcome == "disconnected"
    assert trio.current_time() == 10


# Failures.


@pytest.mark.parametrize(
    ("failure", "attempts", "status", "code", "retry_after", "should_retry"),
    [
        (RateLimited("too fast", retry_after=2.5), 0, 429, "rate_limit_exceeded", "3", None),
        (Overloaded("no room"), 0, 503, "overloaded", "1", None),
        (Unavailable("resting", retry_after=9), 0, 503, "provider_unavailable", "9", None),
        (DeadlineExceeded("too late"), 1, 504, "upstream_timeout", None, "false"),
        (UpstreamUnreachable("refused"), 3, 502, "upstream_error", None, "false"),
    ],
)
async def test_a_failure_is_an_openai_error_with_what_the_client_needs(
    autojump_clock: MockClock,
    face: Face,
    failure: Any,
    attempts: int,
    status: int,
    code: str,
    retry_after: str | None,
    should_retry: str | None,
) -> None:
    face.house.router.play = fails(failure, attempts=attempts)

    reply = await face.ask(QUESTION)

    assert reply.status == status
    told = describe(failure).message
    assert told.startswith(failure.message)
    assert reply.error == {"message": told, "type": reply.error["type"], "param": None, "code": code}
    assert reply.header("retry-after") == retry_after
    assert reply.header("x-should-retry") == should_retry
    assert reply.header("x-gateway-attempts") == (str(attempts) if attempts else None)
    assert reply.header("x-request-id") is not None
    assert (await face.told()).outcome == "error"
    assert (await face.told()).failure is failure


async def test_a_providers_own_error_comes_through_as_it_is(autojump_clock: MockClock, face: Face) -> None:
    body = b'{"error": {"message": "You exceeded your quota", "strange": true}}'
    face.house.router.play = fails(
        UpstreamError(
            "quota",
            status=429,
            body=body,
            headers=[JSON_FIELD, (b"retry-after", b"7"), (b"x-request-id", b"theirs"), (b"x-should-retry", b"true")],
            retryable=True,
            retry_after=7.0,
        ),
        attempts=1,
    )

    reply = await face.ask(QUESTION)

    assert (reply.status, reply.body) == (429, body)
    assert reply.header("content-type") == "application/json"
    assert reply.header("retry-after") == "7"
    assert reply.header("x-should-retry") == "false"
    assert reply.header("x-request-id") == (await face.told()).request_id


async def test_what_nobody_expected_is_a_500_without_insides(autojump_clock: MockClock, face: Face) -> None:
    bug = RuntimeError("secret insides")
    face.house.router.play = fails(bug)

    reply = await face.ask(QUESTION)

    assert (reply.status, reply.error["code"]) == (500, "internal_error")
    assert b"secret" not in reply.body
    assert face.house.crashes == [(bug, (await face.told()).request_id)]
    assert len(face.house.router.left) == 1


# What clients say in headers.


@pytest.mark.parametrize(
    ("fields", "stream", "allowed_s"),
    [
        ({"x-gateway-timeout": "2.5"}, False, 2.5),
        ({"x-gateway-timeout": "2.5"}, True, 2.5),
        ({"x-gateway-timeout": "9999"}, False, TOTAL_S),
        ({"x-stainless-read-timeout": "20"}, False, 20),
        ({"x-stainless-read-timeout": "20"}, True, TOTAL_S),
        ({"x-stainless-read-timeout": "None"}, False, TOTAL_S),
        ({"x-stainless-read-timeout": "20", "x-gateway-timeout": "30"}, False, 20),
    ],
)
async def test_a_client_can_shorten_its_deadline(
    autojump_clock: MockClock, face: Face, fields: dict[str, str], stream: bool, allowed_s: float
) -> None:
    face.house.router.play = fails(DeadlineExceeded("too late"))

    await face.ask({**QUESTION, "stream": stream}, headers=fields)

    assert face.house.router.calls[0].deadline == allowed_s


@pytest.mark.parametrize("name", ["x-gateway-timeout", "x-gateway-priority"])
@pytest.mark.parametrize("value", ["soon", "-1", "nan", ""])
async def test_a_header_of_ours_that_says_nothing_is_a_400_that_names_it(
    autojump_clock: MockClock, face: Face, name: str, value: str
) -> None:
    reply = await face.ask(QUESTION, headers={name: value})

    assert reply.status == 400
    assert reply.error["param"].lower() == name
    assert face.house.router.calls == []
    assert face.house.budget.used == 0


async def test_a_client_says_how_urgent_it_is(autojump_clock: MockClock, face: Face) -> None:
    await face.ask(QUESTION, headers={"x-gateway-priority": "Low"})

    assert face.house.router.calls[0].priority is Priority.LOW


async def test_a_clients_request_id_and_trace_go_upstream_and_come_back(autojump_clock: MockClock, face: Face) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    fields = {"x-request-id": "mine-1", "traceparent": trace, "tracestate": "vendor=1"}

    reply = await face.ask(QUESTION, headers=fields)

    assert reply.header("x-request-id") == "mine-1"
    call = face.house.router.calls[0]
    assert call.payload.request_id == "mine-1"
    assert call.payload.headers == [(b"traceparent", trace.encode()), (b"tracestate", b"vendor=1")]
    assert call.id != "mine-1"
    assert (await face.told()).request_id == "mine-1"


# Who may come in.


@pytest.mark.parametrize("house_options", [WITH_KEY])
@pytest.mark.parametrize(
    "fields", [{"authorization": "Bearer sk-alice"}, {"x-api-key": "sk-alice"}, {"api-key": "sk-alice"}]
)
async def test_a_known_key_opens_and_is_known_by_its_label(
    autojump_clock: MockClock, face: Face, fields: dict[str, str]
) -> None:
    reply = await face.ask(QUESTION, headers=fields)

    assert reply.status == 200
    assert (await face.told()).client == face.house.router.calls[0].client == "alice"
    assert face.house.router.calls[0].payload.client_key is None


@pytest.mark.parametrize("house_options", [WITH_KEY])
@pytest.mark.parametrize("fields", [{}, {"authorization": "Bearer sk-mallory"}, {"authorization": "Basic YTpi"}])
async def test_without_a_known_key_nobody_comes_in(
    autojump_clock: MockClock, face: Face, fields: dict[str, str]
) -> None:
    """And the connection goes on: the body that nobody wanted does not stand in the way."""
    client = await face.connect()
    reply = await client.request("POST", "/v1/chat/completions", headers=fields, json_body=QUESTION)

    assert reply.status == 401
    assert reply.error["code"] == "invalid_api_key"
    assert reply.header("www-authenticate") == "Bearer"
    assert face.house.router.calls == []
    again = await client.request(
        "POST", "/v1/chat/completions", headers={"authorization": "Bearer sk-alice"}, json_body=QUESTION
    )
    assert again.status == 200


async def test_a_cut_stream_is_not_taken_for_a_whole_one(autojump_clock: MockClock, face: Face) -> None:
    """When the gateway itself must stop in the middle, the framing says so."""
    pen = face.house.router.streams()
    client = await face.connect()
    await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
    await trio.testing.wait_all_tasks_blocked()
    await pen.write(LONG_AGO)
    assert isinstance(await client.read_head(), Reply)
    assert await client.read_piece() == LONG_AGO

    face.server.drain(5)

    with pytest.raises(h11.RemoteProtocolError):
        await client.read_piece()
    assert trio.current_time() == 5
    record = await face.told()
    assert (record.status, record.outcome, describe(record.failure).code) == (200, "error", "overloaded")
