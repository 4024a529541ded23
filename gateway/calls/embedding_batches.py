"""Embeddings of more inputs than are asked for at once: several questions of one attempt, one answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from actors.attempt import Attempt
from gateway.calls.http_calls import HttpCalls
from gateway.calls.ways import EMBEDDINGS
from gateway.dialects.embeddings.batches import inputs_of, join, split
from gateway.dialects.embeddings.request import estimate_tokens
from gateway.dialects.envelope import CallNotes, ModelReply, ModelRequest, Usage
from gateway.errors import UpstreamBroken


class EmbeddingBatches:
    """The work of a provider: `calls`, which large embeddings go through in parts; `ask` is an `actors.attempt.Work`.

    `most` says how many inputs may be asked for at once as things stand now.
    """

    def __init__(self, calls: HttpCalls, most: Callable[[], int]) -> None:
        self._calls = calls
        self._ask = calls.ask
        self._most = most

    def ask(self, attempt: Attempt) -> Awaitable[ModelReply | None]:
        request: ModelRequest = attempt.call.payload
        if request.dialect != EMBEDDINGS:
            return self._ask(attempt, request)
        most = self._most()
        if inputs_of(request.decoded) <= most:
            return self._ask(attempt, request)
        return self._ask_in_parts(attempt, request, most)

    async def _ask_in_parts(self, attempt: Attempt, request: ModelRequest, most: int) -> ModelReply:
        """One part after the other; where one fails, the attempt does, and those before it have been paid for."""
        answers: list[bytes] = []
        spent, sum_up = 0, _Sum()
        reply: ModelReply | None = None
        try:
            for part in split(request.body, request.decoded, most):
                tokens = estimate_tokens(part.request)
                own = msgspec.structs.replace(request, body=part.body, decoded=part.request, prompt_tokens=tokens)
                try:
                    reply = await self._ask(attempt, own)
                finally:
                    spent += attempt.spent_tokens or 0
                    attempt.spent_tokens = spent
                assert reply is not None, "embeddings are not streamed"
                answers.append(reply.body)
                sum_up.add(_notes_of(attempt), tokens)
        finally:
            if answers:
                sum_up.write_into(_notes_of(attempt))
        assert reply is not None, "there are at least two parts"
        try:
            return msgspec.structs.replace(reply, body=join(answers))
        except ValueError as problem:
            name = self._calls.profile.name
            raise UpstreamBroken(f"{name} answered with something that is no answer.") from problem


class _Sum:
    """What the parts so far have used and cost."""

    def __init__(self) -> None:
        self._prompt = 0
        self._cost: int | None = 0

    def add(self, notes: CallNotes, estimate: int) -> None:
        """One more; its prompt by `estimate` where the provider has not counted."""
        self._prompt += estimate if notes.usage is None else notes.usage.prompt
        self._cost = None if self._cost is None or notes.cost is None else self._cost + notes.cost

    def write_into(self, notes: CallNotes) -> None:
        notes.usage, notes.cost = Usage(prompt=self._prompt), self._cost


def _notes_of(attempt: Attempt) -> CallNotes:
    notes = attempt.detail
    assert isinstance(notes, CallNotes), "a part that was asked for has left notes"
    return notes
