"""Responses: a streamed answer as the client reads it, event by event.

https://platform.openai.com/docs/api-reference/responses-streaming. Words go out as they come, the rest is said when
it is whole; what the events say adds up to the response that the last one carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from gateway.dialects.answer_events import (
    Added,
    Cited,
    Closed,
    Counted,
    Ended,
    Event,
    Opened,
    Scored,
    Signed,
    Started,
)
from gateway.dialects.codec import Frame
from gateway.dialects.conversation import Conversation, Image, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.envelope import Usage
from gateway.dialects.responses import output_items as items
from gateway.dialects.responses.errors import failed_response, failure_members
from gateway.dialects.responses.event_writer import EventWriter
from gateway.dialects.responses.open_part import OpenCall, OpenPart, OpenReasoning, OpenRefusal, OpenText
from gateway.errors import Description


class ResponsesEncoder:
    """One answer on its way to a Responses client. It tells of one choice: there are no others here."""

    __slots__ = (
        "_cut_reason",
        "_echo",
        "_frame",
        "_message",
        "_model",
        "_namespaced",
        "_output",
        "_part",
        "_service_tier",
        "_text",
        "_usage",
        "_writer",
    )

    def __init__(self, request: Conversation, frame: Frame) -> None:
        self._frame = frame
        self._echo = request.echo
        self._namespaced = request.namespaced
        self._model = request.model
        self._service_tier: str | None = None
        self._usage: Usage | None = None
        self._cut_reason: str | None = None
        self._output: list[items.Object] = []
        self._message: items.Object | None = None
        """The message item that is open: texts that follow each other are parts of one."""
        self._part: OpenPart | None = None
        self._text: OpenText | None = None
        """The last text, for probabilities that come after it."""
        self._writer = EventWriter()

    def encode(self, events: Sequence[Event]) -> bytes:
        """The client's events for what has come."""
        following = iter(zip_longest(events, events[1:]))
        for event, after in following:
            if not isinstance(event, Added):
                self._take(event)
            elif event.choice == 0 and event.text and self._part is not None:
                if isinstance(after, Scored) and isinstance(self._part, OpenText):
                    self._part.add_scored(event.text, items.token_scores(after.logprobs))
                    next(following)
                else:
                    self._part.add(event.text)
        return self._writer.take()

    def end(self) -> bytes:
        """The last event, with the whole response."""
        self._writer.say(f"response.{self._status}", response=self.response)
        return self._writer.take()

    def fail(self, description: Description) -> bytes:
        """The end of an answer that broke: `error`, then `response.failed` with what is whole of it."""
        self._output = [item for item in self._output if item.get("status") != items.IN_PROGRESS]
        self._writer.say("error", **failure_members(description))
        response = failed_response(self._response(items.IN_PROGRESS), description)
        self._writer.say("response.failed", response=response)
        return self._writer.take()

    @property
    def response(self) -> items.Object:
        """The whole response."""
        return self._response(self._status)

    @property
    def _status(self) -> str:
        return items.COMPLETED if self._cut_reason is None else items.INCOMPLETE

    def _response(self, status: str) -> items.Object:
        return items.response_object(
            self._frame,
            model=self._model,
            status=status,
            output=self._output,
            echo=self._echo,
            incomplete_reason=self._cut_reason,
            usage=self._usage,
            service_tier=self._service_tier,
        )

    def _take(self, event: Event) -> None:
        match event:
            case Started(model=model, service_tier=tier):
                self._model, self._service_tier = model or self._model, tier
                self._writer.say("response.created", response=self._response(items.IN_PROGRESS))
                self._writer.say("response.in_progress", response=self._response(items.IN_PROGRESS))
            case Counted(usage=usage, service_tier=tier):
                self._usage, self._service_tier = usage, tier or self._service_tier
            case Opened(choice=0, part=part):
                self._open(part)
            case Signed(choice=0, signature=signature) if isinstance(self._part, OpenReasoning):
                self._part.sign(signature)
            case Cited(choice=0, citation=citation) if isinstance(self._part, OpenText):
                self._part.cite(citation)
            case Scored(choice=0, logprobs=logprobs) if self._text is not None:
                self._text.score(items.token_scores(logprobs))
            case Closed(choice=0) if self._part is not None:
                self._part.close()
                self._part = None
            case Ended(choice=0, finish=finish):
                self._cut_reason = items.CUT_REASONS.get(finish)
                self._close_message()
            case _:
                pass  # another choice, or what a part of no known kind is made of

    def _open(self, part: Part) -> None:
        if isinstance(part, Text | Refusal):
            message = self._message or self._open_message()
            index = len(self._output) - 1
            if isinstance(part, Refusal):
                self._part = OpenRefusal(self._writer, message, index)
            else:
                self._part = self._text = OpenText(self._writer, message, index)
            return
        self._close_message()
        index = len(self._output)
        if isinstance(part, Reasoning):
            item = self._add(items.reasoning_item(part.id or self._id("rs")))
            self._part = OpenReasoning(self._writer, part, item, index)
        elif isinstance(part, ToolCall):
            self._part = OpenCall(self._writer, self._add(self._call_item(part)), index)
        elif isinstance(part, Image) and part.media.data is not None:
            item = self._add(items.image_item(self._id("ig"), part))
            self._writer.say("response.output_item.added", output_index=index, item=item)
            self._writer.say("response.output_item.done", output_index=index, item=item)
        # Anything else has no form here, and the rest of the answer is not lost for that.

    def _open_message(self) -> items.Object:
        index = len(self._output)
        self._message = message = self._add(items.message_item(self._id("msg")))
        self._writer.say("response.output_item.added", output_index=index, item=message)
        return message

    def _close_message(self) -> None:
        """Nothing more is said in it; where the answer was cut it is the message that was."""
        message, self._message = self._message, None
        if message is not None:
            message["status"] = self._status
            self._writer.say("response.output_item.done", output_index=len(self._output) - 1, item=message)

    def _call_item(self, call: ToolCall) -> items.Object:
        return items.call_item(self._id("fc"), call, self._namespaced)

    def _add(self, item: items.Object) -> items.Object:
        self._output.append(item)
        return item

    def _id(self, prefix: str) -> str:
        return items.item_id(prefix, self._frame, len(self._output))
