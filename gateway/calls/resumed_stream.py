"""A second answer being read, of which only what the client does not have yet is passed on."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.calls.decoded_stream import DecodedStream
from gateway.dialects.answer_events import Added, Counted, Ended, Event, Opened, Started
from gateway.dialects.codec import StreamDecoder
from gateway.dialects.conversation import Reasoning, Text
from gateway.dialects.envelope import Usage
from gateway.dialects.splice import Differs, Splice
from gateway.dialects.told import Sequel, Told, tokens_of
from gateway.errors import AnswerDiffers, UpstreamBroken


class ResumedStream(DecodedStream):
    """One of which only what is new is passed on; the first that is commits it.

    What the second model thinks is its own affair: of the first one's thoughts the client has heard nothing either.
    """

    def __init__(
        self,
        decoder: StreamDecoder,
        told: Told,
        overlap: str,
        *,
        model: str,
        differs: Callable[[], AnswerDiffers],
        alive: Callable[[], None],
    ) -> None:
        """`overlap` is what comes again, `model` who answers if it does not say so itself.

        `alive` is told whenever something has come that the client already has.
        """
        super().__init__(decoder)
        self._told = told
        self._splice = Splice(overlap)
        self._prefix_tokens = tokens_of(told.text.characters - len(overlap))
        self._model = model
        self._differs = differs
        self._alive = alive
        self._sequel: Sequel | None = None
        self._speaks = False
        """The open part is text."""
        self._ended: Ended | None = None
        self._counted: Usage | None = None

    def take(self, events: list[Event]) -> bytes:
        """What of the answer is new to the client. Raises AnswerDiffers."""
        try:
            pieces = [self._take(event) for event in events]
        except Differs:
            raise self._differs() from None
        piece = b"".join(pieces)
        if piece:
            self.started = True
        elif events and not self.started:
            self._alive()
        return piece

    def finish(self) -> bytes:
        """The orderly end, once. Raises UpstreamBroken where there was no answer."""
        if self.done:
            return b""
        if self._ended is None:
            raise UpstreamBroken("The provider's stream ended without an answer.")
        self.done = True
        return self._rest().end(self._ended, self._whole_usage())

    def _take(self, event: Event) -> bytes:
        match event:
            case Added(text=text, choice=0):
                self._characters += len(text)
                new = self._splice.take(text) if self._speaks else ""
                return self._rest().add(new) if new else b""
            case Started(model=model):
                self._model = model or self._model
            case Opened(part=Text(), choice=0):
                self._speaks = True
            case Opened(part=Reasoning(), choice=0):
                self._speaks = False
            case Opened():
                raise Differs
            case Ended(choice=0):
                if not self._splice.joined:
                    raise Differs  # it has nothing to say any more where the client has heard more
                self._ended = event
                self.finish_reason = event.finish.value
                self.started = True
            case Counted(usage=usage):
                self._counted = usage
        return b""

    def _rest(self) -> Sequel:
        if self._sequel is None:
            self._sequel = self._told.sequel(self._model)
        return self._sequel

    def _whole_usage(self) -> Usage | None:
        usage = self._counted
        return None if usage is None else as_one_answer(usage, self._prefix_tokens)


def as_one_answer(usage: Usage, prefix_tokens: int) -> Usage:
    """As if one answer had been given: what was a prefix to this model is answer to the client.

    What the cache had, or took, was none of the prefix.
    """
    prefix = max(0, min(prefix_tokens, usage.prompt - usage.cached - usage.written))
    return msgspec.structs.replace(usage, prompt=usage.prompt - prefix, completion=usage.completion + prefix)
