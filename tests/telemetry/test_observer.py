"""From facts to lines and numbers: what an operator sees of a request, a retry, a breaker, a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from actors.attempt import Attempt, Outcome
from actors.errors import Blame, Failure, Overloaded, Stage, TimedOut
from actors.events import (
    ActorBuried,
    AttemptEnded,
    BreakerMoved,
    CallCrash,
    CoolingDown,
    LateSettlement,
    Refused,
    Retried,
)
from actors.letters import Call, Candidate
from actors.memory_monitor import Pressure, PressureMoved
from actors.policy.breaker import Phase
from actors.supervision import ChildStarted, ChildStopped, Escalating, Restarted
from gateway.dialects.envelope import CallNotes, ModelRequest, Usage
from gateway.errors import Unauthorized, UpstreamError, UpstreamReset, UpstreamUnreachable
from gateway.keys.ledger import Ledger
from gateway.telemetry.exposition import expose, parts_of
from gateway.telemetry.logs import Logs
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import Observer
from gateway.telemetry.trace_context import Trace

KEY = "sk-canary-0123456789"
WORDS = "canary words of a client"


class Story:
    """An observer between a clock that the test moves, and the lines and numbers that come out."""

    def __init__(self, level: str = "debug") -> None:
        self.now = 100.0
        self.lines: list[str] = []
        ledger = Ledger(lambda _provider, _model, _usage: None, lambda: 0.0)
        self.metrics = Metrics(lambda model: True, take_bills=ledger.take_bills)
        self.observer = Observer(Logs(self.lines.append, lambda: 0.0, level=level), self.metrics, ledger.bill)

    def clock(self) -> float:
        return self.now

    def call(self) -> Call:
        body = f'{{"messages": "{WORDS}"}}'.encode()
        payload = ModelRequest("openai_chat", body, decoded=WORDS, request_id="req-1", client_key=KEY)
        return Call(id="call-1", arrived_at=self.now, deadline=self.now + 600, model="gpt-4o", payload=payload)

    def attempt(self, call: Call, provider: str = "openai", operation: str = "first") -> Attempt:
        candidate = Candidate(provider=provider, model="gpt-4o")
        attempt = Attempt(call, candidate, clock=self.clock, operation=operation)
        call.attempts.append(attempt)
        return attempt

    def end(self, attempt: Attempt, outcome: Outcome, failure: Failure | None = None) -> None:
        attempt.outcome, attempt.failure, attempt.ended_at = outcome, failure, self.now
        self.observer.take(AttemptEnded(attempt))

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def value(self, sample_name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(sample_name, labels)


@dataclass
class Record:
    """What the face tells, by hand."""

    call: Call | None = None
    endpoint: str = "chat/completions"
    status: int = 200
    stream: bool = False
    model: str = "gpt-4o"
    request_id: str = "req-1"
    client: str = "bench"
    started_at: float = 100.0
    ended_at: float = 101.0
    first_content_at: float | None = None
    outcome: str = "ok"
    failure: Failure | None = None
    trace: Trace | None = None
    cache: str | None = None
    headers: dict[str, str] = field(default_factory=lambda: {"authorization": KEY, "body": WORDS})


def answered_request(story: Story) -> Record:
    """100.0 arrives, 100.25 has its turn, 100.5 connected and sent, 102.0 first content, 104.0 end, 104.5 delivered."""
    call = story.call()
    attempt = story.attempt(call)
    attempt.detail = CallNotes(usage=Usage(prompt=10, completion=5, cached=4, reasoning=2), cost=75_500, connect_s=0.25)
    story.now = 100.5
    attempt.sent()
    story.now = 104.0
    story.end(attempt, Outcome.OK)
    return Record(call, stream=True, ended_at=104.5, first_content_at=102.0)


def test_a_request_is_one_line_with_all_that_matters() -> None:
    """Who asked what of whom, how it went, what it spent, and where the time went."""
    story = Story(level="info")
    story.observer.request_ended(answered_request(story))
    assert story.read() == [
        {
            "level": "info",
            "timestamp": "1970-01-01T00:00:00.000Z",
            "logger": "gateway.face",
            "event": "request",
            "correlation_id": "req-1",
            "endpoint": "chat/completions",
            "status": 200,
            "outcome": "ok",
            "error": None,
            "provider": "openai",
            "model": "gpt-4o",
            "attempts": 1,
            "operation": "first",
            "stream": True,
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "cached_tokens": 4,
            "reasoning_tokens": 2,
            "cost_usd": 0.0000755,
            "queue_s": 0.25,
            "connect_s": 0.25,
            "first_token_s": 2.0,
            "total_s": 4.5,
            "overhead_s": 0.75,
            "client": "bench",
        }
    ]


def test_a_request_counts_once_in_every_metric() -> None:
    """Its duration, its first token, its overhead, its tokens."""
    story = Story()
    story.observer.request_ended(answered_request(story))
    who = {"provider": "openai", "model": "gpt-4o"}
    where = {"provider": "openai", "endpoint": "chat/completions"}
    assert story.value("llm_request_total", **who, endpoint="chat/completions", status="200") == 1
    assert story.value("llm_request_duration_seconds_sum", **who, endpoint="chat/completions", stream="true") == 4.5
    assert story.value("llm_time_to_first_token_seconds_sum", **where) == 2.0
    assert story.value("gateway_overhead_seconds_sum", **where) == 0.75
    for kind, tokens in (("prompt", 10), ("completion", 5), ("cached", 4), ("reasoning", 2)):
        assert story.value("llm_tokens_total", **who, type=kind) == tokens
    assert story.value("llm_errors_total", provider="none", type="unauthorized") is None


def test_a_request_that_was_turned_away_has_a_line_and_counts_for_nobody() -> None:
    """No call, no attempt: everything of it is overhead."""
    story = Story()
    story.observer.request_ended(Record(status=401, model="", outcome="error", failure=Unauthorized(WORDS)))
    (line,) = story.read()
    assert line["provider"] is None
    assert line["error"] == "unauthorized"
    assert line["attempts"] == 0
    assert line["total_s"] == line["overhead_s"] == 1.0
    labels = {"provider": "none", "model": "none", "endpoint": "chat/completions", "status": "401"}
    assert story.value("llm_request_total", **labels) == 1
    assert story.value("llm_errors_total", provider="none", type="unauthorized") == 1


def test_overlapping_attempts_are_upstream_time_once_and_pauses_are_ours() -> None:
    """One fails from 1 to 2, a pause, then a hedge from 4 runs beside the attempt from 3; both end at 6."""
    story = Story()
    call = story.call()
    for began, sent, ended, outcome in (
        (0, 1, 2, Outcome.FAILED),
        (3, 3, 6, Outcome.SUPERSEDED),
        (4, 4, 6, Outcome.OK),
    ):
        story.now = 100.0 + began
        attempt = story.attempt(call)
        story.now = 100.0 + sent
        attempt.sent()
        attempt.outcome, attempt.ended_at = outcome, 100.0 + ended
    story.observer.request_ended(Record(call, ended_at=107.0))
    assert story.read()[0]["overhead_s"] == 3.0


def test_a_connection_that_never_came_is_upstream_time() -> None:
    """Five seconds of a host that does not answer are not the gateway's."""
    story = Story()
    call = story.call()
    attempt = story.attempt(call)
    story.now = 105.0
    story.end(attempt, Outcome.FAILED, TimedOut(Stage.CONNECTING, WORDS))
    story.observer.request_ended(Record(call, status=504, ended_at=105.5, outcome="error"))
    assert story.read()[0]["overhead_s"] == 0.5


