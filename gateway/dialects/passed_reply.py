"""A whole answer that is passed on as it is: what is noted of it, in whichever dialect, and whether it is one at all.

What says nothing is no answer, as where it would have been translated. One of another shape than is known has been
paid for, and the client may understand it: it passes as long as it has what every answer of its dialect is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import envelop


class ReplyNotes(msgspec.Struct, frozen=True, gc=False):
    """A whole answer of a provider, read: what it says about itself, and what becomes of it."""

    usage: Usage | None = None
    finish_reason: str | None = None
    error: bytes | None = None
    """An error answer's body of the provider's dialect, where the status said that all is well."""
    body: bytes = b""
    """For the client, in its dialect, where it is not passed on as it came."""


def read_unusual(body: bytes, is_answer: Callable[[dict[str, Any]], bool]) -> ReplyNotes:
    """The notes of an object of a shape that nobody knows. Raises ValueError where it is no answer at all."""
    try:
        document = msgspec.json.decode(body)
    except RecursionError as problem:
        raise nested_too_deeply() from problem
    if not isinstance(document, dict):
        raise ValueError("no object")
    if error := document.get("error"):
        return ReplyNotes(error=envelop(msgspec.json.encode(error)))
    if not is_answer(document):
        raise nothing_said()
    return ReplyNotes()


def nothing_said() -> ValueError:
    """For an object without anything that answers are made of."""
    return ValueError("there is no answer in it")


def nested_too_deeply() -> ValueError:
    return ValueError("nested too deeply")
