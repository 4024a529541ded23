"""One candidate of an answer, read part by part.

Gemini's parts come one after the other; a text or a thought that goes on in the next part or chunk is one part of the
pivot. A signature stands before the part that it signed, as Reasoning without text; that of an empty text, which
signs a turn as a whole, stands at its end.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from gateway.dialects.answer_events import Added, Cited, Closed, Ended, Event, Opened, Scored, Signed
from gateway.dialects.conversation import (
    Audio,
    Document,
    Image,
    Maker,
    Media,
    Native,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dialects.conversation import Part as PivotPart
from gateway.dialects.fidelity import GEMINI
from gateway.dialects.gemini.citations import read_citations
from gateway.dialects.gemini.finish import finish_of, reason_name
from gateway.dialects.gemini.logprobs import read_logprobs
from gateway.dialects.gemini.partial_arguments import PartialArguments
from gateway.dialects.gemini.wire import NULL, Candidate, FunctionCall, Part, is_null

_NOTHING: Final = 0
_TEXT: Final = 1
_THOUGHT: Final = 2
_CALL: Final = 3
_OWN_TOOLS: Final = {
    "executable_code": "executableCode",
    "code_execution_result": "codeExecutionResult",
    "tool_call": "toolCall",
    "tool_response": "toolResponse",
}


class CandidateReader:
    __slots__ = (
        "_arguments",
        "_calls",
        "_grounding",
        "_held",
        "_index",
        "_open",
        "_recited",
        "_response_id",
        "_text",
        "ended",
    )

    def __init__(self, index: int, response_id: str) -> None:
        self._index = index
        self._response_id = response_id
        self._open = _NOTHING
        """What kind of part is open."""
        self._text: list[str] = []
        """The open text, for the citations that come at its end."""
        self._held: str | None = None
        """A signature that came on an empty text; it closes the turn, unless something follows."""
        self._calls = 0
        self._arguments: PartialArguments | None = None
        """Those of the open call, where they come in pieces."""
        self._grounding = self._recited = NULL
        self.ended = False

    def read(self, candidate: Candidate, events: list[Event]) -> None:
        """Appends what a chunk says of this candidate. Raises UpstreamBroken where its model failed."""
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                self._take(part, events)
        if candidate.grounding_metadata is not NULL:
            self._grounding = candidate.grounding_metadata
        if candidate.citation_metadata is not NULL:
            self._recited = candidate.citation_metadata
        if candidate.logprobs_result is not NULL:
            logprobs = read_logprobs(candidate.logprobs_result)
            if logprobs is not None:
                events.append(Scored(logprobs, self._index))
        if reason := reason_name(candidate.finish_reason):
            finish = finish_of(reason, candidate.finish_message, called=self._calls > 0)
            self._close(events)
            self._release(events)
            self.ended = True
            events.append(Ended(finish, self._index))

    def _take(self, part: Part, events: list[Event]) -> None:
        if part.function_call is not None:
            self._take_call(part.function_call, part.thought_signature, events)
        elif part.text is None:
            self._take_other(part, events)
        elif part.thought:
            self._take_thought(part.text, part.thought_signature, events)
        else:
            self._take_text(part.text, part.thought_signature, events)

    def _take_text(self, text: str, signature: str | None, events: list[Event]) -> None:
        if not text:
            self._hold(signature, events)
            return
        if signature is not None:
            self._close(events)
            self._sign(signature, events)
        if self._open != _TEXT or self._held is not None:
            self._begin(_TEXT, Text(""), events)
        self._text.append(text)
        events.append(Added(text, self._index))

    def _take_thought(self, text: str, signature: str | None, events: list[Event]) -> None:
        if not text:
            self._hold(signature, events)
            return
        if self._open != _THOUGHT or self._held is not None:
            self._begin(_THOUGHT, Reasoning(maker=Maker.GOOGLE), events)
        events.append(Added(text, self._index))
        if signature is not None:
            events.append(Signed(signature, self._index))
            self._close(events)

    def _take_call(self, call: FunctionCall, signature: str | None, events: list[Event]) -> None:
        """A call as a whole; or its name, pieces of its arguments and its end, one by one (Vertex AI)."""
        if call.name:
            if signature is not None:
                self._close(events)
                self._sign(signature, events)
            self._begin(_CALL, ToolCall(call.id or self._made_id(call.name), call.name, ""), events)
            self._calls += 1
            if call.will_continue:
                self._arguments = PartialArguments()
            else:
                events.append(Added(_arguments(call.args), self._index))
                self._open = _NOTHING
                events.append(Closed(self._index))
        if self._arguments is not None:
            for piece in call.partial_args or ():
                self._arguments.add(piece)
            if not call.will_continue:
                self._close(events)

    def _take_other(self, part: Part, events: list[Event]) -> None:
        """Media, and what the provider's own tools did."""
        whole = _own_tool(part) or _media(part)
        if whole is None or part.thought:
            self._hold(part.thought_signature, events)
            return
        if part.thought_signature is not None and not isinstance(whole, Native):
            self._close(events)
            self._sign(part.thought_signature, events)
        self._begin(_NOTHING, whole, events)
        events.append(Closed(self._index))

    # The part that is open, and the signature that waits.

    def _begin(self, kind: int, part: PivotPart, events: list[Event]) -> None:
        self._close(events)
        self._release(events)
        self._open = kind
        events.append(Opened(part, self._index))

    def _close(self, events: list[Event]) -> None:
        if self._open == _NOTHING:
            return
        if self._open == _TEXT:
            for citation in read_citations("".join(self._text), self._grounding, self._recited):
                events.append(Cited(citation, self._index))
            self._text = []
            self._grounding = self._recited = NULL
        elif self._arguments is not None:
            events.append(Added(self._arguments.json(), self._index))
            self._arguments = None
        self._open = _NOTHING
        events.append(Closed(self._index))

    def _hold(self, signature: str | None, events: list[Event]) -> None:
        if signature is not None:
            if self._held is not None:
                self._close(events)
                self._release(events)
            self._held = signature

    def _release(self, events: list[Event]) -> None:
        if self._held is not None:
            signature, self._held = self._held, None
            self._sign(signature, events)

    def _sign(self, signature: str, events: list[Event]) -> None:
        self._release(events)
        events.append(Opened(Reasoning(maker=Maker.GOOGLE), self._index))
        events.append(Signed(signature, self._index))
        events.append(Closed(self._index))

    def _made_id(self, name: str) -> str:
        """An id for a call that has none: always the same for the same answer, and another for each of its calls."""
        place = f"{self._response_id}/{self._index}/{self._calls}/{name}"
        return "call_" + blake2b(place.encode(), digest_size=12).hexdigest()


def _arguments(raw: msgspec.Raw) -> str:
    """The arguments' own JSON, compact: a stream and a whole answer differ in their white space."""
    return "{}" if is_null(raw) else msgspec.json.format(bytes(raw), indent=-1).decode()


def _own_tool(part: Part) -> Native | None:
    """The part as it was, signature and all: it goes back whole or not at all."""
    value: dict[str, Any] = {}
    for member, name in _OWN_TOOLS.items():
        raw = getattr(part, member)
        if not is_null(raw):
            value[name] = msgspec.json.decode(raw)
    if not value:
        return None
    if part.thought_signature is not None:
        value["thoughtSignature"] = part.thought_signature
    return Native(GEMINI, value)


def _media(part: Part) -> Image | Audio | Document | None:
    if part.inline_data is not None and part.inline_data.data is not None:
        media = Media(data=part.inline_data.data, media_type=part.inline_data.mime_type)
    elif part.file_data is not None and part.file_data.file_uri is not None:
        media = Media(url=part.file_data.file_uri, media_type=part.file_data.mime_type)
    else:
        return None
    kind = (media.media_type or "").partition("/")[0]
    return Image(media) if kind == "image" else Audio(media) if kind == "audio" else Document(media)
