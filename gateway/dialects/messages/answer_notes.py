"""Messages, Anthropic's own whole answer: what the gateway notes of one that it passes on as it is."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.anthropic.provider_reply import finish_of
from gateway.dialects.anthropic.provider_usage import read_counts, usage_of
from gateway.dialects.openai_reply import ReplyNotes

_NULL: Final = msgspec.Raw(b"null")
_ERROR: Final = "error"


class _Reply(msgspec.Struct, gc=False):
    type: str | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = _NULL


_decoder = msgspec.json.Decoder(_Reply)


def read_reply(body: bytes) -> ReplyNotes:
    """Reads a whole answer. Raises ValueError where it is no JSON object."""
    try:
        reply = _decode(body)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if reply.type == _ERROR:
        return ReplyNotes(error=body)
    counts = read_counts(reply.usage)
    return ReplyNotes(
        None if counts is None else usage_of(counts),
        None if reply.stop_reason is None else finish_of(reply.stop_reason).value,
    )


def _decode(body: bytes) -> _Reply:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError:
        if isinstance(msgspec.json.decode(body), dict):
            return _Reply()  # of an unusual shape, but paid for: the client may understand it
        raise
