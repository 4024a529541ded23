"""Chat completions, the request side: what the gateway needs of a request, and the little it changes in one.

https://platform.openai.com/docs/api-reference/chat/create. Members nobody reads here are skipped and travel on as the
client wrote them, those a provider added last week included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from gateway.dialects.decoded_weight import Named, Some, check_count, check_model
from gateway.dialects.envelope import NO_PARAMETERS
from gateway.dialects.foreign_thoughts import without_members
from gateway.dialects.mistakes import unreadable
from gateway.dialects.odd_parts import Odd
from gateway.dialects.parameters import add_parameters
from gateway.dialects.prompt_parts import MOST_PIECES, Pieces, beside, is_given
from gateway.dialects.prompt_weight import reserved_tokens
from gateway.dialects.readings import Readings
from gateway.dialects.usual_parts import NULL, Said

NAME: Final = "openai_chat"
"""As in ModelRequest.dialect."""
MOST_CHOICES: Final = 128
_ABSENT: Final[Any] = None
"""A member that is not there."""
_THOUGHTS: Final = (b'"reasoning_content"', b'"reasoning_details"')
"""Of messages that say what a model thought, in the gateway's words."""
_THOUGHT: Final = b'"reasoning_'
"""What they begin with: most bodies have neither, and one look tells."""


class Message(msgspec.Struct, gc=False):
    """One message of the conversation; its content stays as the client wrote it."""

    role: str
    content: msgspec.Raw = NULL
    tool_calls: msgspec.Raw = NULL
    function_call: msgspec.Raw = NULL
    reasoning_content: msgspec.Raw = NULL


class UsualMessage(msgspec.Struct, gc=False):
    """The same, of usual parts, all of which has been read."""

    role: str
    content: Said = None
    tool_calls: msgspec.Raw = _ABSENT
    function_call: msgspec.Raw = _ABSENT
    reasoning_content: str | None = None


class OddMessage(msgspec.Struct, gc=False):
    """The same, of any parts."""

    role: str
    content: Odd = None


class StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, gc=False):
    """What the gateway reads of a request; made by `decode_request`, which has checked it."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: msgspec.Raw = NULL
    response_format: msgspec.Raw = NULL
    functions: msgspec.Raw = NULL
    """What tools were, before there were others."""

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for usage in its stream."""
        return self.stream_options is not None and self.stream_options.include_usage is True

    @property
    def choices(self) -> int:
        """How many answers were asked for."""
        return 1 if self.n is None else min(max(self.n, 1), MOST_CHOICES)

    @property
    def output_limit(self) -> int | None:
        """The most tokens one answer may have, where the client says so."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    def contents(self) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
        """As in `prompt_text.Written`."""
        messages, others = self.messages, self.structured()
        said = [raw for each in messages for raw in (each.reasoning_content, each.content) if is_given(raw)]
        others += [raw for each in messages for raw in (each.tool_calls, each.function_call)]
        return said, [raw for raw in others if is_given(raw)]

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`: nothing has been read."""
        return None

    def structured(self) -> list[msgspec.Raw]:
        """What is, beside messages."""
        if self.tools is None and self.functions is self.response_format:
            return []
        return [*(self.tools or ()), self.functions, self.response_format]


class UsualRequest(ChatRequest):
    """One whose messages have been read."""

    model: Named
    messages: Some[UsualMessage]  # type: ignore[assignment]  # told apart by whoever asks for its pieces

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`."""
        messages: list[UsualMessage] = self.messages
        if len(messages) > MOST_PIECES:
            return None
        said = [
            each.content
            for each in messages
            if each.tool_calls is each.function_call and each.reasoning_content is None
        ]
        others = self.structured()
        if len(said) == len(messages):  # all three are absent, as they mostly are
            return said, beside((), others) if others else 0, None
        said = [each.content for each in messages if each.content]
        texts = [each.reasoning_content for each in messages if each.reasoning_content]
        others += [each.tool_calls for each in messages if each.tool_calls]
        others += [each.function_call for each in messages if each.function_call]
        return said, beside(texts, others), None


class OddRequest(ChatRequest):
    """One that holds what nobody here knows."""

    messages: list[OddMessage]  # type: ignore[assignment]  # told apart by whoever asks for its pieces

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`."""
        messages: list[OddMessage] = self.messages
        return None if len(messages) > MOST_PIECES else ((), 0, [each.content for each in messages])


def _check(request: ChatRequest) -> None:
    check_model(request.model)
    check_count(request.messages)


_readings: Final = Readings[ChatRequest](UsualRequest, OddRequest, ChatRequest, _check)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


decode_request: Final = _readings.read
"""Reads and checks a request, with all that its messages say where that is usual.

Raises InvalidRequest whose `param` names the field, like `messages[0].role`.
"""
decode_unread: Final = _readings.unread
"""The same, with its contents as the client wrote them."""


def rewrite_request(
    body: bytes,
    request: ChatRequest,
    *,
    model: str,
    include_usage: bool,
    parameters: Mapping[str, Any] = NO_PARAMETERS,
    unread: Collection[str] = (),
) -> bytes:
    """The body for the provider: its own name for the model, usage asked for where `include_usage` says so, what it
    leaves out of `parameters`, and no thoughts in the members of messages that it does not read.

    Untouched where nothing changes; otherwise every other member keeps its value byte for byte. Raises InvalidRequest
    for what only a second reading finds too deep.
    """
    include_usage = include_usage and not request.wants_usage
    thoughts = bool(unread) and body.find(_THOUGHT) >= 0 and any(member in body for member in _THOUGHTS)
    changed = model != request.model or include_usage or thoughts
    if not changed and not parameters:
        return body
    try:
        members = _members_decoder.decode(body)
        if parameters:
            changed |= add_parameters(NAME, members, parameters)
        if model != request.model:
            members["model"] = msgspec.Raw(_encode(model))
        if include_usage:
            members["stream_options"] = _with_usage(members, request)
        if thoughts:
            members["messages"] = without_members(members["messages"], unread)
        return _encode(members) if changed else body
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem


def reserved_output(request: ChatRequest) -> int:
    """The most tokens that all answers together may have."""
    tokens = reserved_tokens(request.output_limit)
    return tokens if request.n is None else tokens * request.choices


def _with_usage(members: dict[str, msgspec.Raw], request: ChatRequest) -> msgspec.Raw:
    options: dict[str, msgspec.Raw] = {}
    if request.stream_options is not None:
        options = _members_decoder.decode(members["stream_options"])
    options["include_usage"] = msgspec.Raw(b"true")
    return msgspec.Raw(_encode(options))
