"""Chat completions that the gateway writes itself: whole answers, chunks of streams, and one turned into the other.

Valid against OpenAI's specification, which wants some members present even where they are null.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_stream import DONE
from gateway.dialects.sse import encode_event

_encode = msgspec.json.Encoder().encode


class FunctionCall(msgspec.Struct):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, kw_only=True):
    """A call of a function tool; in a stream `index` says which one of the message's calls it is."""

    index: int | UnsetType = UNSET
    id: str
    type: str = "function"
    function: FunctionCall


class ArgumentsDelta(msgspec.Struct):
    arguments: str


class ToolCallDelta(msgspec.Struct):
    """More arguments for a call that an earlier chunk began."""

    index: int
    function: ArgumentsDelta


class AnswerMessage(msgspec.Struct, kw_only=True):
    role: str = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | UnsetType = UNSET
    """What was thought before, in the word that DeepSeek and vLLM have for it."""
    tool_calls: list[ToolCall] | UnsetType = UNSET


class Choice(msgspec.Struct, kw_only=True):
    index: int = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: str


class Delta(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a chunk adds to its choice's message."""

    role: str | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ToolCall | ToolCallDelta] | UnsetType = UNSET


class ChunkChoice(msgspec.Struct, kw_only=True):
    index: int = 0
    delta: Delta
    logprobs: None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct):
    cached_tokens: int


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: int


class UsageObject(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Completion(msgspec.Struct, kw_only=True):
    """A whole answer."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: UsageObject


class Chunk(msgspec.Struct, kw_only=True):
    """One event's data; `usage` is null in all but the last where the client asked for it, and absent otherwise."""

    id: str
    object: str = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: UsageObject | UnsetType | None = UNSET


def more_arguments(index: int, piece: str) -> ToolCallDelta:
    """A piece of the arguments of the message's call number `index`."""
    return ToolCallDelta(index, ArgumentsDelta(piece))


def usage_object(usage: Usage) -> UsageObject:
    """Counts as OpenAI spells them."""
    return UsageObject(
        usage.prompt,
        usage.completion,
        usage.prompt + usage.completion,
        PromptDetails(usage.cached),
        CompletionDetails(usage.reasoning),
    )


def completion_body(completion: Completion) -> bytes:
    return _encode(completion)


def chunk_event(chunk: Chunk) -> bytes:
    return encode_event(_encode(chunk))


def as_stream(completion: dict[str, Any], *, include_usage: bool) -> bytes:
    """A whole answer as the stream that was asked for, from a provider that does not stream; nothing of it is lost.

    Raises ValueError where it holds no choices.
    """
    choices = completion.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        raise ValueError("no choices")
    head = {**completion, "object": "chat.completion.chunk"}
    usage = head.pop("usage", None)
    events = [encode_event(_encode({**head, "choices": [_as_delta(choice) for choice in choices]}))]
    if include_usage and usage:
        events.append(encode_event(_encode({**head, "choices": [], "usage": usage})))
    events.append(DONE)
    return b"".join(events)


def _as_delta(choice: dict[str, Any]) -> dict[str, Any]:
    delta = dict(choice.get("message") or {})
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [
            {"index": index, **call} if isinstance(call, dict) else call for index, call in enumerate(calls)
        ]
    rest = {member: value for member, value in choice.items() if member != "message"}
    return {**rest, "delta": delta}