def test_the_attempt_that_answered_names_the_provider_not_the_last_one() -> None:
    """A hedge that lost is the later attempt, and its tokens are spent all the same."""
    story = Story()
    call = story.call()
    winner = story.attempt(call, "openai")
    winner.detail = CallNotes(usage=Usage(prompt=1, completion=1))
    loser = story.attempt(call, "anthropic", "hedge")
    loser.detail = CallNotes(usage=Usage(prompt=7))
    for attempt in (winner, loser):
        attempt.sent()
    story.end(winner, Outcome.OK)
    story.end(loser, Outcome.SUPERSEDED)
    story.observer.request_ended(Record(call))
    assert story.read()[-1]["provider"] == "openai"
    assert story.value("llm_tokens_total", provider="openai", model="gpt-4o", type="prompt") == 1
    assert story.value("llm_tokens_total", provider="anthropic", model="gpt-4o", type="prompt") == 7


@pytest.mark.parametrize(
    ("failure", "kind", "breaker"),
    [
        (UpstreamReset(WORDS), "upstream_reset", "gpt-4o"),
        (UpstreamUnreachable(WORDS), "upstream_unreachable", "*"),
        (TimedOut(Stage.AWAITING, WORDS), "timed_out", "gpt-4o"),
        (Overloaded(WORDS), "overloaded", None),
        (UpstreamError(WORDS, status=429, body=b"", headers=[], retryable=True), "upstream_429", None),
        (
            UpstreamError(WORDS, status=500, body=b"", headers=[], retryable=True, blame=Blame.MODEL),
            "upstream_500",
            "gpt-4o",
        ),
    ],
)
def test_a_failed_attempt_counts_by_kind_and_by_who_is_to_blame(
    failure: Failure, kind: str, breaker: str | None
) -> None:
    """The error counter knows every failure, the breaker's only what breakers count."""
    story = Story()
    story.end(story.attempt(story.call()), Outcome.FAILED, failure)
    assert story.value("llm_errors_total", provider="openai", type=kind) == 1
    for model in ("gpt-4o", "*"):
        expected = 1 if model == breaker else None
        assert story.value("circuit_breaker_failures_total", provider="openai", model=model) == expected


