"""Responses: the part of an answer that is being streamed, one class a kind.

Each announces itself when it is made, tells what is added, and says at the end what it has become; its item in the
response's output grows along.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from gateway.dialects.conversation import Citation, Maker, Reasoning
from gateway.dialects.responses import output_items as items
from gateway.dialects.responses.event_writer import EventWriter, delta_head


class OpenPart(Protocol):
    """A part that has begun."""

    def add(self, text: str) -> None:
        """More words, or more of a call's arguments."""
        ...

    def close(self) -> None:
        """It is whole."""
        ...


class OpenText:
    """Text of a message."""

    __slots__ = ("_citations", "_head", "_part", "_pieces", "_place", "_writer")

    def __init__(self, writer: EventWriter, message: items.Object, index: int) -> None:
        self._writer = writer
        self._part = items.text_part()
        self._place = _open_content(writer, message, index, self._part)
        self._head = delta_head("response.output_text.delta", **self._place, logprobs=[])
        self._pieces: list[str] = []
        self._citations: list[Citation] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._writer.say_delta(self._head, text)

    def add_scored(self, text: str, scores: list[items.Object]) -> None:
        """More words with the probabilities of their tokens."""
        self._pieces.append(text)
        self.score(scores)
        self._writer.say("response.output_text.delta", **self._place, logprobs=scores, delta=text)

    def score(self, scores: list[items.Object]) -> None:
        """Probabilities that come apart from the words; also when the text is whole."""
        self._part["logprobs"] += scores

    def cite(self, citation: Citation) -> None:
        # Some providers cite before the words have come; where a citation ends is known when they have.
        self._citations.append(citation)

    def close(self) -> None:
        part, writer = self._part, self._writer
        text = part["text"] = "".join(self._pieces)
        for citation in self._citations:
            shown = items.annotation(citation, text)
            if shown is not None:
                number = len(part["annotations"])
                part["annotations"].append(shown)
                writer.say(
                    "response.output_text.annotation.added", **self._place, annotation_index=number, annotation=shown
                )
        writer.say("response.output_text.done", **self._place, text=text, logprobs=part["logprobs"])
        writer.say("response.content_part.done", **self._place, part=part)


class OpenRefusal:
    """The model's own words for not answering."""

    __slots__ = ("_head", "_part", "_pieces", "_place", "_writer")

    def __init__(self, writer: EventWriter, message: items.Object, index: int) -> None:
        self._writer = writer
        self._part = items.refusal_part()
        self._place = _open_content(writer, message, index, self._part)
        self._head = delta_head("response.refusal.delta", **self._place)
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._writer.say_delta(self._head, text)

    def close(self) -> None:
        refusal = self._part["refusal"] = "".join(self._pieces)
        self._writer.say("response.refusal.done", **self._place, refusal=refusal)
        self._writer.say("response.content_part.done", **self._place, part=self._part)


class OpenCall:
    """A call of one of the client's functions."""

    __slots__ = ("_head", "_index", "_item", "_pieces", "_writer")

    def __init__(self, writer: EventWriter, item: items.Object, index: int) -> None:
        self._writer = writer
        self._item = item
        self._index = index
        self._head = delta_head("response.function_call_arguments.delta", item_id=item["id"], output_index=index)
        self._pieces: list[str] = []
        writer.say("response.output_item.added", output_index=index, item=item)

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._writer.say_delta(self._head, text)

    def close(self) -> None:
        item = self._item
        item.update(arguments="".join(self._pieces) or "{}", status=items.COMPLETED)
        self._writer.say(
            "response.function_call_arguments.done",
            item_id=item["id"],
            output_index=self._index,
            name=item["name"],
            arguments=item["arguments"],
        )
        self._writer.say("response.output_item.done", output_index=self._index, item=item)


class OpenReasoning:
    """What the model thinks: a summary of it, the thoughts themselves, or only the proof of them."""

    __slots__ = ("_form", "_head", "_index", "_item", "_kept", "_pieces", "_writer")

    def __init__(self, writer: EventWriter, part: Reasoning, item: items.Object, index: int) -> None:
        self._writer = writer
        self._kept = part
        self._item = item
        self._index = index
        self._form = _Summary if part.summary else _Thought
        self._head = b""
        self._pieces: list[str] = []
        writer.say("response.output_item.added", output_index=index, item=item)

    def add(self, text: str) -> None:
        if not self._head:
            self._begin_text()
        self._pieces.append(text)
        self._writer.say_delta(self._head, text)

    def sign(self, signature: str) -> None:
        self._kept.signature = signature

    def close(self) -> None:
        kept, item = self._kept, self._item
        # Anthropic signs thoughts that it does not show; without a text they would pass for hidden as a whole.
        if not self._head and kept.maker == Maker.ANTHROPIC and not kept.redacted:
            self._begin_text()
        if self._head:
            self._end_text()
        item["encrypted_content"] = items.encrypted_content(kept)
        self._writer.say("response.output_item.done", output_index=self._index, item=item)

    def _begin_text(self) -> None:
        form, place = self._form, self._place
        self._head = delta_head(form.DELTA, **place)
        self._writer.say(form.PART_ADDED, **place, part={"type": form.TYPE, "text": ""})

    def _end_text(self) -> None:
        form, place, text = self._form, self._place, "".join(self._pieces)
        part = {"type": form.TYPE, "text": text}
        self._item[form.MEMBER] = [part]
        self._writer.say(form.TEXT_DONE, **place, text=text)
        self._writer.say(form.PART_DONE, **place, part=part)

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self._item["id"], "output_index": self._index, self._form.INDEX: 0}


class _Form(Protocol):
    """How a reasoning's text is called."""

    MEMBER: ClassVar[str]
    TYPE: ClassVar[str]
    INDEX: ClassVar[str]
    DELTA: ClassVar[str]
    TEXT_DONE: ClassVar[str]
    PART_ADDED: ClassVar[str]
    PART_DONE: ClassVar[str]


class _Thought:
    MEMBER = "content"
    TYPE = "reasoning_text"
    INDEX = "content_index"
    DELTA = "response.reasoning_text.delta"
    TEXT_DONE = "response.reasoning_text.done"
    PART_ADDED = "response.content_part.added"
    PART_DONE = "response.content_part.done"


class _Summary:
    MEMBER = "summary"
    TYPE = "summary_text"
    INDEX = "summary_index"
    DELTA = "response.reasoning_summary_text.delta"
    TEXT_DONE = "response.reasoning_summary_text.done"
    PART_ADDED = "response.reasoning_summary_part.added"
    PART_DONE = "response.reasoning_summary_part.done"


def _open_content(writer: EventWriter, message: items.Object, index: int, part: items.Object) -> dict[str, Any]:
    """A new part of a message; returns where it stands, as its events say it."""
    place = {"item_id": message["id"], "output_index": index, "content_index": len(message["content"])}
    message["content"].append(part)
    writer.say("response.content_part.added", **place, part=part)
    return place
