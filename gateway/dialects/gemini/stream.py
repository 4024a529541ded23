"""A streamed answer of Gemini's: server-sent events, or what comes where they were asked for and something is wrong.

There are no `event:` lines and no terminator; the answer is whole with the finishReason of every candidate, and at its
end once what it cost has come with the last of them.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.answer_events import Event
from gateway.dialects.envelope import Usage
from gateway.dialects.gemini.answer import AnswerReader
from gateway.dialects.gemini.wire import Chunk, decode_chunk, is_null, read_chunks
from gateway.dialects.openai_errors import envelop
from gateway.dialects.sse import EVENT_LIMIT_BYTES, SseSplitter
from gateway.errors import UpstreamBroken

_DONE: Final = b"[DONE]"
"""Not Gemini's own, but some proxies end every stream with it."""
_BOM: Final = b"\xef\xbb\xbf"


class GeminiStream:
    """Decodes one stream; a `gateway.dialects.codec.StreamDecoder`."""

    __slots__ = ("_answer", "_head", "_json", "_splitter", "done", "error", "malformed")

    def __init__(self, choices: int = 1) -> None:
        """`choices` is how many candidates were asked for."""
        self._answer = AnswerReader(choices)
        self._splitter = SseSplitter()
        self._head: bytes | None = b""
        """What has come before it is known whether these are events; None once it is."""
        self._json: bytearray | None = None
        """Plain JSON, gathered: an error, or the chunks of an answer in an array."""
        self.done = False
        self.error: bytes | None = None
        self.malformed = 0

    @property
    def whole(self) -> bool:
        return self._answer.whole

    @property
    def usage(self) -> Usage | None:
        return self._answer.usage

    def feed(self, data: bytes) -> list[Event]:
        """Raises UpstreamBroken for an answer that cannot be whole."""
        if self._head is not None:
            data = self._tell_json(data)
        if self._json is not None:
            self._json += data
            if len(self._json) > EVENT_LIMIT_BYTES:
                raise UpstreamBroken(f"Gemini sent more than {EVENT_LIMIT_BYTES} bytes of JSON for a stream.")
            return []
        events: list[Event] = []
        for _, content, _ in self._splitter.feed(data):
            if content is not None:
                self._take(content, events)
            if self.done or self.error is not None:
                break
        return events

    def end(self) -> list[Event]:
        """Raises UpstreamBroken where the answer is cut."""
        if self._json is not None:
            events = self._read_json(bytes(self._json))
        else:
            # Some leave out the last blank line; an event that was really cut is no JSON.
            events = self.feed(b"\r\n\r\n") if self._splitter.unfinished and not self.done else []
        if self.error is None and not self.whole:
            raise UpstreamBroken("Gemini's stream ended before the answer did.")
        self.done = True
        return events

    def _tell_json(self, data: bytes) -> bytes:
        """What is to be read now; nothing as long as only white space has come."""
        head = ((self._head or b"") + data).lstrip()
        if not head or _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        if head.removeprefix(_BOM).lstrip()[:1] in (b"{", b"["):
            self._json = bytearray()
        return head.removeprefix(_BOM)

    def _take(self, content: bytes, events: list[Event]) -> None:
        if content == _DONE:
            self.done = self.whole
            return
        try:
            self._read(decode_chunk(content), events)
        except (ValueError, RecursionError) as problem:
            if not self.whole:
                raise UpstreamBroken("Gemini sent an event that cannot be read.") from problem
            self.malformed += 1

    def _read(self, chunk: Chunk, events: list[Event]) -> None:
        if not is_null(chunk.error):
            self.error = envelop(bytes(chunk.error))
        else:
            events += self._answer.read(chunk)
            self.done = self._answer.complete

    def _read_json(self, body: bytes) -> list[Event]:
        events: list[Event] = []
        try:
            for chunk in read_chunks(body):
                if self.error is None:
                    self._read(chunk, events)
        except (ValueError, RecursionError) as problem:
            raise UpstreamBroken("Gemini sent something that is neither a stream nor an answer.") from problem
        return events


def read_body(body: bytes) -> list[Event]:
    """A whole answer's events; also of a stream that came as an array. Raises ValueError where it is none."""
    answer = AnswerReader()
    events: list[Event] = []
    try:
        for chunk in read_chunks(body):
            events += answer.read(chunk)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if not answer.whole:
        raise ValueError("no whole answer")
    return events