def test_a_retry_is_a_line_and_a_number() -> None:
    """Why, where to, and after which pause."""
    story = Story()
    call = story.call()
    attempt = story.attempt(call, "anthropic", "fallback")
    story.observer.take(Retried(call, attempt, 0.5, UpstreamReset(WORDS)))
    (line,) = story.read()
    assert (line["operation"], line["because"], line["delay_s"]) == ("fallback", "upstream_reset", 0.5)
    assert line["correlation_id"] == "req-1"
    assert story.value("retry_attempts_total", provider="anthropic", operation="fallback") == 1


def test_events_that_nobody_could_read_are_a_warning_and_a_number() -> None:
    """The answer went on without them, so nothing else would tell."""
    story = Story()
    attempt = story.attempt(story.call())
    attempt.detail = CallNotes(malformed=3)
    story.end(attempt, Outcome.OK)
    (line,) = story.read()
    assert (line["level"], line["event"], line["events"]) == ("warning", "events left out", 3)
    assert (line["provider"], line["model"], line["correlation_id"]) == ("openai", "gpt-4o", "req-1")
    assert story.value("llm_errors_total", provider="openai", type="malformed_event") == 3


def test_a_breaker_that_opens_warns_and_one_that_closes_informs() -> None:
    """The gauge follows: 2, 1, 0."""
    story = Story()
    levels, states = [], []
    for before, after in (
        (Phase.CLOSED, Phase.OPEN),
        (Phase.OPEN, Phase.PROBING),
        (Phase.PROBING, Phase.CLOSED),
    ):
        story.observer.take(BreakerMoved("openai", "gpt-4o", before, after, 5, 1.0))
        levels.append(story.read()[-1]["level"])
        states.append(story.value("circuit_breaker_state", provider="openai", model="gpt-4o"))
    assert levels == ["warning", "info", "info"]
    assert states == [2, 1, 0]


def test_rising_memory_pressure_warns_and_falling_informs() -> None:
    """With what is used and what is allowed."""
    story = Story()
    story.observer.take(PressureMoved(Pressure.NONE, Pressure.REFUSE, 96, 100, 1.0))
    story.observer.take(PressureMoved(Pressure.REFUSE, Pressure.DEGRADE, 85, 100, 2.0))
    assert [(line["level"], line["used_bytes"]) for line in story.read()] == [("warning", 96), ("info", 85)]


def test_an_actor_that_is_gone_leaves_no_open_breaker_behind() -> None:
    """Its successor starts with closed ones, and says nothing of them until they move."""
    story = Story()
    story.observer.take(BreakerMoved("openai", "*", Phase.CLOSED, Phase.OPEN, 5, 1.0))
    story.observer.take(ActorBuried("openai", 3, 2, 2.0))
    assert story.value("circuit_breaker_state", provider="openai", model="*") == 0
    line = story.read()[-1]
    assert (line["actor"], line["queued"], line["in_flight"]) == ("openai", 3, 2)


def test_a_crash_is_an_error_with_frames_and_without_its_message() -> None:
    """The message of an unexpected exception quotes what it stumbled over."""
    story = Story()
    try:
        raise KeyError(WORDS + KEY)
    except KeyError as bug:
        story.observer.take(CallCrash("openai", story.call(), bug))
    (line,) = story.read()
    assert line["level"] == "error"
    assert line["crash"][0] == "builtins.KeyError"
    assert "test_a_crash_is_an_error" in line["crash"][1]


