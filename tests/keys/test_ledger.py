"""What attempts owe, added up by client and day for the books, and by model for the metrics."""

from __future__ import annotations

import pytest

from actors.attempt import Attempt
from actors.letters import Call, Candidate
from gateway.dialects.envelope import CallNotes, Usage
from gateway.keys import ledger
from gateway.keys.ledger import DAY_S, Ledger, Posting, Spent


class Shop:
    """A ledger, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ledger = Ledger(lambda _provider, _model, _usage: None, lambda: self.now)

    def bill(self, client: str, model: str, usage: Usage, cost: int | None) -> None:
        call = Call(id="call-1", arrived_at=0, deadline=600, model=model, payload=None, client=client)
        attempt = Attempt(call, Candidate(provider="openai", model=model), clock=lambda: 0.0)
        attempt.sent()
        attempt.detail = CallNotes(usage=usage, cost=cost)
        self.ledger.bill(attempt)


def test_bills_are_added_up_by_client_and_once_more_by_model() -> None:
    """Whoever takes the ones leaves the others; each is told once."""
    shop = Shop()
    shop.bill("alice", "gpt", Usage(prompt=10, completion=5, cached=4, reasoning=2, written=1), 100)
    shop.bill("alice", "gpt", Usage(prompt=1), None)
    shop.bill("bob", "gpt", Usage(prompt=2, completion=3), 0)
    alices = Spent(100, 2, 1, prompt=11, completion=5, cached=4, written=1, reasoning=2)
    bobs = Spent(0, 1, 0, prompt=2, completion=3)
    assert shop.ledger.pending("alice") == 100
    assert shop.ledger.take_bills() == {
        ("openai", "gpt"): Spent(100, 3, 1, prompt=13, completion=8, cached=4, written=1, reasoning=2)
    }
    shop.bill("bob", "gpt", Usage(prompt=5), 7)
    bobs.add(Spent(7, 1, 0, prompt=5))
    assert shop.ledger.take() == [
        Posting("alice", "1970-01-01", {("openai", "gpt"): alices}),
        Posting("bob", "1970-01-01", {("openai", "gpt"): bobs}),
    ]
    assert shop.ledger.take() == []
    assert shop.ledger.take_bills() == {("openai", "gpt"): Spent(7, 1, 0, prompt=5)}
    assert shop.ledger.take_bills() == {}


def test_a_bill_stays_on_the_day_on_which_it_was_written() -> None:
    """Also one that nobody has added up before midnight."""
    shop = Shop()
    shop.bill("alice", "gpt", Usage(prompt=1), 10)
    shop.now = DAY_S
    shop.bill("alice", "gpt", Usage(prompt=2), 20)
    assert shop.ledger.pending("alice") == 20
    assert [(posting.day, posting.nano_usd) for posting in shop.ledger.take()] == [
        ("1970-01-01", 10),
        ("1970-01-02", 20),
    ]


def test_models_that_are_too_many_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a client and day under one name for all, of a provider under its own; nothing is lost."""
    monkeypatch.setattr(ledger, "MOST_ROWS", 2)
    shop = Shop()
    for number in range(5):
        shop.bill("alice", f"made-up-{number % 4}", Usage(prompt=1), 1)
    (posting,) = shop.ledger.look()
    assert {place: spent.calls for place, spent in posting.rows.items()} == {
        ("openai", "made-up-0"): 2,
        ("openai", "made-up-1"): 1,
        ("other", "other"): 2,
    }
    assert {place: spent.calls for place, spent in shop.ledger.take_bills().items()} == {
        ("openai", "made-up-0"): 2,
        ("openai", "made-up-1"): 1,
        ("openai", "other"): 2,
    }


def test_what_nobody_asks_for_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that clients make up while the store is away, and nobody scrapes."""
    monkeypatch.setattr(ledger, "MOST_ROWS", 2)
    shop = Shop()
    for number in range(50):
        shop.bill("alice", f"made-up-{number}", Usage(prompt=1), 1)
        assert len(shop.ledger._fresh) <= 2
    assert shop.ledger.pending("alice") == 50
