"""Messages, Anthropic's own whole answer: what the gateway notes of one that it passes on as it is."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.anthropic.provider_reply import finish_of
from gateway.dialects.anthropic.provider_usage import read_counts, usage_of
from gateway.dialects.passed_reply import ReplyNotes, nested_too_deeply, nothing_said, read_unusual

_NULL: Final = msgspec.Raw(b"null")
_ERROR: Final = "error"


class _Block(msgspec.Struct, gc=False):
    """An object, whatever it holds."""


class _Reply(msgspec.Struct, gc=False):
    type: str | None = None
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = _NULL


class _Count(msgspec.Struct, gc=False):
    type: str | None = None
    input_tokens: int | None = None


_decoder = msgspec.json.Decoder(_Reply)
_count_decoder = msgspec.json.Decoder(_Count)


def read_reply(body: bytes) -> ReplyNotes:
    """Reads a whole answer. Raises ValueError where it is none."""
    try:
        reply = _decoder.decode(body)
    except msgspec.ValidationError:
        return read_unusual(body, _has_content)
    except RecursionError as problem:
        raise nested_too_deeply() from problem
    if reply.type == _ERROR:
        return ReplyNotes(error=body)
    if reply.content is None:
        raise nothing_said()
    counts = read_counts(reply.usage)
    return ReplyNotes(
        None if counts is None else usage_of(counts),
        None if reply.stop_reason is None else finish_of(reply.stop_reason).value,
    )


def read_count(body: bytes) -> ReplyNotes:
    """Reads an answer to how many tokens there are. Raises ValueError where it is none."""
    try:
        count = _count_decoder.decode(body)
    except RecursionError as problem:
        raise nested_too_deeply() from problem
    if count.type == _ERROR:
        return ReplyNotes(error=body)
    if count.input_tokens is None:
        raise nothing_said()
    return ReplyNotes()


def _has_content(document: dict[str, Any]) -> bool:
    content = document.get("content")
    return isinstance(content, list) and all(isinstance(block, dict) for block in content)
