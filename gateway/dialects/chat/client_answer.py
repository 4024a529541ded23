"""Chat completions: a whole answer for a client, valid against OpenAI's specification, the extensions beside."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.chat.annotations import annotations_of
from gateway.dialects.chat.details import details_of
from gateway.dialects.chat.usage import write_usage
from gateway.dialects.chat.words import FINISH_WORDS, tier_of
from gateway.dialects.codec import Frame
from gateway.dialects.conversation import (
    Choice,
    Conversation,
    Finish,
    Image,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
)
from gateway.dialects.media import image_url

ID_PREFIX: Final = "chatcmpl-"

_encode: Final = msgspec.json.Encoder().encode


def encode(reply: Reply, request: Conversation, frame: Frame) -> bytes:
    """The answer's body."""
    answer: dict[str, Any] = {
        "id": ID_PREFIX + frame.id,
        "object": "chat.completion",
        "created": frame.created,
        "model": reply.model,
        "choices": [_choice(choice, index, request) for index, choice in enumerate(reply.choices)],
    }
    if reply.usage is not None:
        answer["usage"] = write_usage(reply.usage)
    if (tier := tier_of(reply.service_tier)) is not None:
        answer["service_tier"] = tier
    return _encode(answer)


def hides_reasoning(request: Conversation) -> bool:
    """Whether the client does not want to see thoughts; what is signed comes all the same, for it has to come back."""
    return request.reasoning is not None and request.reasoning.visible is False


def finish_word(finish: Finish, request: Conversation) -> str:
    """Why the answer ended, as this client knows it."""
    if finish is Finish.TOOL_CALLS and request.deprecated_calls:
        return "function_call"
    return FINISH_WORDS[finish]


def written_logprobs(logprobs: dict[str, Any]) -> dict[str, Any]:
    """Log probabilities with both members that the specification asks for."""
    return {"content": logprobs.get("content"), "refusal": logprobs.get("refusal")}


def written_call(call: ToolCall) -> dict[str, Any]:
    """A call of a function."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _choice(choice: Choice, index: int, request: Conversation) -> dict[str, Any]:
    return {
        "index": index,
        "message": _message(choice.parts, request),
        "logprobs": None if choice.logprobs is None else written_logprobs(choice.logprobs),
        "finish_reason": finish_word(choice.finish, request),
    }


def _message(parts: list[Part], request: Conversation) -> dict[str, Any]:
    if len(parts) == 1 and type(text := parts[0]) is Text and not text.citations:
        return {"role": "assistant", "content": text.text, "refusal": None}  # what most answers are
    texts = [part.text for part in parts if isinstance(part, Text)]
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    _add_calls(message, [written_call(part) for part in parts if isinstance(part, ToolCall)], request)
    if annotations := annotations_of(parts):
        message["annotations"] = annotations
    if images := [part.media for part in parts if isinstance(part, Image)]:
        message["images"] = [{**image_url(media), "index": index} for index, media in enumerate(images)]
    _add_reasoning(message, parts, request)
    return message


def _add_calls(message: dict[str, Any], calls: list[dict[str, Any]], request: Conversation) -> None:
    """A client of the deprecated kind sees the first call where it looks for one, and the others are not lost."""
    if calls and request.deprecated_calls:
        message["function_call"] = calls.pop(0)["function"]
    if calls:
        message["tool_calls"] = calls


def _add_reasoning(message: dict[str, Any], parts: list[Part], request: Conversation) -> None:
    if hides_reasoning(request):
        parts = [part for part in parts if not isinstance(part, Reasoning) or part.signature is not None]
    elif thoughts := "".join(part.text for part in parts if isinstance(part, Reasoning)):
        message["reasoning_content"] = thoughts
    if details := details_of(parts):
        message["reasoning_details"] = details
