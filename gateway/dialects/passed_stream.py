"""A streamed answer that is passed on as it is: held back until its first content, counted, ended.

What the events of one wire format mean is its own file's: `openai_stream.py`, `messages/passed_stream.py`,
`responses/answer_stream.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.sse import SseSplitter
from gateway.dialects.usual_event import UsualEvent
from gateway.errors import UpstreamBroken

PREAMBLE_LIMIT_BYTES: Final = 64 * 1024
"""More than this is not held back, content or not."""
CUT: Final = "The provider's stream ended before the answer did."
CHARACTERS_PER_TOKEN: Final = 4


class PassedStream(ABC):
    """One provider's streamed answer, read to be passed on; a `gateway.calls.passage.AnswerStream`.

    `feed` takes what was received and returns what the client may have now: nothing until the first content, then
    all that was held back with it. Comments before the first content are dropped, later ones pass. An event that is
    not JSON is skipped and counted in `malformed`, unless it was to be a piece of the answer: what is left would not be
    whole without it.
    """

    __slots__ = (
        "_held",
        "_splitter",
        "_usual",
        "characters",
        "done",
        "error",
        "finish_reason",
        "malformed",
        "settled",
        "started",
        "whole",
    )

    def __init__(self) -> None:
        self._splitter = SseSplitter()
        self._usual = UsualEvent()
        """What has said a piece of text and nothing else."""
        self._held: list[bytes] = []
        self.started = False
        """The first content has come."""
        self.whole = False
        """The provider has said how the answer, or the last of several, ended."""
        self.done = False
        """The wire format's own end has come."""
        self.error: bytes | None = None
        """An error that the provider sent in place of an event, as an error answer's body."""
        self.settled = False
        """The answer is whole, or an error has taken its place: `whole`, `done` or `error`."""
        self.finish_reason: str | None = None
        self.characters = 0
        """Text delivered so far, thoughts and arguments of calls included."""
        self.malformed = 0

    @property
    @abstractmethod
    def usage(self) -> Usage | None:
        """By the provider's count, as far as it has said."""

    @property
    def delivered_tokens(self) -> int:
        """What was delivered, by the provider's count or else by the length of the text."""
        usage = self.usage
        return self._guessed_tokens if usage is None else usage.completion

    @property
    def _guessed_tokens(self) -> int:
        return math.ceil(self.characters / CHARACTERS_PER_TOKEN)

    def feed(self, data: bytes) -> bytes:
        """Takes what was received, returns what to pass on.

        Raises UpstreamBroken for an event without end, for a piece of the answer that cannot be read, and for the
        wire format's end where the answer has none. After `done` or `error` nothing more is read.
        """
        usual = self._usual
        characters = None if self._splitter.pending else usual.characters(data)
        if characters is not None:
            self.characters += characters
            return data.replace(usual.hidden, b"") if usual.hidden else data
        pieces = self._held
        sole = self._splitter.sole_event(data)
        if sole is not None:
            piece = self._take(data, sole, b"")
            if self.started and not pieces:
                return piece
            if piece:
                pieces.append(piece)
        else:
            for raw, content, name in self._splitter.feed(data):
                if content is not None:
                    raw = self._take(raw, content, name)
                elif not self.started:
                    continue
                if raw:
                    pieces.append(raw)
                if self.done or self.error is not None:
                    break
        if not self.started and sum(map(len, pieces)) <= PREAMBLE_LIMIT_BYTES:
            return b""
        self.started = True
        self._held = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end(self) -> bytes:
        """The connection has ended: what is still to be passed on. Raises UpstreamBroken where the answer is cut."""
        rest = self._feed_unfinished()
        if self.done or self.error is not None:
            return rest
        if not self.whole:
            raise UpstreamBroken(CUT)
        self.done = True
        return rest + self._terminator()

    def _feed_unfinished(self) -> bytes:
        """Some leave out the last blank line; an event that was really cut cannot be read."""
        unfinished = self._splitter.unfinished
        if not unfinished:
            return b""
        try:
            return self.feed(b"\n" if unfinished.endswith(b"\n") else b"\n\n")
        except UpstreamBroken:
            raise UpstreamBroken(CUT) from None

    # What a wire format does with its events.

    @abstractmethod
    def _take(self, raw: bytes, data: bytes, name: bytes) -> bytes:
        """What an event has to say, and what of it is passed on; `name` is its `event:` line, where it has one."""

    @abstractmethod
    def _is_vital(self, data: bytes, name: bytes) -> bool:
        """Whether an event that is no JSON was to be a piece of the answer."""

    @abstractmethod
    def _terminator(self) -> bytes:
        """What the client is still to get where a whole answer's own end has not come."""

    # What all of them do.

    def _take_unusual(self, raw: bytes, data: bytes, name: bytes) -> bytes:
        """An event of another shape is passed on, for it may be content; one that is no JSON is not."""
        try:
            msgspec.json.decode(data)
        except (ValueError, RecursionError) as problem:
            if not self.whole and self._is_vital(data, name):
                raise UpstreamBroken("The provider sent a piece of the answer that cannot be read.") from problem
            self.malformed += 1
            return b""
        self.started = True
        return raw

    def _finish(self, finish_reason: str | None) -> None:
        self.finish_reason = finish_reason
        self.started = self.whole = self.settled = True

    def _fail(self, error: bytes) -> None:
        """`error` is an error answer's body."""
        self.error = error
        self.settled = True

    def _check_end(self, *, is_whole: bool, unfinished: str) -> None:
        """Raises UpstreamBroken at the wire format's end, where nothing came or nobody said how the answer ended."""
        if not self.started and not self._held:
            raise UpstreamBroken("The provider's stream ended without an answer.")
        if not is_whole:  # what came of it may be a part
            raise UpstreamBroken(unfinished)
