"""Chat completions: a streamed answer for a client, chunk by chunk.

The frequent chunks are put together from bytes; the official client's accumulator makes of them what the whole answer
would have been. Strings are sent once or in pieces, never repeated, for that accumulator joins them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.answer_events import Added, Cited, Closed, Counted, Ended, Event, Opened, Scored, Signed, Started
from gateway.dialects.chat.annotations import Annotations
from gateway.dialects.chat.client_answer import (
    ID_PREFIX,
    finish_word,
    hides_reasoning,
    written_call,
    written_logprobs,
)
from gateway.dialects.chat.detail_stream import DetailStream
from gateway.dialects.chat.usage import write_usage
from gateway.dialects.chat.words import tier_of
from gateway.dialects.codec import Frame
from gateway.dialects.conversation import Conversation, Image, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.media import image_url
from gateway.dialects.openai_stream import DONE

_encode: Final = msgspec.json.Encoder().encode


class ChatAnswerStream:
    """One streamed answer on its way to the client."""

    __slots__ = ("_choices", "_counted", "_frame", "_model", "_request", "_tier")

    def __init__(self, request: Conversation, frame: Frame) -> None:
        self._request = request
        self._frame = frame
        self._model = request.model
        self._choices: dict[int, _Choice] = {}
        self._counted: Counted | None = None
        self._tier: str | None = None
        """How it is served, in OpenAI's words."""

    def encode(self, events: Sequence[Event]) -> bytes:
        """The chunks for what has come; b"" where there is nothing to say yet."""
        chunks = []
        for event in events:
            if isinstance(event, Started):
                self._model, self._tier = event.model, tier_of(event.service_tier)
                if event.usage is not None:
                    self._counted = Counted(event.usage)
            elif isinstance(event, Counted):
                self._counted, self._tier = event, tier_of(event.service_tier) or self._tier
            else:
                choice = self._choices.get(event.choice)
                if choice is None:
                    choice = self._choices[event.choice] = _Choice(self._head(), event.choice, self._request)
                chunks.append(choice.encode(event))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def end(self) -> bytes:
        """The usage, where the client asked for it, and the terminator."""
        if self._counted is None or not self._request.stream_usage:
            return DONE
        last = {"choices": [], "usage": write_usage(self._counted.usage)}
        return self._head() + b"," + _encode(last)[1:] + b"\n\n" + DONE

    def _head(self) -> bytes:
        """What every chunk begins with, up to its last brace."""
        head: dict[str, Any] = {
            "id": ID_PREFIX + self._frame.id,
            "object": "chat.completion.chunk",
            "created": self._frame.created,
            "model": self._model,
        }
        if self._tier is not None:
            head["service_tier"] = self._tier
        return b"data: " + _encode(head)[:-1]


class _Choice:
    """The chunks of one choice."""

    __slots__ = ("_annotations", "_begun", "_calls", "_details", "_images", "_open", "_prefix", "_request", "_suffix")

    def __init__(self, head: bytes, index: int, request: Conversation) -> None:
        self._request = request
        self._prefix = head + b',"choices":[{"index":%d,"delta":' % index
        self._suffix = b',"usage":null}\n\n' if request.stream_usage else b"}\n\n"
        self._begun = False
        self._open: Part | None = None
        self._annotations = Annotations()
        self._details = DetailStream(hidden=hides_reasoning(request))
        self._calls = 0
        self._images = 0

    def encode(self, event: Opened | Added | Signed | Cited | Scored | Closed | Ended) -> bytes:
        """The chunk for an event; b"" for one that says nothing here."""
        match event:
            case Added(text=text):
                return self._add(text)
            case Opened(part=part):
                return self._begin(part) + self._start(part)
            case Signed(signature=signature):
                return self._delta(self._details.sign(signature))
            case Cited(citation=citation):
                self._annotations.cite(citation)
                return b""
            case Closed():
                return self._close()
            case Scored(logprobs=logprobs):
                return self._begin(None) + self._chunk(b"{}", _encode(written_logprobs(logprobs)))
            case Ended(finish=finish):
                return self._begin(None) + self._end(finish_word(finish, self._request))

    def _begin(self, part: Part | None) -> bytes:
        """The chunk that only says who speaks, with an empty text where the answer begins with one."""
        if self._begun:
            return b""
        self._begun = True
        return self._delta({"role": "assistant", "content": "" if isinstance(part, Text) else None, "refusal": None})

    def _start(self, part: Part) -> bytes:
        self._open = part
        if isinstance(part, ToolCall):
            return self._start_call(part)
        if isinstance(part, Reasoning):
            self._details.open(part)
            return b""
        self._details.interrupt()
        if isinstance(part, Image):
            self._images += 1
            return self._delta({"images": [{**image_url(part.media), "index": self._images - 1}]})
        return b""

    def _start_call(self, call: ToolCall) -> bytes:
        delta: dict[str, Any] = {}
        if self._deprecated:
            delta["function_call"] = written_call(call)["function"]
        else:
            delta["tool_calls"] = [{"index": self._call_index, **written_call(call)}]
        if ties := self._details.tie(call.id):
            delta["reasoning_details"] = ties
        return self._delta(delta)

    def _add(self, text: str) -> bytes:
        part = self._open
        if isinstance(part, Text):
            self._annotations.grow(text)
            delta = b'{"content":%b}' % _encode(text)
        elif isinstance(part, ToolCall):
            form = b'{"function_call":{"arguments":%b}}'
            if not self._deprecated:
                form = b'{"tool_calls":[{"index":%d,"function":{"arguments":%%b}}]}' % self._call_index
            delta = form % _encode(text)
        elif isinstance(part, Reasoning):
            return self._delta(self._details.add(text))
        elif isinstance(part, Refusal):
            delta = b'{"refusal":%b}' % _encode(text)
        else:
            return b""
        return self._chunk(delta)

    def _close(self) -> bytes:
        part, self._open = self._open, None
        if isinstance(part, Text):
            self._annotations.close()
        elif isinstance(part, ToolCall):
            self._calls += 1
        elif isinstance(part, Reasoning):
            return self._delta(self._details.close())
        return b""

    def _end(self, word: str) -> bytes:
        """All annotations at once, for the official client cannot join lists without an index; then the finish."""
        written = self._annotations.written
        last = self._delta({"annotations": written} if written else None)
        return last + self._chunk(b"{}", finish=_encode(word))

    @property
    def _deprecated(self) -> bool:
        """Whether the open call is the one that stands in `function_call`."""
        return self._request.deprecated_calls and self._calls == 0

    @property
    def _call_index(self) -> int:
        return self._calls - 1 if self._request.deprecated_calls else self._calls

    def _delta(self, delta: dict[str, Any] | None) -> bytes:
        return b"" if delta is None else self._chunk(_encode(delta))

    def _chunk(self, delta: bytes, logprobs: bytes = b"null", finish: bytes = b"null") -> bytes:
        return b'%b%b,"logprobs":%b,"finish_reason":%b}]%b' % (self._prefix, delta, logprobs, finish, self._suffix)
