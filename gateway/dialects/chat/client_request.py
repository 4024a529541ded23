"""Chat completions: a client's request as a conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.dialects import fidelity
from gateway.dialects.chat import client_settings as settings
from gateway.dialects.chat.client_messages import read_messages
from gateway.dialects.chat.fidelity import TABLE
from gateway.dialects.chat.request_shapes import ChatRequest
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation
from gateway.dialects.mistakes import unreadable
from gateway.dialects.openai_chat import MOST_CHOICES
from gateway.dialects.reading import invalid, reading_pieces

_request_decoder: Final = msgspec.json.Decoder(ChatRequest)
_members_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL: Final = msgspec.Raw(b"null")

_MEMBERS: Final = {
    "prompt_cache_key": "cache_key",
    "n": "choices",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "response_format": "output_format",
    "include_reasoning": "reasoning",
    "thinking": "reasoning",
    "reasoning": "reasoning",
    "reasoning_effort": "reasoning",
    "function_call": "tool_choice",
    "tool_choice": "tool_choice",
    "functions": "tools",
    "tools": "tools",
    "user": "user",
    "safety_identifier": "user",
}
"""Members of a conversation by their names here; of several that are written the last one counts."""
_UNKNOWN: Final = object()


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
    tool_choice = settings.read_tool_choice(request, target)
    turns = yield from read_messages(request.messages, target)
    limit = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    return Conversation(
        model=request.model,
        turns=turns,
        stream=request.stream is True,
        tools=tools,
        native_tools=native_tools,
        tool_choice=tool_choice,
        parallel_tool_calls=request.parallel_tool_calls,
        output_format=settings.read_output_format(request),
        reasoning=settings.read_reasoning_wish(request),
        max_tokens=limit,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
        stop=[request.stop] if isinstance(request.stop, str) else request.stop or [],
        seed=request.seed,
        choices=request.n or 1,
        logprobs=settings.read_logprobs(request),
        verbosity=request.verbosity,
        user=request.safety_identifier or request.user,
        metadata=request.metadata,
        service_tier=request.service_tier,
        cache_key=request.prompt_cache_key,
        spelling=_spelling(members),
        stream_usage=request.stream_options is not None and request.stream_options.include_usage is True,
        deprecated_calls=bool(request.functions) and not request.tools,
    )


def _check(request: ChatRequest) -> None:
    """What the gateway must know of a request is there and makes sense."""
    if not request.model:
        invalid("model", "an empty string names no model")
    if not request.messages:
        invalid("messages", "expected at least one message")
    if request.n is not None and not 1 <= request.n <= MOST_CHOICES:
        invalid("n", f"expected a number from 1 to {MOST_CHOICES}")


def _spelling(members: dict[str, msgspec.Raw]) -> dict[str, str]:
    """What the client calls those members of the conversation that have several names, or another one, here."""
    return {member: name for name, member in _MEMBERS.items() if name in members}


def _told(members: dict[str, msgspec.Raw], request: ChatRequest) -> Iterator[tuple[str, Any]]:
    """The members that the client wrote, with their values; one that nobody knows with the JSON of it."""
    for name, raw in members.items():
        value = getattr(request, name, _UNKNOWN)
        yield name, (None if raw == _NULL else raw) if value is _UNKNOWN else value
