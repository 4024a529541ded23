"""Responses: a streamed answer of OpenAI's, event by event.

Items come one after the other, as the pivot's parts do; each is opened by an event of its own. What OpenAI's own tools
do is passed over: the text of the answer says what came of it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.answer_events import Added, Cited, Closed, Counted, Ended, Event, Opened, Signed, Started
from gateway.dialects.conversation import Part, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.events_decoder import EventsDecoder
from gateway.dialects.responses.answer_notes import error_body
from gateway.dialects.responses.provider_shapes import (
    Content,
    OutputItem,
    StreamEvent,
    Whole,
    citation_of,
    empty_content,
    empty_part,
    finish_of,
    thought_of,
)
from gateway.errors import UpstreamBroken

_VITAL: Final = (b"response.",)
_OF_A_SUMMARY: Final = "response.reasoning_summary_text.delta"
_WORDS: Final = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        "response.reasoning_text.delta",
        _OF_A_SUMMARY,
        "response.function_call_arguments.delta",
    }
)

_decode_event: Final = msgspec.json.Decoder(StreamEvent).decode
_decode_whole: Final = msgspec.json.Decoder(Whole).decode


class ResponsesAnswerDecoder(EventsDecoder[StreamEvent]):
    """One streamed answer."""

    __slots__ = ("_called", "_open", "_part", "_said", "_started", "_untold")

    def __init__(self) -> None:
        super().__init__(_decode_event, _VITAL)
        self._open: int | None = None
        """The item whose part is open."""
        self._part: Part | None = None
        """That part."""
        self._untold = False
        """It is a reasoning that shows only with its words whether they are a summary."""
        self._said = False
        """Something of the open part has come."""
        self._started = False
        self._called = False

    def _take(self, event: StreamEvent, data: bytes, told: list[Event]) -> None:
        if event.type in ("error", "response.failed") or event.error is not None:
            self.error = _error_of(event, data)
            return
        if event.type in _WORDS:
            self._add(event, told)
            return
        match event.type:
            case "response.created":
                self._start(event.response, told)
            case "response.output_item.added" if event.item is not None:
                self._begin(event.item, event.output_index, told)
            case "response.content_part.added" if event.part is not None:
                if (part := empty_content(event.part)) is not None:
                    self._open_part(event.output_index, part, told)
            case "response.reasoning_summary_part.added" if self._said and self._open == event.output_index:
                told.append(Added("\n\n"))
            case "response.output_text.annotation.added" if event.annotation is not None:
                if self._open is not None and (cited := citation_of(event.annotation)) is not None:
                    told.append(Cited(cited))
            case "response.content_part.done" if isinstance(self._part, Text | Refusal):
                self._finish_content(event.part, told)
            case "response.output_item.done" if event.item is not None:
                self._finish_item(event.item, event.output_index, told)
            case "response.completed" | "response.incomplete":
                self._finish(event.response, told)
            case _:
                pass  # a word said again, a tool of OpenAI's at work, or what is not known

    def _start(self, response: msgspec.Raw, told: list[Event]) -> None:
        if not self._started:
            self._started = True
            told.append(Started(_whole(response).model))

    def _begin(self, item: OutputItem, index: int, told: list[Event]) -> None:
        part = empty_part(item)
        if part is not None:
            self._called |= isinstance(part, ToolCall)
            self._open_part(index, part, told)

    def _open_part(self, index: int, part: Part, told: list[Event]) -> None:
        if not self._started:
            raise UpstreamBroken("The provider's answer begins in its middle.")
        self._close(told)
        self._open, self._part, self._said = index, part, False
        self._untold = isinstance(part, Reasoning)
        if not self._untold:
            told.append(Opened(part))

    def _add(self, event: StreamEvent, told: list[Event]) -> None:
        if self._open != event.output_index:
            raise UpstreamBroken("The provider sent a piece of an item that is not open.")
        if event.delta:
            self._tell_thought(told, summary=event.type == _OF_A_SUMMARY)
            self._said = True
            told.append(Added(event.delta))

    def _tell_thought(self, told: list[Event], *, summary: bool = True) -> None:
        """The open reasoning begins, where it has not yet."""
        if self._untold and isinstance(self._part, Reasoning):
            self._untold = False
            self._part.summary = summary
            told.append(Opened(self._part))

    def _finish_content(self, content: Content | None, told: list[Event]) -> None:
        if content is not None and not self._said and (words := content.text or content.refusal):
            told.append(Added(words))
        self._close(told)

    def _finish_item(self, item: OutputItem, index: int, told: list[Event]) -> None:
        """The signature of a reasoning comes with its end, as do words that were not said before."""
        if self._open != index:
            return
        if item.type == "function_call" and not self._said:
            told.append(Added(item.arguments or "{}"))
        elif isinstance(self._part, Reasoning):
            self._finish_thought(self._part, item, told)
        self._close(told)

    def _finish_thought(self, part: Reasoning, item: OutputItem, told: list[Event]) -> None:
        if self._untold:
            part.maker = item.format or part.maker
            text, summary = thought_of(item)
            self._tell_thought(told, summary=summary)
            if text:
                told.append(Added(text))
        if item.encrypted_content is not None:
            told.append(Signed(item.encrypted_content))

    def _close(self, told: list[Event]) -> None:
        if self._open is not None:
            self._tell_thought(told)
            self._open = self._part = None
            told.append(Closed())

    def _finish(self, response: msgspec.Raw, told: list[Event]) -> None:
        answer = _whole(response)
        self._start(response, told)
        self._close(told)
        told.append(Ended(finish_of(answer, called=self._called)))
        self.usage = answer.counted
        if self.usage is not None:
            told.append(Counted(self.usage, answer.service_tier))
        self.whole = self.done = True


def _whole(response: msgspec.Raw) -> Whole:
    try:
        return _decode_whole(response)
    except (ValueError, RecursionError) as problem:
        raise UpstreamBroken("The provider sent a response that cannot be read.") from problem


def _error_of(event: StreamEvent, data: bytes) -> bytes:
    """An error answer's body."""
    if event.type == "response.failed":
        error = _whole(event.response).error
        return error_body(error if error != msgspec.Raw(b"null") else b'{"message":"The provider gave up."}')
    return error_body(data if event.error is None else msgspec.json.encode(event.error))
