"""GET /admin/spend: what keys have spent, on which models of which providers, on which days.

    ?from=2026-11-01&to=2026-11-28&group_by=key,model&key=team-a

Both days are included, in UTC; left out: this month so far, everybody, and all four groups.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import msgspec

from gateway.admin.asking import json_answer
from gateway.errors import InvalidRequest
from gateway.exchange import Answer, Request
from gateway.keys.report import GROUPS, Line, Question, grouped, total

MOST_DAYS: Final = 93
AskSiblings = Callable[[str], Awaitable[Mapping[str, bytes | None]]]
"""The lines of each sibling for a query; None for who is absent."""

_decode_lines = msgspec.json.Decoder(list[Line]).decode
_encode = msgspec.json.Encoder().encode


class Spend(Protocol):
    """Who knows."""

    def today(self) -> str: ...
    def own_lines(self, question: Question) -> list[Line]:
        """What this worker alone knows."""
        ...

    async def shared_lines(self, question: Question) -> list[Line]:
        """What stands in the shared store. Raises StoreUnavailable."""
        ...


class SpendPage:
    """The handlers."""

    def __init__(self, spend: Spend, ask_siblings: AskSiblings | None = None) -> None:
        self._spend = spend
        self._ask_siblings = ask_siblings

    async def show(self, request: Request) -> Answer:
        """Everybody's. Raises InvalidRequest, StoreUnavailable."""
        question = read_question(request.query, self._spend.today())
        lines = [*self._spend.own_lines(question), *await self._spend.shared_lines(question)]
        absent: list[str] = []
        if self._ask_siblings is not None:
            for worker, text in (await self._ask_siblings(request.query.decode("latin-1"))).items():
                if text is None:
                    absent.append(worker)
                else:
                    lines += _decode_lines(text)
        return json_answer(_page(question, lines, absent))

    async def show_own(self, request: Request) -> Answer:
        """What this worker alone knows, for its siblings."""
        question = read_question(request.query, self._spend.today())
        return Answer(200, [], _encode(self._spend.own_lines(question)))


def read_question(query: bytes, today: str) -> Question:
    """Raises InvalidRequest whose `param` names what is wrong."""
    given = {name: values[-1] for name, values in parse_qs(query.decode("latin-1")).items()}
    if unknown := given.keys() - {"from", "to", "group_by", "key"}:
        name = min(unknown)
        raise InvalidRequest(f"Unknown parameter '{name}'.", param=name)
    until = _day(given, "to", today)
    since = _day(given, "from", f"{until[:7]}-01")
    days = (date.fromisoformat(until) - date.fromisoformat(since)).days
    if not 0 <= days < MOST_DAYS:
        raise InvalidRequest(f"Invalid 'from': expected a day at most {MOST_DAYS - 1} days before 'to'.", param="from")
    return Question(since, until, _groups(given.get("group_by")), given.get("key"))


def _day(given: Mapping[str, str], name: str, usual: str) -> str:
    text = given.get(name, usual)
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidRequest(f"Invalid '{name}': expected a day like 2026-11-28.", param=name) from None


def _groups(text: str | None) -> Sequence[str]:
    if text is None:
        return GROUPS
    groups = text.split(",")
    if not set(groups) <= set(GROUPS) or len(set(groups)) != len(groups):
        raise InvalidRequest(f"Invalid 'group_by': expected some of {', '.join(GROUPS)}.", param="group_by")
    return groups


def _page(question: Question, lines: Sequence[Line], absent: list[str]) -> dict[str, Any]:
    return {
        "from": question.since,
        "to": question.until,
        "group_by": question.group_by,
        "data": grouped(lines, question.group_by),
        "total": total(lines),
        **({"absent": absent} if absent else {}),
    }
