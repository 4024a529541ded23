"""Embeddings, a provider's own answer: what the gateway notes of one that it passes on as it is."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.openai_errors import envelop
from gateway.dialects.openai_usage import read_usage
from gateway.dialects.passed_reply import ReplyNotes, nested_too_deeply

_NULL: Final = msgspec.Raw(b"null")


class _Embedding(msgspec.Struct, gc=False):
    embedding: msgspec.Raw
    """Numbers or base64; some have forms of their own."""


class _Answer(msgspec.Struct, gc=False):
    data: list[_Embedding] = []
    usage: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_decoder = msgspec.json.Decoder(_Answer)


def read_reply(body: bytes, inputs: int) -> ReplyNotes:
    """Reads the answer to so many inputs. Raises ValueError where it is none, or holds another number of embeddings."""
    try:
        answer = _decoder.decode(body)
    except RecursionError as problem:
        raise nested_too_deeply() from problem
    if answer.error is not _NULL and bytes(answer.error) != b"null":
        return ReplyNotes(error=envelop(bytes(answer.error)))
    if len(answer.data) != inputs:
        raise ValueError("not as many embeddings as inputs")
    return ReplyNotes(read_usage(answer.usage))
