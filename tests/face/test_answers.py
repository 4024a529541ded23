"""Failures and provenance as headers and bodies, apart from any engine."""

from __future__ import annotations

import pytest
import trio

from actors.attempt import Attempt
from actors.errors import Blame, CallCrashed, Failure, Overloaded, Stage, TimedOut
from actors.letters import Call, Candidate
from actors.relay import Relay
from gateway.dialects.openai_errors import error_event
from gateway.errors import ProviderMissing, UpstreamError, UpstreamUnreachable
from gateway.exchange import Answer
from gateway.face import provenance
from gateway.face.errors import error_answer
from gateway.face.record import RequestRecord
from gateway.face.relayed_body import RelayedBody
from tests.face.house import ScriptedRouter


def header(answer: Answer, name: bytes) -> bytes | None:
    return dict(answer.headers).get(name)


@pytest.mark.parametrize(
    ("seconds", "whole", "millis"),
    [(0.0, b"1", b"1"), (0.2, b"1", b"200"), (2.0, b"2", b"2000"), (2.001, b"3", b"2001")],
)
def test_a_pause_is_told_in_whole_seconds_and_in_milliseconds(seconds: float, whole: bytes, millis: bytes) -> None:
    answer = error_answer(Overloaded("full", retry_after=seconds))
    assert (header(answer, b"retry-after"), header(answer, b"retry-after-ms")) == (whole, millis)


def test_waiting_is_not_advised_where_it_would_not_help() -> None:
    assert header(error_answer(ProviderMissing("set OPENAI_API_KEY")), b"retry-after") is None
    assert header(error_answer(TimedOut(Stage.AWAITING, "silent")), b"retry-after") is None


def test_an_upstreams_error_without_a_body_gets_one() -> None:
    failure = UpstreamError("openai answered 502", status=502, body=b"", headers=[], retryable=True)
    answer = error_answer(failure)
    assert answer.status == 502
    assert b'"message":"openai answered 502"' in bytes(answer.body)  # type: ignore[arg-type]


def test_a_failure_that_nobody_mapped_says_nothing_of_our_insides() -> None:
    class Strange(Failure):
        pass

    answer = error_answer(Strange("at 10.0.0.7"))
    assert answer.status == 500
    assert b"10.0.0.7" not in bytes(answer.body)  # type: ignore[arg-type]


def attempted(*failures: Failure | None, model: str = "m", sent: bool = False) -> Call:
    call = Call(id="c", arrived_at=0, deadline=1, model=model, payload=None)
    for failure in failures:
        attempt = Attempt(call, Candidate(provider="p", model=model), clock=lambda: 0.0)
        attempt.failure = failure
        if sent:
            attempt.sent()
        call.attempts.append(attempt)
    return call


async def test_only_attempts_that_went_out_tell_the_client_not_to_try_again() -> None:
    """What our own limits refused cost nobody anything, and may be tried again when they say so."""

    def says_no_retry(call: Call) -> bool:
        return (b"x-should-retry", b"false") in provenance.of_failure(call)

    assert provenance.of_failure(attempted()) == []
    assert not says_no_retry(attempted(Overloaded("full")))
    assert says_no_retry(attempted(UpstreamUnreachable("refused")))
    assert says_no_retry(attempted(Overloaded("full"), sent=True))
    assert UpstreamUnreachable.blame is Blame.HOST


@pytest.mark.parametrize("model", ["m\r\nset-cookie: a=b", "naïve", "\x00", "a%b", "\ud800"])
async def test_a_models_name_cannot_break_out_of_its_header(model: str) -> None:
    (value,) = [
        value for name, value in provenance.of_failure(attempted(None, model=model)) if name == provenance.MODEL
    ]
    assert value.isascii()
    assert value.decode().isprintable()


async def test_a_bug_in_the_middle_of_a_stream_ends_it_with_an_error_event_too() -> None:
    class BrokenRelay(Relay):
        async def receive(self) -> bytes | None:
            raise RuntimeError("secret insides")

    crashes: list[tuple[Exception, str]] = []
    records: list[RequestRecord] = []
    record = RequestRecord(endpoint="e", id="i", request_id="r", started_at=0, on_finished=records.append)
    relay = BrokenRelay()
    call = Call(id="c", arrived_at=0, deadline=1, model="m", payload=None, relay=relay)
    body = RelayedBody(
        call,
        relay,
        record,
        ScriptedRouter(),
        clock=trio.current_time,
        render_event=error_event,
        on_crash=lambda crash, request_id: crashes.append((crash, request_id)),
    )

    event = await body.receive()

    assert event is not None
    assert event.startswith(b'data: {"error":')
    assert b"secret" not in event
    assert await body.receive() is None
    body.close()
    assert records == [record]
    assert record.outcome == "error"
    assert isinstance(record.failure, CallCrashed)
    assert [request_id for _, request_id in crashes] == ["r"]
