"""What is said of an endpoint beside what its route says already."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import msgspec

JSON_TYPE: Final = "application/json"
EVENTS_TYPE: Final = "text/event-stream"


class Access(Enum):
    """Who may come in."""

    CLIENT = "client"
    """Whoever has a client key, where the gateway asks for one."""
    OPEN = "open"
    ADMIN = "admin"
    METRICS = "metrics"


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of the query, or a header."""

    name: str
    schema: dict[str, Any]
    description: str
    place: str = "query"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint in words."""

    summary: str
    tag: str
    access: Access = Access.CLIENT
    request: Any = None
    """A type that msgspec can describe, or a schema; None where nothing is read from the body."""
    request_required: bool = True
    parameters: tuple[Parameter, ...] = ()
    status: int = 200
    """Of an answer that is none of the failures."""
    answers: tuple[str, ...] = (JSON_TYPE,)
    """Content types of that answer."""
    answer: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object"})
    """Its schema, where it is JSON."""
    failures: tuple[int, ...] = ()
    """Statuses beyond those that every endpoint of its access has."""
    anthropic_errors: bool = False
    """Errors come in the envelope of Anthropic's Messages API."""
    either_errors: bool = False
    """In that one, or in OpenAI's, as the client asks."""
