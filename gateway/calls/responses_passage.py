"""Responses from a client of OpenAI's to a provider that offers them too: passed on as they are."""

from __future__ import annotations

from typing import Final

from gateway.calls.passage import PassingWay
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.passed_reply import ReplyNotes
from gateway.dialects.responses.answer_notes import read_reply
from gateway.dialects.responses.answer_stream import ResponsesStream
from gateway.dialects.responses.request_notes import ResponsesRequest, rewrite_request

RESPONSES_PATH: Final = b"/responses"


class ResponsesWay(PassingWay):
    """A `gateway.calls.passage.Way`."""

    def __init__(self, *, terminated: bool = False) -> None:
        """`terminated` where the provider's streams end with `[DONE]`."""
        self._terminated = terminated

    def pass_on(self, request: ModelRequest, model: str, *, streamed: bool) -> ResponsesPassage:
        read: ResponsesRequest = request.decoded
        body = rewrite_request(request.body, read, model=model, parameters=request.parameters)
        return ResponsesPassage(body, terminated=self._terminated)


class ResponsesPassage:
    """One request on its way."""

    __slots__ = ("_terminated", "body")

    path = RESPONSES_PATH

    def __init__(self, body: bytes, *, terminated: bool = False) -> None:
        self.body = body
        self._terminated = terminated

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        return read_reply(body)

    def stream(self) -> ResponsesStream:
        return ResponsesStream(terminated=self._terminated)

    def as_stream(self, body: bytes) -> bytes:
        """Raises ValueError: nobody has seen a provider that answers a stream of responses with a whole one."""
        raise ValueError("a whole response in place of a stream")
