"""Chat completions: what a provider's message, whole or in deltas, adds to the parts of an answer."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from gateway.dialects.answer_events import Ended, Event, Scored
from gateway.dialects.chat.details import read_detail
from gateway.dialects.chat.fidelity import NAME
from gateway.dialects.chat.part_order import PartOrder, Slot
from gateway.dialects.chat.provider_shapes import (
    NULL,
    Call,
    Delta,
    Function,
    citations_in,
    details_in,
    images_in,
    scores_in,
    text_in,
)
from gateway.dialects.chat.request_shapes import Detail
from gateway.dialects.chat.words import finish_of
from gateway.dialects.conversation import Maker, Native, Part, Reasoning, Refusal, Text, ToolCall

_ID_DIGITS: Final = 24

_encode: Final = msgspec.json.Encoder().encode


class AnswerParts:
    """One choice of an answer. `maker` is whose reasoning it is that says nothing of that itself."""

    __slots__ = ("_called", "_calls", "_choice", "_kinds", "_maker", "_order", "_signatures", "ended")

    def __init__(self, choice: int, maker: str) -> None:
        self._choice = choice
        self._maker = maker
        self._order = PartOrder(choice)
        self._called = 0
        self._calls: dict[int, str] = {}
        """The id of the latest call of each index."""
        self._kinds: dict[int | None, Detail] = {}
        """The latest reasoning detail of each index that says of what kind it is."""
        self._signatures: dict[str, list[Reasoning]] = {}
        """What Gemini signed of calls that have not come yet."""
        self.ended = False

    def take(self, delta: Delta, answer_id: str, told: list[Event]) -> None:
        """Appends to `told` what the delta says; `answer_id` names the answer where calls have no ids of their own."""
        if delta.reasoning_details is not NULL or delta.reasoning_content or delta.reasoning:
            self._take_reasoning(delta, told)
        if delta.content:
            self._say("text", Text(""), text_in(delta.content), told)
        if delta.refusal:
            self._say("refusal", Refusal(""), delta.refusal, told)
        if delta.images is not NULL:
            for image in images_in(delta.images):
                self._order.open(None, image, told)
        if delta.tool_calls:
            for position, call in enumerate(delta.tool_calls):
                self._take_call(call, position, answer_id, told)
        if delta.function_call is not None:
            self._take_call(Call(index=-1, function=delta.function_call), -1, answer_id, told)
        if delta.annotations is not NULL:
            for citation in citations_in(delta.annotations):
                self._order.cite(citation, told)

    def score(self, logprobs: msgspec.Raw, told: list[Event]) -> None:
        """Log probabilities of what was just taken."""
        scores = scores_in(logprobs)
        if scores is not None:
            told.append(Scored(scores, self._choice))

    def end(self, word: str, told: list[Event]) -> None:
        """The choice is whole."""
        for signed in self._signatures.values():
            self._tell_signed(signed, told)
        self._order.close_all(told)
        self.ended = True
        told.append(Ended(finish_of(word, called=self._called > 0), self._choice))

    def _say(self, key: object, part: Part, text: str, told: list[Event]) -> None:
        if text:
            self._order.add(self._order.find(key) or self._order.open(key, part, told), text, told)

    def _take_reasoning(self, delta: Delta, told: list[Event]) -> None:
        """Details say all that the plain members say, but where they hold only signatures."""
        details = details_in(delta.reasoning_details)
        plain = delta.reasoning_content or delta.reasoning
        if isinstance(plain, str) and not any(detail.text or detail.summary for detail in details):
            self._say("reasoning", Reasoning(maker=self._maker), plain, told)
        for detail in details:
            self._take_detail(detail, told)

    def _take_detail(self, detail: Detail, told: list[Event]) -> None:
        if detail.type:
            self._kinds[detail.index] = detail
        elif detail.index in self._kinds:
            begun = self._kinds[detail.index]
            detail.type, detail.format = begun.type, begun.format
        reasoning = read_detail(detail)
        if reasoning is None:
            return
        if not reasoning.text and reasoning.maker == Maker.GOOGLE and detail.id is not None:
            reasoning.id = None
            self._signatures.setdefault(detail.id, []).append(reasoning)
            return
        text, signature = reasoning.text, reasoning.signature
        reasoning.text, reasoning.signature = "", None
        key = (detail.type, detail.index)
        slot = self._order.find(key) or self._order.open(key, reasoning, told)
        if text:
            self._order.add(slot, text, told)
        if signature is not None:
            self._order.sign(slot, signature, told)

    def _tell_signed(self, signed: list[Reasoning], told: list[Event]) -> None:
        for reasoning in signed:
            bare = msgspec.structs.replace(reasoning, signature=None)
            self._order.sign(self._order.open(None, bare, told), reasoning.signature or "", told)

    def _take_call(self, call: Call, position: int, answer_id: str, told: list[Event]) -> None:
        if call.custom is not None:
            value = {"id": call.id, "type": "custom", "custom": call.custom}
            self._order.open(None, Native(NAME, value), told)
            return
        function = call.function or Function()
        index = position if call.index is None else call.index
        slot = self._continued(call, index)
        if slot is None:
            slot = self._open_call(call, function.name, index, answer_id, told)
        if slot is not None and function.arguments:
            written = function.arguments
            text = written if isinstance(written, str) else _encode(written).decode()
            self._order.add(slot, text, told)

    def _continued(self, call: Call, index: int) -> Slot | None:
        """The open call that this is a piece of; one with another id is a new call, whatever its index."""
        call_id = self._calls.get(index)
        if call_id is None or (call.id and call.id != call_id):
            return None
        return self._order.find(call_id)

    def _open_call(self, call: Call, name: str | None, index: int, answer_id: str, told: list[Event]) -> Slot | None:
        """A call begins; a piece without a name belongs to one that was whole before, and only white space can come."""
        if not name:
            return None
        call_id = call.id or self._make_id(answer_id)
        self._called += 1
        self._calls[index] = call_id
        self._tell_signed(self._signatures.pop(call_id, []), told)
        return self._order.open(call_id, ToolCall(call_id, name, ""), told)

    def _make_id(self, answer_id: str) -> str:
        seed = f"{answer_id}:{self._choice}:{self._called}".encode()
        return "call_" + hashlib.sha256(seed).hexdigest()[:_ID_DIGITS]
