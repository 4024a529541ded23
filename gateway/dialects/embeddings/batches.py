"""Embeddings of many inputs as several smaller questions, and their answers as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.dialects.embeddings.request import EmbeddingsRequest


class Part(msgspec.Struct, frozen=True):
    """One of the smaller questions."""

    body: bytes
    request: EmbeddingsRequest


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    total_tokens: int = 0


class _Answer(msgspec.Struct):
    data: list[dict[str, msgspec.Raw]]
    usage: _Usage | None = None


_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_answer_decoder = msgspec.json.Decoder(_Answer)
_encode = msgspec.json.Encoder().encode


def inputs_of(request: EmbeddingsRequest) -> int:
    """How many embeddings are asked for: a text is one, and so are the tokens of one."""
    given = request.input
    return 1 if isinstance(given, str) or isinstance(given[0], int) else len(given)


def split(body: bytes, request: EmbeddingsRequest, most: int) -> list[Part]:
    """The questions, with at most `most` inputs each; all other members are in each as the client wrote them."""
    given = request.input
    members = _members_decoder.decode(body)
    parts = []
    for start in range(0, len(given), most):
        some: Any = given[start : start + most]
        own = _encode(members | {"input": msgspec.Raw(_encode(some))})
        parts.append(Part(own, msgspec.structs.replace(request, input=some)))
    return parts


def join(answers: Sequence[bytes]) -> bytes:
    """One answer: embeddings in the order of their inputs, usage added up, all else as the first says it.

    Raises ValueError for what is no answer.
    """
    data: list[dict[str, msgspec.Raw]] = []
    usage = _Usage()
    for answer in map(_answer_decoder.decode, answers):
        for embedding in sorted(answer.data, key=_index_of):
            data.append(embedding | {"index": msgspec.Raw(b"%d" % len(data))})
        if answer.usage is not None:
            usage.prompt_tokens += answer.usage.prompt_tokens
            usage.total_tokens += answer.usage.total_tokens
    members = _members_decoder.decode(answers[0])
    return _encode(members | {"data": msgspec.Raw(_encode(data)), "usage": msgspec.Raw(_encode(usage))})


def _index_of(embedding: dict[str, msgspec.Raw]) -> int:
    return msgspec.json.decode(embedding.get("index", b"0"), type=int)
