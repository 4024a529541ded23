"""What was spent between two days, grouped as somebody asks; what several workers tell is added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gateway.keys.ledger import FIGURES, Posting, Spent
from gateway.money import decimal_usd

GROUPS: Final = ("key", "provider", "model", "day")


class Line(msgspec.Struct, frozen=True, gc=False):
    """One key's spending on one model of one provider on one day, as workers tell each other."""

    key: str
    provider: str
    model: str
    day: str
    spent: Spent


class Question(NamedTuple):
    """What is asked for; both days are included."""

    since: str
    until: str
    group_by: Sequence[str] = GROUPS
    key: str | None = None

    def wants(self, key: str, day: str) -> bool:
        return self.since <= day <= self.until and (self.key is None or self.key == key)


def lines_of(postings: Iterable[Posting], question: Question) -> list[Line]:
    """Those that the question is about."""
    return [
        Line(client, provider, model, day, spent)
        for client, day, rows in postings
        if question.wants(client, day)
        for (provider, model), spent in rows.items()
    ]


def grouped(lines: Iterable[Line], group_by: Sequence[str]) -> list[dict[str, Any]]:
    """Rows as they are shown, in the order of their names."""
    sums: dict[tuple[str, ...], Spent] = {}
    for line in lines:
        place = tuple(getattr(line, name) for name in group_by)
        sums.setdefault(place, Spent()).add(line.spent)
    return [{**dict(zip(group_by, place, strict=True)), **shown(spent)} for place, spent in sorted(sums.items())]


def total(lines: Iterable[Line]) -> dict[str, Any]:
    spent = Spent()
    for line in lines:
        spent.add(line.spent)
    return shown(spent)


def shown(spent: Spent) -> dict[str, Any]:
    """Money as an exact decimal number of USD, all else as it is counted."""
    figures = {_SHOWN[name]: getattr(spent, name) for name in FIGURES}
    return {"cost_usd": msgspec.Raw(decimal_usd(figures.pop("nano_usd"))), **figures}


_SHOWN: Final = {
    "nano_usd": "nano_usd",
    "calls": "calls",
    "unpriced": "unpriced_calls",
    "prompt": "prompt_tokens",
    "completion": "completion_tokens",
    "cached": "cached_tokens",
    "written": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}
