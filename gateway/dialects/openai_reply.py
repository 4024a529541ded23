"""Chat completions, the whole answer: what the gateway notes of one that it passes on as it is."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.openai_errors import envelop
from gateway.dialects.openai_usage import Counts, usage_of
from gateway.dialects.passed_reply import ReplyNotes, nested_too_deeply, nothing_said, read_unusual

_NULL: Final = msgspec.Raw(b"null")


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Reply(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Counts | None = None
    error: msgspec.Raw = _NULL


_decoder = msgspec.json.Decoder(_Reply)


def read_reply(body: bytes) -> ReplyNotes:
    """Reads a whole answer, leading white space and all. Raises ValueError where it is none."""
    try:
        reply = _decoder.decode(body)
    except msgspec.ValidationError:
        return read_unusual(body, _has_choices)
    except RecursionError as problem:
        raise nested_too_deeply() from problem
    if reply.error is not _NULL and bytes(reply.error) != b"null":
        return ReplyNotes(error=envelop(bytes(reply.error)))
    if not reply.choices:
        raise nothing_said()
    usage = None if reply.usage is None else usage_of(reply.usage)
    return ReplyNotes(usage, reply.choices[0].finish_reason)


def _has_choices(document: dict[str, Any]) -> bool:
    choices = document.get("choices")
    return isinstance(choices, list) and any(isinstance(choice, dict) for choice in choices)
