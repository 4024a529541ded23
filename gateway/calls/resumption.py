"""How a provider goes on with an answer that another one left unfinished.

It is asked as it would have been asked in the first place, where its model takes it with the beginning of the answer
as a last message of the assistant. Its answer is read through the pivot, and only what is new reaches the client.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from actors.attempt import Attempt
from actors.errors import Failure, Stage
from gateway.calls.passage import Way
from gateway.calls.progress import Approach, Progress
from gateway.calls.resumed_stream import ResumedStream
from gateway.dialects.answer_events import told
from gateway.dialects.codec import Frame, ProviderCodec
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.passed_reply import ReplyNotes
from gateway.dialects.splice import word_end
from gateway.dialects.told import tokens_of
from gateway.errors import UpstreamError
from gateway.providers.prefixes import PrefixForm

PrefixOf = Callable[[str], PrefixForm | None]
"""How a model is given the beginning of an answer; None where it takes none."""

_LENGTHS: Final = ("max_tokens", "max_completion_tokens")
_THOUGHTS: Final = frozenset({"thinking", "reasoning", "reasoning_effort"})
"""A model that is to think begins with that, and not in the middle of an answer."""
_NO_THOUGHTS: Final[tuple[Any, ...]] = (None, "none", {"type": "disabled"}, {"enabled": False}, {"effort": "none"})


class _Message(msgspec.Struct, gc=False):
    role: str = ""


_members_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_messages_of: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_message_of: Final = msgspec.json.Decoder(_Message).decode
_encode: Final = msgspec.json.Encoder().encode


class Resumption:
    """Lets one provider go on with answers to clients of one dialect."""

    def __init__(self, way: Way, provider: ProviderCodec, prefix_of: PrefixOf) -> None:
        """`way` asks in `provider`'s dialect."""
        self._way = way
        self._provider = provider
        self._prefix_of = prefix_of

    async def prepare(self, request: ModelRequest, attempt: Attempt, frame: Frame) -> ResumedPassage:
        """The passage of `request` to the attempt's model. Raises InvalidRequest for what it cannot be asked."""
        progress: Progress = attempt.progress
        model = attempt.candidate.model
        asked = await self._way.prepare(request, model, streamed=True, frame=frame)
        text = str(progress.told.text)
        begun = self._begin(progress.approach(attempt.candidate), model, text, asked.body)
        if begun is None:
            begun = _Begun(Approach.ANEW, asked.path, asked.body, 0)
        elif begun.path is None:
            begun = begun._replace(path=asked.path)
        return ResumedPassage(begun, text[begun.prefix :], attempt, self._provider)

    def _begin(self, approach: Approach, model: str, text: str, body: bytes) -> _Begun | None:
        """The request with the beginning of the answer; None where it has to be asked anew."""
        form = None if approach is Approach.ANEW else self._prefix_of(model)
        prefix = word_end(text) if approach is Approach.WORD_END else text.rstrip()
        if form is None or not prefix:
            return None
        continued = with_prefix(body, prefix, form.members)
        return None if continued is None else _Begun(approach, form.path, continued, len(prefix))


class _Begun(NamedTuple):
    """A request for the rest of an answer."""

    approach: Approach
    path: bytes | None
    body: bytes
    prefix: int
    """How many characters of the text it begins with."""


class ResumedPassage:
    """One request for the rest of an answer; a `gateway.calls.passage.Passage`."""

    def __init__(self, begun: _Begun, overlap: str, attempt: Attempt, provider: ProviderCodec) -> None:
        assert begun.path is not None, "it goes somewhere"
        self.path = begun.path
        self.body = begun.body
        self._approach = begun.approach
        self._overlap = overlap
        self._attempt = attempt
        self._progress: Progress = attempt.progress
        self._provider = provider

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        if self._provider.read_error(body) is not None:
            return ReplyNotes(error=body)
        reply = self._provider.decode(body)
        return ReplyNotes(reply.usage, reply.choices[0].finish.value if reply.choices else None)

    def stream(self) -> ResumedStream:
        candidate = self._attempt.candidate
        return ResumedStream(
            self._provider.stream(1),
            self._progress.told,
            self._overlap,
            model=candidate.model,
            differs=partial(self._progress.differed, candidate, self._approach),
            # While what the client already has comes again, a provider may be no more silent than in a stream.
            alive=partial(self._attempt.enter, Stage.AWAITING, candidate.timeouts.idle_s),
        )

    def as_stream(self, body: bytes) -> bytes:
        """Raises ValueError as `read` does, AnswerDiffers."""
        stream = self.stream()
        return stream.take(told(self._provider.decode(body))) + stream.finish()

    def refused(self, refusal: Failure) -> Failure:
        """What an error answer means: a provider that takes no beginning of an answer is asked without."""
        if self._approach is Approach.ANEW or not isinstance(refusal, UpstreamError):
            return refusal
        return self._progress.refused(self._attempt.candidate, refusal)


def with_prefix(body: bytes, prefix: str, members: dict[str, Any]) -> bytes | None:
    """A request whose answer begins with `prefix`, which is taken off the length that the answer may have.

    None where the conversation does not end with the user, or the model is to think first.
    """
    request = _members_of(body)
    messages = _messages_of(request.get("messages", b"[]"))
    if not messages or _message_of(messages[-1]).role not in ("user", "tool") or _thinks(request):
        return None
    messages.append(msgspec.Raw(_encode({"role": "assistant", "content": prefix, **members})))
    request["messages"] = msgspec.Raw(_encode(messages))
    for name in _LENGTHS:
        limit = msgspec.json.decode(request[name]) if name in request else None
        if isinstance(limit, int):
            request[name] = msgspec.Raw(b"%d" % max(1, limit - tokens_of(len(prefix))))
    return _encode(request)


def _thinks(request: dict[str, msgspec.Raw]) -> bool:
    wishes = [msgspec.json.decode(request[name]) for name in _THOUGHTS & request.keys()]
    return any(wish not in _NO_THOUGHTS for wish in wishes)
