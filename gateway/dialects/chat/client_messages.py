"""Chat completions: a client's messages as the turns of a conversation."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.chat.content_parts import read_result, read_shown, read_spoken, read_texts
from gateway.dialects.chat.details import place, thought
from gateway.dialects.chat.fidelity import judge
from gateway.dialects.chat.request_shapes import (
    AssistantMessage,
    CalledFunction,
    DeveloperMessage,
    FunctionMessage,
    Message,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from gateway.dialects.chat.request_shapes import ToolCall as WrittenCall
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Document, Image, Part, Refusal, Text, ToolCall, ToolResult, Turn
from gateway.dialects.decoded_weight import check_parts
from gateway.dialects.reading import invalid, media_of, read_in_slices

_message_decoder: Final = msgspec.json.Decoder[Message](Message)
_messages_decoder: Final = msgspec.json.Decoder(list[Message])
_object_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_messages(messages: list[msgspec.Raw], target: str) -> Steps[list[Turn]]:
    """Reads a few messages a step. Raises InvalidRequest that names the field."""
    reader = _Reader(target)
    index = 0
    for some, pieces in read_in_slices(_messages_decoder, _message_decoder, messages, "messages"):
        for message in some:
            reader.take(message, index, f"messages[{index}]")
            index += 1
        yield pieces + reader.count_pieces()
    return reader.turns


class _Reader:
    """The turns so far; consecutive results of tools share one."""

    __slots__ = ("_awaited", "_pieces", "_results", "_target", "turns")

    def __init__(self, target: str) -> None:
        self.turns: list[Turn] = []
        self._target = target
        self._pieces = 0
        self._results: Turn | None = None
        self._awaited: dict[str, str] = {}
        """The ids given to deprecated calls that have no result yet, by function."""

    def take(self, message: Message, index: int, field: str) -> None:
        match message:
            case UserMessage(content=content):
                # A text and nothing else is what most messages are: it takes the short way.
                said: list[Part] = (
                    [Text(content)] if isinstance(content, str) else read_shown(content, field, self._target)
                )
                self._add(Turn("user", said, message.name, field), message.cache_control)
            case AssistantMessage():
                parts = self._read_answer(message, index, field)
                self._add(Turn("assistant", parts, message.name, field), message.cache_control)
            case ToolMessage():
                result = ToolResult(message.tool_call_id, read_result(message.content, field))
                result.name, result.cache_control = message.name, message.cache_control
                self._add_result(result, field)
            case FunctionMessage():
                self._add_result(self._read_function_result(message, field), field)
            case SystemMessage() | DeveloperMessage():
                parts = read_texts(message.content, field)
                self._add(Turn("system", parts, message.name, field), message.cache_control)

    def count_pieces(self) -> int:
        """How many parts have been read since this was asked last; a message without any is one."""
        pieces, self._pieces = self._pieces, 0
        return pieces

    def _add(self, turn: Turn, cache_control: dict[str, Any] | None) -> None:
        if cache_control is not None:
            _mark_last(turn.parts, cache_control)
        self.turns.append(turn)
        self._pieces += len(turn.parts) or 1
        self._results = None

    def _add_result(self, result: ToolResult, field: str) -> None:
        if self._results is None:
            self._results = Turn("user", [], field=field)
            self.turns.append(self._results)
        self._results.parts.append(result)
        check_parts(self._results.parts, field)
        self._pieces += len(result.parts) or 1

    def _read_function_result(self, message: FunctionMessage, field: str) -> ToolResult:
        call_id = self._awaited.pop(message.name, None)
        if call_id is None:
            invalid(f"{field}.name", "no earlier message calls a function of this name")
        return ToolResult(call_id, [Text(message.content or "")], name=message.name)

    def _read_answer(self, message: AssistantMessage, index: int, field: str) -> list[Part]:
        content, more = message.content, message.refusal or message.tool_calls or message.function_call
        if isinstance(content, str) and not (more or message.images or message.audio is not None or thought(message)):
            return [Text(content)] if content else []  # the short way again
        if message.audio is not None:
            judge("messages[].audio", f"{field}.audio", self._target)
        spoken = [] if message.content is None else read_spoken(message.content, field)
        if message.refusal:
            spoken.append(Refusal(message.refusal))
        for number, image in enumerate(message.images or ()):
            judge("messages[].images", f"{field}.images[{number}]", self._target)
            spoken.append(Image(media_of(image.image_url.url, f"{field}.images[{number}].image_url.url")))
        calls: list[ToolCall] = []
        check_parts(message.tool_calls or (), f"{field}.tool_calls")
        check_parts(message.reasoning_details or (), f"{field}.reasoning_details")
        for number, call in enumerate(message.tool_calls or ()):
            calls.append(self._read_call(call, f"{field}.tool_calls[{number}]"))
        if message.function_call is not None:
            call_id = f"call_{index}"
            self._awaited[message.function_call.name] = call_id
            calls.append(_call_of(call_id, message.function_call, None, f"{field}.function_call"))
        return place(message, spoken, calls) if calls or thought(message) else spoken

    def _read_call(self, call: WrittenCall, field: str) -> ToolCall:
        if call.function is None:
            if call.type == "custom":
                judge("messages[].tool_calls[].custom", f"{field}.custom", self._target)
            invalid(field, "expected the call of a function")
        return _call_of(call.id, call.function, call.cache_control, f"{field}.function")


def _call_of(call_id: str, function: CalledFunction, cache_control: dict[str, Any] | None, field: str) -> ToolCall:
    arguments = function.arguments or "{}"
    try:
        _object_decoder.decode(arguments)
    except (ValueError, RecursionError):
        invalid(f"{field}.arguments", "expected a JSON object as text")
    return ToolCall(call_id, function.name, arguments, cache_control)


def _mark_last(parts: list[Part], cache_control: dict[str, Any]) -> None:
    """A mark on a message is one on its last part."""
    if parts and isinstance(parts[-1], Text | Image | Document | ToolCall | ToolResult):
        parts[-1].cache_control = cache_control
