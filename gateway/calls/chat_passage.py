"""Chat completions from a client that speaks OpenAI's dialect to a provider that speaks it too: passed on as it is."""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from gateway.calls.passage import PassingWay
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.openai_chat import ChatRequest, rewrite_request
from gateway.dialects.openai_compose import as_stream
from gateway.dialects.openai_reply import read_reply
from gateway.dialects.openai_stream import ChatStream
from gateway.dialects.passed_reply import ReplyNotes

CHAT_PATH: Final = b"/chat/completions"


class ChatWay(PassingWay):
    """A `gateway.calls.passage.Way`.

    Usage is asked for, and hidden again, where the provider does not send it unasked.
    """

    def __init__(self, *, sends_usage_unasked: bool, unread: frozenset[str] = frozenset()) -> None:
        """`unread` are the members for thoughts that the provider does not take back, and refuses a message for."""
        self._sends_usage_unasked = sends_usage_unasked
        self._unread = unread

    def pass_on(self, request: ModelRequest, model: str, *, streamed: bool) -> ChatPassage:
        chat: ChatRequest = request.decoded
        adds_usage = streamed and not chat.wants_usage and not self._sends_usage_unasked
        body = rewrite_request(
            request.body,
            chat,
            model=model,
            include_usage=adds_usage,
            parameters=request.parameters,
            unread=self._unread,
        )
        return ChatPassage(body, chat, adds_usage)


class ChatPassage(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One request on its way."""

    path: ClassVar[bytes] = CHAT_PATH

    body: bytes
    _chat: ChatRequest
    _adds_usage: bool

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        notes = read_reply(body)
        return notes if notes.error is None else ReplyNotes(error=body)

    def stream(self) -> ChatStream:
        return ChatStream(choices=self._chat.choices, hide_usage=self._adds_usage)

    def as_stream(self, body: bytes) -> bytes:
        """Raises ValueError where the body holds no choices."""
        return as_stream(msgspec.json.decode(body), include_usage=self._chat.wants_usage)
