"""A streamed answer in no provider's wire format: what decoders of streams say and encoders of streams hear.

For each choice its parts come one after the other: Opened, any number of Added, Signed and Cited, Closed; then Ended.
A decoder of a wire format whose parts may mingle holds the later ones back. Nothing follows the last Ended but
Counted. Gathered, the events are the Reply that the same answer would have been: `assemble` shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from gateway.dialects.conversation import Choice, Citation, Finish, Part, Reasoning, Refusal, Reply, Text, ToolCall
from gateway.dialects.envelope import Usage


class Started(msgspec.Struct, frozen=True, gc=False):
    """The first event: who answers."""

    model: str
    usage: Usage | None = None
    """What the prompt took, where the provider says so ahead of the answer."""
    service_tier: str | None = None
    """How it is served, where the provider says that ahead of the answer."""


class Opened(msgspec.Struct, frozen=True):
    """A part begins: a Text, Refusal, Reasoning or ToolCall without its words yet, or any other part whole."""

    part: Part
    choice: int = 0


class Added(msgspec.Struct, frozen=True, gc=False):
    """More words of the open part: text, or a call's arguments."""

    text: str
    choice: int = 0


class Signed(msgspec.Struct, frozen=True, gc=False):
    """The signature of the open Reasoning, whole."""

    signature: str
    choice: int = 0


class Cited(msgspec.Struct, frozen=True):
    """A citation for the open Text."""

    citation: Citation
    choice: int = 0


class Scored(msgspec.Struct, frozen=True):
    """Log probabilities of what was added, in OpenAI's chat shape."""

    logprobs: dict[str, Any]
    choice: int = 0


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The open part is whole. A call without arguments has been given "{}"."""

    choice: int = 0


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A choice is whole."""

    finish: Finish
    choice: int = 0
    stop_sequence: str | None = None


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What the answer cost; the last one holds."""

    usage: Usage
    service_tier: str | None = None


_SPOKEN: Final = (Text, Refusal, Reasoning)
"""Parts that begin without their words."""
Event = Started | Opened | Added | Signed | Cited | Scored | Closed | Ended | Counted


def has_content(event: Event) -> bool:
    """Whether the answer is committed once a client has heard this."""
    match event:
        case Added(text=text):
            return bool(text)
        case Opened(part=part):
            return not isinstance(part, _SPOKEN)
        case Signed() | Ended():
            return True
        case _:
            return False


def assemble(events: Iterable[Event]) -> Reply:
    """The whole answer that the events add up to. Raises ValueError where it is not whole."""
    reply = Reply(model="", choices=[])
    drafts: dict[int, _Draft] = {}
    for event in events:
        if isinstance(event, Started):
            reply.model, reply.usage, reply.service_tier = event.model, event.usage, event.service_tier
        elif isinstance(event, Counted):
            reply.usage = event.usage
            reply.service_tier = event.service_tier or reply.service_tier
        else:
            draft = drafts.get(event.choice)
            if draft is None:
                draft = drafts[event.choice] = _Draft()
            draft.add(event)
    if not drafts or not all(draft.ended for draft in drafts.values()):
        raise ValueError("the answer is not whole")
    reply.choices = [drafts[index].whole() for index in sorted(drafts)]
    return reply


class _Draft:
    """A choice as far as it has come. What its last part is made of is put together once."""

    __slots__ = ("_choice", "_cited", "_scores", "_words", "ended")

    def __init__(self) -> None:
        self._choice = Choice(parts=[], finish=Finish.STOP)
        self._words: list[str] = []
        self._cited: list[Citation] = []
        self._scores: list[Any] | None = None
        self.ended = False

    def add(self, event: Opened | Added | Signed | Cited | Scored | Closed | Ended) -> None:
        choice = self._choice
        if isinstance(event, Added):
            self._words.append(event.text)
        elif isinstance(event, Opened):
            self._settle()
            choice.parts.append(msgspec.structs.replace(event.part))
        elif isinstance(event, Signed) and isinstance(part := choice.parts[-1], Reasoning):
            part.signature = event.signature
        elif isinstance(event, Cited):
            self._cited.append(event.citation)
        elif isinstance(event, Scored):
            self._scores = self._scores or []
            self._scores += event.logprobs.get("content") or []
        elif isinstance(event, Ended):
            choice.finish, choice.stop_sequence = event.finish, event.stop_sequence
            self.ended = True

    def whole(self) -> Choice:
        self._settle()
        if self._scores is not None:
            self._choice.logprobs = {"content": self._scores}
        return self._choice

    def _settle(self) -> None:
        if not (self._words or self._cited):
            return
        part = self._choice.parts[-1]
        if isinstance(part, ToolCall):
            part.arguments += "".join(self._words)
        elif isinstance(part, _SPOKEN):
            part.text += "".join(self._words)
        if isinstance(part, Text):
            part.citations += tuple(self._cited)
        self._words, self._cited = [], []


def told(reply: Reply) -> list[Event]:
    """A whole answer as a stream, for a client that asked for one of a provider that did not send one."""
    events: list[Event] = [Started(reply.model, service_tier=reply.service_tier)]
    for index, choice in enumerate(reply.choices):
        for part in choice.parts:
            events += _part_told(part, index)
        if choice.logprobs is not None:
            events.append(Scored(choice.logprobs, index))
        events.append(Ended(choice.finish, index, choice.stop_sequence))
    if reply.usage is not None:
        events.append(Counted(reply.usage, reply.service_tier))
    return events


def _part_told(part: Part, choice: int) -> list[Event]:
    match part:
        case Text(text=text, citations=citations):
            empty: Part = msgspec.structs.replace(part, text="", citations=())
            more: list[Event] = [Added(text, choice), *(Cited(citation, choice) for citation in citations)]
        case Refusal(text=text):
            empty, more = Refusal(""), [Added(text, choice)]
        case Reasoning(text=text, signature=signature):
            empty = msgspec.structs.replace(part, text="", signature=None)
            more = [Added(text, choice)] if text else []
            if signature is not None:
                more.append(Signed(signature, choice))
        case ToolCall(arguments=arguments):
            empty, more = msgspec.structs.replace(part, arguments=""), [Added(arguments, choice)]
        case _:
            empty, more = part, []
    return [Opened(empty, choice), *more, Closed(choice)]
