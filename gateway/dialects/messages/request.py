"""Messages: a client's request as a conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.dialects import fidelity
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation
from gateway.dialects.messages import request_settings as settings
from gateway.dialects.messages.fidelity import TABLE
from gateway.dialects.messages.request_messages import mark_last, read_messages, read_system
from gateway.dialects.messages.request_shapes import CreateMessage
from gateway.dialects.mistakes import unreadable
from gateway.dialects.reading import invalid, reading_pieces

_request_decoder: Final = msgspec.json.Decoder(CreateMessage)
_members_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL: Final = msgspec.Raw(b"null")
_UNKNOWN: Final = object()
_SPELLING: Final = {
    "stop": "stop_sequences",
    "reasoning": "thinking",
    "output_format": "output_config.format",
    "user": "metadata.user_id",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
}
"""What this dialect calls members of a conversation."""


def decode(body: bytes, target: str) -> Steps[Conversation]:
    """Reads a request that a provider of the dialect `target` is to serve, a few messages a step.

    Raises InvalidRequest whose `param` names the field, also for what `target` cannot express.
    """
    try:
        request = _request_decoder.decode(body)
        yield reading_pieces(body)
        members = _members_decoder.decode(body)
        yield reading_pieces(body)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    _check(request)
    fidelity.check(TABLE, _told(members, request), target)
    tools, native_tools = settings.read_tools(request, target)
    tool_choice, parallel_tool_calls = settings.read_tool_choice(request)
    turns = read_system(request.system)
    turns += yield from read_messages(request.messages, target)
    if request.cache_control is not None:
        mark_last(turns, request.cache_control)
    return Conversation(
        model=request.model,
        turns=turns,
        stream=request.stream is True,
        tools=tools,
        native_tools=native_tools,
        tool_choice=tool_choice,
        parallel_tool_calls=parallel_tool_calls,
        output_format=settings.read_output_format(request),
        reasoning=settings.read_reasoning_wish(request),
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        stop=request.stop_sequences or [],
        user=None if request.metadata is None else request.metadata.user_id,
        service_tier=request.service_tier,
        spelling=_spelling(request),
    )


def _check(request: CreateMessage) -> None:
    """What every model needs is there and makes sense."""
    if not request.model:
        invalid("model", "an empty string names no model")
    if not request.messages:
        invalid("messages", "expected at least one message")
    if request.max_tokens < 1:
        invalid("max_tokens", "expected at least 1")


def _spelling(request: CreateMessage) -> dict[str, str]:
    """The names of those members that have two by the one that was used."""
    spelling = dict(_SPELLING)
    if request.thinking is None:
        spelling["reasoning"] = "output_config.effort"
    if request.output_format is not None:
        spelling["output_format"] = "output_format"
    return spelling


def _told(members: dict[str, msgspec.Raw], request: CreateMessage) -> Iterator[tuple[str, Any]]:
    """The members that the client wrote, with their values; one that nobody knows with the JSON of it."""
    for name, raw in members.items():
        value = getattr(request, name, _UNKNOWN)
        yield name, (None if raw == _NULL else raw) if value is _UNKNOWN else value
