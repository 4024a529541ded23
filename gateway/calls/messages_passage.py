"""Messages from a client of Anthropic's to a provider that speaks its dialect too: passed on as they are."""

from __future__ import annotations

from gateway.calls.passage import WholeAnswer
from gateway.dialects.anthropic.provider_codec import MESSAGES_PATH
from gateway.dialects.codec import Frame
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.messages.answer_notes import read_reply
from gateway.dialects.messages.passed_stream import MessagesStream
from gateway.dialects.messages.request_notes import MessagesRequest, rewrite_request
from gateway.dialects.messages.told_message import as_stream


class MessagesWay:
    """A `gateway.calls.passage.Way`."""

    translates = False

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> MessagesPassage:
        read: MessagesRequest = request.decoded
        return MessagesPassage(rewrite_request(request.body, read, model=model, parameters=request.parameters))


class MessagesPassage:
    """One request on its way."""

    __slots__ = ("body",)

    path = MESSAGES_PATH

    def __init__(self, body: bytes) -> None:
        self.body = body

    def read(self, body: bytes) -> WholeAnswer:
        """Raises ValueError where the body is no answer."""
        notes = read_reply(body)
        return WholeAnswer(body, notes.usage, notes.finish_reason, notes.error)

    def stream(self) -> MessagesStream:
        return MessagesStream()

    def as_stream(self, body: bytes) -> bytes:
        """Raises ValueError where the body is no answer."""
        return as_stream(body)
