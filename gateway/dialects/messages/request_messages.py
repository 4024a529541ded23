"""Messages: a client's messages as the turns of a conversation."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Document, Image, Role, Text, ToolCall, ToolResult, Turn
from gateway.dialects.messages.fidelity import judge
from gateway.dialects.messages.request_blocks import read_content, read_texts
from gateway.dialects.messages.request_shapes import Message, TextBlock
from gateway.dialects.reading import invalid, missing, read_in_slices

_message_decoder: Final = msgspec.json.Decoder(Message)
_messages_decoder: Final = msgspec.json.Decoder(list[Message])
_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}


def read_messages(messages: list[msgspec.Raw], target: str) -> Steps[list[Turn]]:
    """Reads a few messages a step. Raises InvalidRequest that names the field."""
    turns: list[Turn] = []
    for some, pieces in read_in_slices(_messages_decoder, _message_decoder, messages, "messages"):
        for message in some:
            turn = _read_message(message, f"messages[{len(turns)}]", target)
            turns.append(turn)
            pieces += len(turn.parts) or 1
        yield pieces
    _check_last(turns, target)
    return turns


def read_system(system: str | list[TextBlock] | None) -> list[Turn]:
    """The turn ahead of all others; none for an empty prompt."""
    parts = [] if system is None else read_texts(system)
    return [Turn("system", parts, field="system")] if parts else []


def mark_last(turns: list[Turn], cache_control: dict[str, Any]) -> None:
    """A mark on the whole request is one on the last block that can bear it."""
    for turn in reversed(turns):
        for part in reversed(turn.parts):
            if isinstance(part, Text | Image | Document | ToolCall | ToolResult):
                part.cache_control = part.cache_control or cache_control
                return


def _read_message(message: Message, field: str, target: str) -> Turn:
    role = _ROLES.get(message.role)
    if role is None:
        invalid(f"{field}.role", "expected user, assistant or system")
    judge("messages[].clear_at", f"{field}.clear_at", message.clear_at, target)
    judge("messages[].output_config", f"{field}.output_config", message.output_config, target)
    if message.content is None:
        missing(f"{field}.content")
    return Turn(role, read_content(message.content, role, f"{field}.content", target), field=field)


def _check_last(turns: list[Turn], target: str) -> None:
    """An answer that the client has begun is continued by Anthropic's models alone."""
    last = next((turn for turn in reversed(turns) if turn.role != "system"), None)
    if last is not None and last.role == "assistant" and last.parts and isinstance(last.parts[-1], Text):
        judge("messages[-1].role", last.field, last.role, target)
