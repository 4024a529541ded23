"""Responses: the items of an answer's `output`, its usage, and the object around them.

All are plain dictionaries: they grow while an answer is streamed, and go out in events and in the whole object alike.
Valid against OpenAI's specification, which wants some members present even where they are empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.chat.words import tier_of
from gateway.dialects.codec import Frame
from gateway.dialects.conversation import Citation, Finish, Image, Maker, Reasoning, ToolCall
from gateway.dialects.envelope import Usage
from gateway.dialects.responses.echo import Echo, default_echo
from gateway.dialects.responses.namespaces import as_called
from gateway.dialects.stamps import stamp

Object = dict[str, Any]

IN_PROGRESS: Final = "in_progress"
COMPLETED: Final = "completed"
INCOMPLETE: Final = "incomplete"

CUT_REASONS: Final = {
    Finish.LENGTH: "max_output_tokens",
    Finish.CONTENT_FILTER: "content_filter",
    Finish.REFUSAL: "content_filter",
    # Nothing else in the specification says that there would be more.
    Finish.PAUSE: "max_output_tokens",
}
"""Why an answer is incomplete; every other end is a completed one."""


def response_id(frame: Frame) -> str:
    return f"resp_{frame.id}"


def item_id(prefix: str, frame: Frame, ordinal: int) -> str:
    """The id of an item by its place in the output; `life.place_of` reads it back."""
    return f"{prefix}_{frame.id}_{ordinal}"


def response_object(
    frame: Frame,
    *,
    model: str,
    status: str,
    output: list[Object],
    echo: Echo | None,
    incomplete_reason: str | None = None,
    usage: Usage | None = None,
    service_tier: str | None = None,
) -> Object:
    """The Response itself."""
    response: Object = {
        "id": response_id(frame),
        "object": "response",
        "created_at": frame.created,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": incomplete_reason} if incomplete_reason is not None else None,
        "model": model,
        "output": output,
        **(default_echo() if echo is None else echo),
        "service_tier": tier_of(service_tier) or "default",
    }
    if usage is not None:
        response["usage"] = usage_object(usage)
    return response


def usage_object(usage: Usage) -> Object:
    """Counts as Responses spells them."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def message_item(id: str) -> Object:
    return {"id": id, "type": "message", "status": IN_PROGRESS, "role": "assistant", "content": []}


def text_part() -> Object:
    return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def refusal_part() -> Object:
    return {"type": "refusal", "refusal": ""}


def reasoning_item(id: str) -> Object:
    """Without status: OpenAI leaves it out as well, and clients send back what they got."""
    return {"id": id, "type": "reasoning", "summary": []}


def encrypted_content(part: Reasoning) -> str | None:
    """The proof that the client sends back with the reasoning; OpenAI's own is known by having no stamp."""
    if part.maker == Maker.OPENAI:
        return part.signature
    if part.signature is None and part.maker == Maker.UNKNOWN:
        return None
    return stamp(part.maker, part.signature or "")


def call_item(id: str, call: ToolCall, namespaced: Mapping[str, tuple[str, str]]) -> Object:
    return {
        "id": id,
        "type": "function_call",
        "status": IN_PROGRESS,
        "call_id": call.id or id,
        **as_called(call.name, namespaced),
        "arguments": "",
    }


def image_item(id: str, image: Image) -> Object:
    """An image that the model drew, as OpenAI's own image tool would show it."""
    drawn = {"id": id, "type": "image_generation_call", "status": COMPLETED, "result": image.media.data}
    if image.media.media_type is not None:
        drawn["output_format"] = image.media.media_type.removeprefix("image/")
    return drawn


def annotation(citation: Citation, text: str) -> Object | None:
    """A citation on `text`; None where it has no address to show."""
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": len(text) if citation.end is None else citation.end,
    }


def token_scores(logprobs: dict[str, Any]) -> list[Object]:
    """Log probabilities from OpenAI's chat shape, which leaves out bytes where a token is no text."""
    return [_with_bytes(token) for token in logprobs.get("content") or []]


def _with_bytes(token: Object) -> Object:
    own = {**token, "bytes": token.get("bytes") or list(str(token.get("token", "")).encode())}
    own["top_logprobs"] = [
        {**each, "bytes": each.get("bytes") or list(str(each.get("token", "")).encode())}
        for each in token.get("top_logprobs") or []
    ]
    return own
