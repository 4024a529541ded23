"""What has happened in a run, as seen from outside: clients' requests and answers, and what providers were asked.

As Jepsen has it, a request is invoked, and ends as ok, error or unknown.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.sim.answers import Answer, Bill, Question
from tests.sim.scenario import Ask, Client
from tests.sim.turns import Call, Told


class End(enum.Enum):
    """How a request ended for its client."""

    OPEN = "open"
    """It still waits."""
    OK = "ok"
    """A whole answer."""
    ERROR = "error"
    """An error object, or a stream that ends with one."""
    LEFT = "left"
    """It went away."""
    CUT = "cut"
    """The connection ended under it."""
    REFUSED = "refused"
    """It could not connect."""


@dataclass(eq=False, slots=True)
class Heard:
    """One request of a client and what became of it."""

    id: str
    client: Client
    ask: Ask
    asked_at: float
    """When its last byte was sent."""
    sent: bool = False
    """All of it was."""
    end: End = End.OPEN
    ended_at: float = 0.0
    status: int = 0
    code: str = ""
    """Of the error."""
    text: str = ""
    thought: str = ""
    signatures: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    usage: Bill | None = None
    told: Told = ()
    """All that its model is to know of the conversation."""
    body_sent: dict[str, Any] = field(default_factory=dict)
    response_id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    content_at: float | None = None
    """When the first byte of the answer's body came."""
    body: bytes = b""
    order: Iterator[int] = field(default_factory=count)
    asked_mark: int = 0
    ended_mark: int = 0

    def close(self, end: End, at: float) -> None:
        self.end, self.ended_at, self.ended_mark = end, at, next(self.order)


@dataclass(eq=False, slots=True)
class Work:
    """A response in the background, as those hear of it who ask for it by its id."""

    heard: Heard
    """What it was asked for with."""
    id: str
    began_at: float
    cancelled_at: float | None = None
    """When somebody had asked for its end, and been told that it is there."""
    unheeded: bool = False
    """Who asked for its end was told that it goes on."""
    seen_by_others: bool = False
    looks: int = 0
    """How often it was asked for."""
    ended_at: float | None = None
    """When it was first seen to have ended."""
    status: str = ""
    """As it was seen last; "404" and the like where it is not shown."""
    found: Heard | None = None
    """What its answer says, as if that had come at once."""


@dataclass(eq=False, slots=True)
class Errand:
    """One run of the gateway's tool, as its host got it."""

    request_id: str
    arguments: str
    at: float
    result: str | None = None
    """What it was answered, None where that was no answer."""
    unheard: bool = False
    """Its connection was gone before any: it may be sent once more on a fresh one."""
    over_at: float | None = None
    """When its host had done what it meant to do."""
    broken_at: float | None = None
    """When the gateway broke the connection off, before that."""


@dataclass(eq=False, slots=True)
class Exchange:
    """One request as a provider got it."""

    provider: str
    request_id: str
    number: int
    """The how manyth of this request at this provider."""
    model: str
    mood: str
    at: float
    streamed: bool
    prefix: str
    bill: Bill
    question: Question
    answer: Answer
    """What it means to say."""
    head: bytes
    body: bytes
    mark: int
    over_mark: int = 0
    said: int = 0
    """How many characters of it have been sent."""
    spoke_at: list[float] = field(default_factory=list)
    """When an event of it was."""
    whole: bool = False
    """All was sent, the end too."""
    over_at: float | None = None
    """When the provider had done what it meant to do."""
    broken_at: float | None = None
    """When the gateway broke the connection off, before that."""


class Facts(list[object]):
    """What actors have stated, each with its mark."""

    def __init__(self, order: Iterator[int]) -> None:
        super().__init__()
        self.marks: list[int] = []
        self._order = order

    def append(self, fact: object) -> None:
        super().append(fact)
        self.marks.append(next(self._order))


@dataclass(eq=False, slots=True)
class History:
    """All of a run, in order."""

    order: Iterator[int] = field(default_factory=count)
    """Marks what happens, for the clock stands still where one thing leads to the next."""
    heard: list[Heard] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    probes: list[Heard] = field(default_factory=list)
    """Of the liveness phase."""
    works: list[Work] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    hostile: list[bytes] = field(default_factory=list)
    """What those got who sent no HTTP."""
    notes: list[tuple[float, int, str]] = field(default_factory=list)
    """What the world did: faults, drains, reloads."""
    seen: set[str] = field(default_factory=set)
    """What the watch has seen (`sometimes.py`)."""
    errors: list[Any] = field(default_factory=list)
    """What broke in the simulation itself."""

    def of(self, request_id: str) -> list[Exchange]:
        """What providers were asked for one request."""
        return [exchange for exchange in self.exchanges if exchange.request_id == request_id]
