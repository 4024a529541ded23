"""Embeddings by a model behind Gemini: OpenAI's request and answer as batchEmbedContents.

https://ai.google.dev/api/embeddings. One input or many, the form is the same.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.embeddings.answer import answer_body, embedding_object
from gateway.dialects.embeddings.fidelity import TABLE
from gateway.dialects.embeddings.request import EmbeddingsRequest, estimate_tokens, members_of
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import GEMINI, check
from gateway.dialects.gemini.codec import KIND, model_path
from gateway.dialects.gemini.refusals import refuse
from gateway.dialects.gemini.usage import read_cost
from gateway.dialects.gemini.wire import NULL

MOST_INPUTS: Final = 100
"""Gemini takes no more in one batch."""


class EmbeddingsAnswer(msgspec.Struct, frozen=True):
    """An answer for an OpenAI client."""

    body: bytes
    usage: Usage


class _Embedding(msgspec.Struct):
    values: msgspec.Raw


class _Answer(msgspec.Struct, rename="camel"):
    embeddings: list[_Embedding]
    usage_metadata: msgspec.Raw = NULL


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_values = msgspec.json.Decoder(list[float]).decode
_encode = msgspec.json.Encoder().encode


def path(model: str) -> bytes:
    """What follows the provider's base path."""
    return model_path(model, "batchEmbedContents")


def encode_request(body: bytes, request: EmbeddingsRequest, model: str) -> bytes:
    """The body for Gemini; `request` is what was read of the client's `body`.

    Raises InvalidRequest that names the field for what Gemini cannot be asked.
    """
    check(TABLE, members_of(body).items(), GEMINI)
    texts = request.texts
    if texts is None:
        refuse("input", "tokens mean something else to it; send the text.")
    if len(texts) > MOST_INPUTS:
        refuse("input", f"it takes at most {MOST_INPUTS} texts at once.")
    name = KIND + model.removeprefix(KIND)
    settings: dict[str, Any] = {}
    if request.dimensions is not None:
        settings["outputDimensionality"] = request.dimensions
    return _encode({"requests": [{"model": name, "content": {"parts": [{"text": text}]}} | settings for text in texts]})


def decode_answer(body: bytes, request: EmbeddingsRequest, model: str) -> Steps[EmbeddingsAnswer]:
    """The answer for the client, after a pause for each embedding; it says that `model` made it.

    Raises ValueError for a body that is no answer to `request`. Where Gemini does not count, usage is estimated.
    """
    answer = _read(body)
    if len(answer.embeddings) != len(request.texts or ()):
        raise ValueError("not as many embeddings as texts")
    as_base64 = request.encoding_format == "base64"
    data: list[msgspec.Raw] = []
    for index, each in enumerate(answer.embeddings):
        data.append(embedding_object(_decode_values(each.values), index, as_base64=as_base64))
        yield 1
    cost = read_cost(answer.usage_metadata)
    counted = cost.usage.prompt if cost is not None else 0
    prompt = counted or estimate_tokens(request)
    return EmbeddingsAnswer(answer_body(data, model, prompt), Usage(prompt=prompt))


def _read(body: bytes) -> _Answer:
    try:
        return _decode_answer(body)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
