"""Chat completions, the request side: what the gateway needs of a request, and the little it changes in one.

https://platform.openai.com/docs/api-reference/chat/create. Members nobody reads here are skipped and travel on as the
client wrote them, those a provider added last week included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from gateway.dialects.decoded_weight import check_count
from gateway.dialects.envelope import NO_PARAMETERS
from gateway.dialects.foreign_thoughts import without_members
from gateway.dialects.mistakes import unreadable
from gateway.dialects.parameters import add_parameters
from gateway.dialects.prompt_parts import Pieces, is_given
from gateway.dialects.prompt_weight import reserved_tokens
from gateway.dialects.two_readings import TwoReadings
from gateway.dialects.usual_parts import NULL, Said
from gateway.errors import InvalidRequest

NAME: Final = "openai_chat"
"""As in ModelRequest.dialect."""
MOST_CHOICES: Final = 128
_THOUGHTS: Final = (b'"reasoning_content"', b'"reasoning_details"')
"""Of messages that say what a model thought, in the gateway's words."""


class Message(msgspec.Struct, gc=False):
    """One message of the conversation; its content stays as the client wrote it."""

    role: str
    content: msgspec.Raw = NULL
    tool_calls: msgspec.Raw = NULL
    function_call: msgspec.Raw = NULL
    reasoning_content: msgspec.Raw = NULL


class ReadMessage(msgspec.Struct, gc=False):
    """The same, of usual parts, all of which has been read."""

    role: str
    content: Said = None
    tool_calls: msgspec.Raw = NULL
    function_call: msgspec.Raw = NULL
    reasoning_content: str | None = None


class StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct):
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

    def pieces(self) -> Pieces:
        """As in `prompt_parts.Prompt`."""
        messages = self.messages
        contents = [
            each.content for each in messages if each.tool_calls is each.function_call is each.reasoning_content
        ]
        others = self.structured()
        if len(contents) < len(messages):  # of some not all three are absent, as they mostly are
            contents = [raw for each in messages for raw in (each.reasoning_content, each.content) if is_given(raw)]
            others += [raw for each in messages for raw in (each.tool_calls, each.function_call) if is_given(raw)]
        return (), contents, others

    def structured(self) -> list[msgspec.Raw]:
        """What is, beside messages."""
        if self.tools is None and self.functions is self.response_format:
            return []
        return [raw for raw in (*(self.tools or ()), self.functions, self.response_format) if is_given(raw)]


class ReadChatRequest(ChatRequest):
    """One whose messages have been read."""

    messages: list[ReadMessage]  # type: ignore[assignment]  # told apart by whoever asks for its pieces

    def pieces(self) -> Pieces:
        """As in `prompt_parts.Prompt`."""
        messages: list[ReadMessage] = self.messages
        said = [each.content for each in messages]
        others = self.structured()
        more = [each for each in messages if each.tool_calls is not each.function_call or each.reasoning_content]
        if more:
            said += [each.reasoning_content for each in more]
            others += [raw for each in more for raw in (each.tool_calls, each.function_call) if is_given(raw)]
        return said, (), others


_readings: Final = TwoReadings[ChatRequest](ReadChatRequest, ChatRequest)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes) -> ChatRequest:
    """Reads and checks a request, with all that its messages say where that is usual.

    Raises InvalidRequest whose `param` names the field, like `messages[0].role`.
    """
    return _checked(_readings.read(body))


def decode_unread(body: bytes) -> ChatRequest:
    """The same, with its contents as the client wrote them."""
    return _checked(_readings.unread(body))


def _checked(request: ChatRequest) -> ChatRequest:
    if not request.model:
        raise InvalidRequest("Invalid 'model': an empty string names no model.", param="model")
    check_count(request.messages)
    return request


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
    thoughts = bool(unread) and any(member in body for member in _THOUGHTS)
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
    return reserved_tokens(request.output_limit) * request.choices


def _with_usage(members: dict[str, msgspec.Raw], request: ChatRequest) -> msgspec.Raw:
    options: dict[str, msgspec.Raw] = {}
    if request.stream_options is not None:
        options = _members_decoder.decode(members["stream_options"])
    options["include_usage"] = msgspec.Raw(b"true")
    return msgspec.Raw(_encode(options))
