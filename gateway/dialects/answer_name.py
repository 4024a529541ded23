"""What a provider calls its answer, and the model that gave it, in whichever dialect: traces want to know it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gateway.dialects.sse import SseSplitter


class AnswerName(NamedTuple):
    """Each None where the provider does not say it."""

    id: str | None = None
    model: str | None = None


class _Named(msgspec.Struct):
    """A whole answer, or the first event of a streamed one; Gemini has words of its own."""

    id: str | None = None
    model: str | None = None
    response_id: str | None = msgspec.field(default=None, name="responseId")
    model_version: str | None = msgspec.field(default=None, name="modelVersion")


class _First(_Named):
    """Responses and Messages put into their first event what has begun."""

    response: _Named | None = None
    message: _Named | None = None


_decode = msgspec.json.Decoder(_First).decode


def answer_name(begins: bytes) -> AnswerName:
    """Of a whole answer, or of what has come first of a stream; nothing is known where that is no whole event."""
    if begins.lstrip()[:1] != b"{":  # OpenRouter puts white space before a whole one
        events = SseSplitter(limit_bytes=len(begins)).feed(begins)
        begins = next((event.data for event in events if event.data is not None), b"")
    try:
        first = _decode(begins)
    except (ValueError, RecursionError):
        return AnswerName()
    said = first.response or first.message or first
    return AnswerName(said.id or said.response_id, said.model or said.model_version)
