"""How virtual providers read a request and say their answer: what their wire formats have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from tests.sim.answers import Answer, Bill, Json, Question


class Said(NamedTuple):
    """An event of a stream, and how many characters of the answer are in it."""

    wire: bytes
    characters: int = 0


class Voice(Protocol):
    """One wire format of a provider."""

    def read(self, target: str, body: Json) -> Question: ...

    def whole(self, question: Question, answer: Answer, bill: Bill) -> Json: ...

    def events(self, question: Question, answer: Answer, bill: Bill, sizes: Iterator[int]) -> Iterator[Said]:
        """A stream; without the events behind the last character it is cut."""
        ...

    def error(self, status: int, message: str) -> Json: ...

    def error_event(self, status: int, message: str) -> bytes: ...


def data(document: Json) -> bytes:
    return b"data: %b\n\n" % json.dumps(document).encode()


def named(document: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (document["type"].encode(), json.dumps(document).encode())


def prefix_in(messages: Sequence[Json]) -> str:
    last = messages[-1]
    return str(last["content"]) if last["role"] == "assistant" else ""


def asked_in(messages: Sequence[Json]) -> Sequence[Json]:
    """Without an answer that is begun."""
    return messages[:-1] if prefix_in(messages) else messages
