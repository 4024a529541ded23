"""Chat completions, the whole answer: what the gateway notes of one that it passes on as it is."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import envelop
from gateway.dialects.openai_usage import Counts, usage_of

_NULL: Final = msgspec.Raw(b"null")


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Reply(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Counts | None = None
    error: msgspec.Raw = _NULL


class ReplyNotes(msgspec.Struct, frozen=True, gc=False):
    """What an answer says about itself."""

    usage: Usage | None = None
    finish_reason: str | None = None
    error: bytes | None = None
    """An error answer's body, where the status said that all is well but a top-level `error` says it is not."""


_decoder = msgspec.json.Decoder(_Reply)


def read_reply(body: bytes) -> ReplyNotes:
    """Reads a whole answer, leading white space and all. Raises ValueError where it is no JSON object."""
    try:
        reply = _decode(body)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    return ReplyNotes(
        None if reply.usage is None else usage_of(reply.usage),
        reply.choices[0].finish_reason if reply.choices else None,
        None if reply.error is _NULL or bytes(reply.error) == b"null" else envelop(bytes(reply.error)),
    )


def _decode(body: bytes) -> _Reply:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError:
        if isinstance(msgspec.json.decode(body), dict):
            return _Reply()  # of an unusual shape, but paid for: the client may understand it
        raise