def test_a_restart_is_a_story_that_gets_louder() -> None:
    """A crash, a restart, a start, and at last the supervisor that gives up."""
    story = Story()
    bug = KeyError(WORDS)
    for event in (
        ChildStarted("providers", "openai", "provider", 0, at=0.0),
        ChildStopped("providers", "openai", "provider", bug, asked=False, at=1.0),
        Restarted("providers", "openai", "provider", 1, backoff_s=0.5, at=1.5),
        ChildStarted("providers", "openai", "provider", 1, at=1.5),
        ChildStopped("providers", "openai", "provider", None, asked=True, at=2.0),
        Escalating("providers", "openai", bug, restarts=6, at=3.0),
    ):
        story.observer.take(event)
    lines = story.read()
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "actor started"),
        ("error", "actor crashed"),
        ("warning", "actor restarts"),
        ("info", "actor started"),
        ("info", "actor stopped"),
        ("critical", "supervisor gives up"),
    ]
    assert {(line["supervisor"], line["actor"]) for line in lines} == {("providers", "openai")}
    assert lines[1]["crash"] == lines[5]["crash"] == ["builtins.KeyError"]
    assert lines[2]["backoff_s"] == 0.5
    assert WORDS not in "".join(story.lines)


def test_a_client_that_left_is_timed_until_its_upstream_call_has_ended() -> None:
    """It hangs up at 101, the call task ends 20 ms later, and then its line is written with what was used by then."""
    story = Story()
    call = story.call()
    done, running = story.attempt(call), story.attempt(call)
    story.end(done, Outcome.FAILED, UpstreamReset(WORDS))
    story.observer.request_ended(Record(call, status=499, outcome="disconnected"))
    assert (story.observer.awaited, story.lines) == (1, [])
    story.now = 101.02
    running.detail = CallNotes(usage=Usage(prompt=10, completion=5), cost=75_500)
    story.end(running, Outcome.LEFT)
    assert story.observer.awaited == 0
    (line,) = story.read()
    assert (line["outcome"], line["attempts"], line["total_s"]) == ("disconnected", 2, 1.0)
    assert (line["prompt_tokens"], line["completion_tokens"], line["cost_usd"]) == (10, 5, 0.0000755)
    name = "gateway_disconnect_to_upstream_closed_seconds"
    assert story.value(f"{name}_count", endpoint="chat/completions") == 1
    assert story.value(f"{name}_sum", endpoint="chat/completions") == pytest.approx(0.02)


def test_no_key_and_no_word_of_a_message_ever_stands_in_a_line() -> None:
    """Every kind of fact, each with canaries in whatever text it carries."""
    story = Story()
    call = story.call()
    attempt = story.attempt(call)
    bug = ValueError(WORDS + KEY)
    failure = UpstreamError(f"{WORDS} {KEY}", status=401, body=f"{WORDS} {KEY}".encode(), headers=[], retryable=False)
    failure.__cause__ = bug
    facts: list[object] = [
        Retried(call, attempt, 0.5, failure),
        CoolingDown("openai", "gpt-4o", "default", 5.0, 1.0),
        CallCrash("openai", call, bug),
        CallCrash("openai", call, failure),
        LateSettlement(attempt),
        Refused("openai", call, failure),
    ]
    for fact in facts:
        story.observer.take(fact)
    story.end(attempt, Outcome.FAILED, failure)
    story.observer.request_ended(Record(call, status=401, outcome="error", failure=failure))
    story.observer.request_crashed(bug, "req-1")
    assert len(story.lines) == len(facts) + 2
    written = "\n".join(story.lines) + trio.run(expose, parts_of(story.metrics.now())).decode()
    assert KEY not in written
    assert WORDS not in written


def test_what_a_client_chose_is_cut_to_a_readable_length() -> None:
    """A megabyte of model name is not a megabyte of log."""
    story = Story()
    story.observer.request_ended(Record(status=404, model="m" * 1_000_000, request_id="r" * 1_000_000))
    assert len(story.lines[0]) < 1_000


def test_a_fact_that_cannot_be_observed_is_logged_and_hurts_nobody() -> None:
    """The actor that states it must not die of its observer."""
    story = Story()
    story.observer.take(AttemptEnded(None))  # type: ignore[arg-type]
    story.observer.request_ended(Record(model=None))  # type: ignore[arg-type]
    assert [(line["level"], line["kind"]) for line in story.read()] == [
        ("error", "AttemptEnded"),
        ("error", "Record"),
    ]


@pytest.mark.parametrize(
    "state", [lambda story: story.observer.take("unknown"), lambda story: story.observer.take(None)]
)
def test_a_fact_nobody_knows_is_passed_over(state: Callable[[Story], None]) -> None:
    """Whoever adds a kind of fact need not teach every observer at once."""
    story = Story()
    state(story)
    assert story.lines == []


def test_requests_cost_no_line_where_their_level_is_above_info() -> None:
    """They still count."""
    story = Story(level="warning")
    story.observer.request_ended(answered_request(story))
    assert story.lines == []
    labels = {"provider": "openai", "model": "gpt-4o", "endpoint": "chat/completions", "status": "200"}
    assert story.value("llm_request_total", **labels) == 1
