"""How far a streamed answer has come with its client, for whoever goes on with it when it breaks."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

from actors.attempt import Attempt
from actors.letters import Candidate
from gateway.dialects.chat import told as chat
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.messages import told as messages
from gateway.dialects.responses import told as responses
from gateway.dialects.told import Told
from gateway.errors import AnswerDiffers, UpstreamError

_TOLD_OF: Final[Mapping[str, Callable[[bytes], Told | None]]] = {
    "openai_chat": chat.told_of,
    "openai_responses": responses.told_of,
    "anthropic_messages": messages.told_of,
}
_PREFIX_REFUSED: Final = frozenset({400, 404, 405, 422})
"""What a provider says that does not take the beginning of an answer, or not in this place."""


class Approach(enum.Enum):
    """How a candidate is asked to go on."""

    WORD_END = "word end"
    """From the last word that is surely whole: what follows it has to come again."""
    TEXT_END = "text end"
    """From the very end of the text."""
    ANEW = "anew"
    """It answers the question from the start: all that the client has has to come again."""


class Progress:
    """What the client has, and how candidates have been asked to go on with it so far.

    The same object goes through all attempts of a call: it stands in `Attempt.delivered` and then in `.progress`.
    """

    __slots__ = ("_approaches", "told")

    def __init__(self, told: Told) -> None:
        self.told = told
        self._approaches: dict[tuple[str, str], Approach] = {}

    def approach(self, candidate: Candidate) -> Approach:
        """How `candidate` is to be asked, if it takes the beginning of an answer at all."""
        return self._approaches.get(_place(candidate), Approach.WORD_END)

    def differed(self, candidate: Candidate, approach: Approach) -> AnswerDiffers:
        """It said something else than the client has. It is asked once more where it must not say it again."""
        failure = AnswerDiffers(f"{candidate.model} went on with another answer than the one that broke.")
        if approach is Approach.WORD_END:
            self._approaches[_place(candidate)] = Approach.TEXT_END
        else:
            failure.elsewhere = True
        return failure

    def refused(self, candidate: Candidate, refusal: UpstreamError) -> UpstreamError:
        """It does not take the beginning of an answer, if that is what its refusal means: it is asked anew."""
        if refusal.status in _PREFIX_REFUSED and not refusal.wants_window:
            self._approaches[_place(candidate)] = Approach.ANEW
            refusal.retryable = True
        return refusal


class Noting:
    """One attempt's way of writing to its client that keeps what has been written."""

    __slots__ = ("_attempt", "_progress", "_write_nowait")

    def __init__(self, attempt: Attempt, progress: Progress, write_nowait: Callable[[bytes], bool]) -> None:
        self._attempt = attempt
        self._progress = progress
        self._write_nowait = write_nowait
        attempt.hold(progress.told.text.characters)

    def __call__(self, piece: bytes) -> bool:
        """Whether there was room for it. Raises Left as `Attempt.write_nowait` does."""
        if not self._write_nowait(piece):
            return False
        self.note(piece)
        return True

    def note(self, piece: bytes) -> None:
        """The client has `piece`: from there another candidate could go on, unless it is something else than text."""
        told = self._progress.told
        before = told.text.characters
        told.hear(piece)
        self._attempt.delivered = self._progress if told.resumable else None
        self._attempt.hold(told.text.characters - before)


def noting(attempt: Attempt, write_nowait: Callable[[bytes], bool]) -> Noting | None:
    """None where nobody could go on with the answer: only who can be helped by it pays for that."""
    progress: Progress | None = attempt.progress
    if progress is None and attempt.recoverable:
        progress = _begin(attempt.call.payload)
    return None if progress is None else Noting(attempt, progress, write_nowait)


def _begin(request: ModelRequest) -> Progress | None:
    """For an answer that begins; None where nobody could go on with it."""
    told_of = _TOLD_OF.get(request.dialect)
    told = None if told_of is None else told_of(request.body)
    return None if told is None else Progress(told)


def _place(candidate: Candidate) -> tuple[str, str]:
    return candidate.provider, candidate.model
