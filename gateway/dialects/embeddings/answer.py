"""Embeddings, the answer that the gateway writes itself, as OpenAI writes it."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode

import msgspec


class _Embedding(msgspec.Struct):
    embedding: list[float] | str
    index: int
    object: str = "embedding"


class _Usage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw]
    model: str
    usage: _Usage
    object: str = "list"


_encode = msgspec.json.Encoder().encode


def embedding_object(values: list[float], index: int, *, as_base64: bool) -> msgspec.Raw:
    """One embedding of an answer."""
    return msgspec.Raw(_encode(_Embedding(_base64_of(values) if as_base64 else values, index)))


def answer_body(embeddings: list[msgspec.Raw], model: str, prompt_tokens: int) -> bytes:
    """The whole answer."""
    return _encode(_Answer(embeddings, model, _Usage(prompt_tokens, prompt_tokens)))


def _base64_of(values: list[float]) -> str:
    """32-bit floats, little-endian, as OpenAI's official clients ask for them."""
    floats = array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()
    return b64encode(floats.tobytes()).decode()
