"""Embeddings: passed on to a provider of OpenAI's dialect, translated for Gemini."""

from __future__ import annotations

from typing import Final, NoReturn

from gateway.calls.passage import PassingWay
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.embeddings import gemini
from gateway.dialects.embeddings.answer_notes import read_reply
from gateway.dialects.embeddings.request import EmbeddingsRequest, rewrite_request
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.passed_reply import ReplyNotes

EMBEDDINGS_PATH: Final = b"/embeddings"


class EmbeddingsWay(PassingWay):
    """To a provider of OpenAI's dialect; a `gateway.calls.passage.Way`."""

    def pass_on(self, request: ModelRequest, model: str, *, streamed: bool) -> PassedEmbeddings:
        read: EmbeddingsRequest = request.decoded
        return PassedEmbeddings(rewrite_request(request.body, read, model=model), read.count)


class GeminiEmbeddingsWay:
    """To Gemini; a `gateway.calls.passage.Way`."""

    translates = True

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> GeminiEmbeddings:
        read: EmbeddingsRequest = request.decoded
        return GeminiEmbeddings(gemini.path(model), gemini.encode_request(request.body, read, model), read, model)


class _Unstreamed:
    """Embeddings are never streamed."""

    def stream(self) -> NoReturn:
        raise AssertionError("embeddings are not streamed")

    def as_stream(self, body: bytes) -> NoReturn:
        raise AssertionError("embeddings are not streamed")


class PassedEmbeddings(_Unstreamed):
    """One request on its way, untouched but for the model's name."""

    path = EMBEDDINGS_PATH

    def __init__(self, body: bytes, inputs: int) -> None:
        self.body = body
        self._inputs = inputs

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        notes = read_reply(body, self._inputs)
        return notes if notes.error is None else ReplyNotes(error=body)


class GeminiEmbeddings(_Unstreamed):
    """One request, translated; its answer will be."""

    def __init__(self, path: bytes, body: bytes, request: EmbeddingsRequest, model: str) -> None:
        self.path = path
        self.body = body
        self._request = request
        self._model = model

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        answer = finish_steps(gemini.decode_answer(body, self._request, self._model))
        return ReplyNotes(answer.usage, body=answer.body)
