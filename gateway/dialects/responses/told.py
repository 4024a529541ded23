"""Responses: what a client has heard of a streamed answer, and the events that go on from there."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.answer_events import Ended
from gateway.dialects.envelope import Usage
from gateway.dialects.responses import output_items as items
from gateway.dialects.responses.event_writer import EventWriter, delta_head
from gateway.dialects.sse import SseSplitter
from gateway.dialects.told import ToldText

_NULL: Final = msgspec.Raw(b"null")
_BEGINNINGS: Final = frozenset({"response.created", "response.queued", "response.in_progress"})
_KEEPALIVE: Final = "keepalive"


class _Form(msgspec.Struct, gc=False):
    type: str = "text"


class _Text(msgspec.Struct, gc=False):
    format: _Form | None = None


class _Wish(msgspec.Struct):
    """What in a request decides whether its answer is plain text."""

    tools: list[msgspec.Raw] | None = None
    text: _Text | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    sequence_number: int | None = None
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str | None = None
    logprobs: list[msgspec.Raw] | None = None
    response: msgspec.Raw = _NULL
    item: dict[str, Any] | None = None
    part: dict[str, Any] | None = None


_decode_wish: Final = msgspec.json.Decoder(_Wish).decode
_decode_event: Final = msgspec.json.Decoder(_Event).decode


def told_of(body: bytes) -> ResponsesTold | None:
    """For the answer to a request; None where that is not to be plain text."""
    try:
        wish = _decode_wish(body)
    except (ValueError, RecursionError):
        return None
    form = None if wish.text is None else wish.text.format
    if wish.tools or wish.top_logprobs or (form is not None and form.type != "text"):
        return None
    return None if any("logprobs" in wanted for wanted in wish.include or ()) else ResponsesTold()


class ResponsesTold:
    """One answer; a `gateway.dialects.told.Told`.

    It can be gone on with while its one item, a message, has one part, a text, that is open.
    """

    __slots__ = ("_item", "_part", "_response", "_sequence_number", "_splitter", "text")

    def __init__(self) -> None:
        self.text = ToldText()
        self._splitter = SseSplitter()
        self._response = _NULL
        self._item: dict[str, Any] | None = None
        self._part: _Event | None = None
        """The event that began it: it says where the part stands."""
        self._sequence_number = -1

    @property
    def resumable(self) -> bool:
        return self.text.plain and self.text.characters > 0 and self._part is not None and self._response != _NULL

    def hear(self, piece: bytes) -> None:
        for event in self._splitter.feed(piece):
            if event.data is not None:
                self._take(event.data)

    def sequel(self, model: str) -> ResponsesSequel:
        assert self._item is not None and self._part is not None, "text has come in a part of an item"  # noqa: PT018
        part = self._part
        place = {
            "item_id": part.item_id,
            "output_index": part.output_index,
            "content_index": part.content_index,
        }
        response = {**msgspec.json.decode(self._response), "model": model}
        return ResponsesSequel(response, self._item, place, str(self.text), self._sequence_number + 1)

    def _take(self, data: bytes) -> None:
        try:
            event = _decode_event(data)
        except (ValueError, RecursionError):
            self.text.spoil()
            return
        if event.sequence_number is not None:
            self._sequence_number = event.sequence_number
        kind = event.type
        if kind == "response.output_text.delta" and self._part is not None and not event.logprobs:
            self.text.add(event.delta or "")
        elif kind in _BEGINNINGS:
            self._response = event.response
        elif kind == "response.output_item.added" and self._item is None and _is_message(event.item):
            self._item = event.item
        elif kind == "response.content_part.added" and self._part is None and _is_text(event.part):
            self._part = event
        elif kind != _KEEPALIVE:
            self.text.spoil()


class ResponsesSequel:
    """The events that follow; a `gateway.dialects.told.Sequel`."""

    __slots__ = ("_head", "_item", "_pieces", "_place", "_response", "_writer")

    def __init__(
        self, response: dict[str, Any], item: dict[str, Any], place: dict[str, Any], text: str, sequence_number: int
    ) -> None:
        self._response = response
        self._item = item
        self._place = place
        self._pieces = [text]
        self._head = delta_head("response.output_text.delta", **place, logprobs=[])
        self._writer = EventWriter(sequence_number)

    def add(self, text: str) -> bytes:
        self._pieces.append(text)
        self._writer.say_delta(self._head, text)
        return self._writer.take()

    def end(self, ended: Ended, usage: Usage | None) -> bytes:
        cut_reason = items.CUT_REASONS.get(ended.finish)
        status = items.COMPLETED if cut_reason is None else items.INCOMPLETE
        part = {**items.text_part(), "text": "".join(self._pieces)}
        item = {**self._item, "content": [part], "status": status}
        response = {
            **self._response,
            "status": status,
            "incomplete_details": None if cut_reason is None else {"reason": cut_reason},
            "output": [item],
        }
        if usage is not None:
            response["usage"] = items.usage_object(usage)
        writer = self._writer
        writer.say("response.output_text.done", **self._place, text=part["text"], logprobs=[])
        writer.say("response.content_part.done", **self._place, part=part)
        writer.say("response.output_item.done", output_index=self._place["output_index"], item=item)
        writer.say(f"response.{status}", response=response)
        return writer.take()


def _is_message(item: dict[str, Any] | None) -> bool:
    return item is not None and item.get("type") == "message"


def _is_text(part: dict[str, Any] | None) -> bool:
    return part is not None and part.get("type") == "output_text"
