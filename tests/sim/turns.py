"""A conversation as both its ends know it, whatever the wire format: what was said, called and answered, in order."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable
from typing import Final, NamedTuple


class Who(enum.Enum):
    """Whose words they are."""

    USER = "user"
    MODEL = "model"
    CALL = "call"
    """The model's, to a function."""
    RESULT = "result"
    """The function's."""


class Call(NamedTuple):
    """Of a function."""

    id: str
    name: str
    arguments: str
    """As JSON; of an answer that is cut its beginning."""


class Entry(NamedTuple):
    """Something said."""

    who: Who
    text: str


Told = tuple[Entry, ...]
SO_BE_IT: Final = "so be it"


def joined(entries: Iterable[Entry]) -> Told:
    """However a text was cut into messages, it is one; an empty one is none."""
    told: list[Entry] = []
    for entry in entries:
        if told and entry.who is told[-1].who and entry.who in (Who.USER, Who.MODEL):
            told[-1] = Entry(entry.who, told[-1].text + entry.text)
        elif entry.text:
            told.append(entry)
    return tuple(told)


def entry_of_call(name: str, arguments: str) -> Entry:
    return Entry(Who.CALL, f"{name} {_plain(arguments)}")


def entry_of_result(text: str) -> Entry:
    return Entry(Who.RESULT, _plain(text))


def answered(text: str, calls: Iterable[Call]) -> list[Entry]:
    """What a model has said: its text, then its calls."""
    return [Entry(Who.MODEL, text), *(entry_of_call(name, arguments) for _, name, arguments in calls)]


def result_of(call: Call) -> str:
    """What a client's own function answers."""
    return f"{SO_BE_IT}: {json.loads(call.arguments)['count']}"


def _plain(text: str) -> str:
    """JSON is written anew on its way."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
