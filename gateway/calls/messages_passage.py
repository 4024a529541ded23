"""Messages from a client of Anthropic's to a provider that speaks its dialect too: passed on as they are."""

from __future__ import annotations

from typing import Final

from gateway.calls.passage import Passage, Way
from gateway.dialects.anthropic.provider_codec import MESSAGES_PATH
from gateway.dialects.codec import Frame
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.foreign_thoughts import STAMPED
from gateway.dialects.messages.answer_notes import read_reply
from gateway.dialects.messages.passed_stream import MessagesStream
from gateway.dialects.messages.request_notes import MessagesRequest, rewrite_request
from gateway.dialects.messages.told_message import as_stream
from gateway.dialects.passed_reply import ReplyNotes

_ANSWERED: Final = b'"assistant"'
"""In every body in which a model has thought before."""


class MessagesWay:
    """A `gateway.calls.passage.Way`."""

    translates = False

    def __init__(self, through_pivot: Way) -> None:
        """`through_pivot` is taken by what another maker's model has thought in: it knows what is left out then."""
        self._through_pivot = through_pivot

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> Passage:
        read: MessagesRequest = request.decoded
        if STAMPED in request.body and _ANSWERED in request.body:
            return await self._through_pivot.prepare(request, model, streamed=streamed, frame=frame)
        return MessagesPassage(rewrite_request(request.body, read, model=model, parameters=request.parameters))


class MessagesPassage:
    """One request on its way."""

    __slots__ = ("body",)

    path = MESSAGES_PATH

    def __init__(self, body: bytes) -> None:
        self.body = body

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        return read_reply(body)

    def stream(self) -> MessagesStream:
        return MessagesStream()

    def as_stream(self, body: bytes) -> bytes:
        """Raises ValueError where the body is no answer."""
        return as_stream(body)
