"""Questions how long a prompt is: passed on where client and provider ask alike, else translated.

A provider that has no such endpoint has no such way; the face estimates then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from gateway.dialects.anthropic.provider_count import COUNT_PATH as MESSAGES_COUNT_PATH
from gateway.dialects.codec import ClientCodec, Frame, TokenCounter
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.messages import request_notes as messages_notes
from gateway.dialects.messages.answer_notes import read_count
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.openai_errors import read_error
from gateway.dialects.passed_reply import ReplyNotes
from gateway.dialects.responses import request_notes as responses_notes
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.kept import write_count
from gateway.dialects.responses.provider_count import COUNT_PATH as RESPONSES_COUNT_PATH
from gateway.dialects.responses.provider_count import ResponsesCounter
from gateway.unhurried import unhurried


class Asking(NamedTuple):
    """How clients of one dialect ask, where another one counts."""

    client: ClientCodec
    request_of: Callable[[bytes], bytes]
    """The request for an answer that a question stands for."""
    write: Callable[[int], bytes]


IN_MESSAGES: Final = Asking(MessagesClient(), messages_notes.request_of_count, messages_notes.write_count)
IN_RESPONSES: Final = Asking(ResponsesClient(), bytes, write_count)


class _Unstreamed:
    """Counts are never streamed."""

    def stream(self) -> NoReturn:
        raise AssertionError("a count is not streamed")

    def as_stream(self, body: bytes) -> NoReturn:
        raise AssertionError("a count is not streamed")


class Rewrite(Protocol):
    """What is changed in a question that is passed on. Raises InvalidRequest."""

    def __call__(self, body: bytes, request: Any, *, model: str) -> bytes: ...


ReadCount = Callable[[bytes], ReplyNotes]
"""Raises ValueError where a body is no answer."""


class CountWay:
    """To a provider that counts in its clients' own dialect; a `gateway.calls.passage.Way`."""

    translates = False

    def __init__(self, path: bytes, rewrite: Rewrite, read: ReadCount) -> None:
        self._path = path
        self._rewrite = rewrite
        self._read = read

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> CountPassage:
        return CountPassage(self._path, self._rewrite(request.body, request.decoded, model=model), self._read)


class CountPassage(_Unstreamed):
    """One request to count tokens on its way."""

    def __init__(self, path: bytes, body: bytes, read: ReadCount) -> None:
        self.path = path
        self.body = body
        self._read = read

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        return self._read(body)


def read_input_tokens(body: bytes) -> ReplyNotes:
    """OpenAI's. Raises ValueError where the body is no answer."""
    if read_error(body) is not None:
        return ReplyNotes(error=body)
    ResponsesCounter().read(body)
    return ReplyNotes()


def messages_count() -> CountWay:
    """From a client of Anthropic's to Anthropic."""
    return CountWay(MESSAGES_COUNT_PATH, messages_notes.rewrite_request, read_count)


def input_tokens() -> CountWay:
    """From a client of OpenAI's to OpenAI."""
    return CountWay(RESPONSES_COUNT_PATH, responses_notes.rewrite_request, read_input_tokens)


class CountTranslation:
    """From clients of one dialect to a provider of another that counts; a `gateway.calls.passage.Way`."""

    translates = True

    def __init__(self, asking: Asking, counter: TokenCounter) -> None:
        self._asking = asking
        self._counter = counter

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> TranslatedCount:
        counter, asking = self._counter, self._asking
        body = asking.request_of(request.body)
        conversation = await unhurried(asking.client.decode(body, counter.provider.name))
        question = counter.question(await unhurried(counter.provider.encode(conversation, model)), model)
        return TranslatedCount(counter.path(model), question, counter, asking.write)


class TranslatedCount(_Unstreamed):
    """One question, translated; its answer will be."""

    def __init__(self, path: bytes, body: bytes, counter: TokenCounter, write: Callable[[int], bytes]) -> None:
        self.path = path
        self.body = body
        self._counter = counter
        self._write = write

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        if self._counter.provider.read_error(body) is not None:
            return ReplyNotes(error=body)
        return ReplyNotes(body=self._write(self._counter.read(body)))
