"""Messages: the pivot's parts as blocks of an answer, and the words that end it.

The API has no block for an image, a sound or a file that a model made: an address becomes a link, and of bytes a note
says that they were there.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.conversation import (
    Audio,
    Conversation,
    Document,
    Finish,
    Image,
    Maker,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES
from gateway.dialects.messages.citations import written_citation
from gateway.dialects.stamps import stamp

ID_PREFIX: Final = "msg_"
UNREADABLE_INPUT: Final = "INVALID_JSON"
"""Under it stands an input that is no JSON object, as Anthropic's guide to fine-grained tool streaming has it.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
"""

_STOP_REASONS: Final = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.CONTENT_FILTER: "refusal",
    Finish.REFUSAL: "refusal",
    Finish.PAUSE: "pause_turn",
}
_TIERS: Final = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}

_decode_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

Block = dict[str, Any]


def block_of(part: Part, request: Conversation) -> Block | None:
    """The block; None for a part that says nothing, or nothing in this dialect."""
    match part:
        case Text():
            return _text(part)
        case Refusal(text=text):
            return {"type": "text", "text": text} if text else None
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
        case Reasoning():
            return _thinking(part, request)
        case Native(dialect=dialect, value=value):
            return value if dialect == ANTHROPIC_MESSAGES else None
        case Image() | Audio() | Document():
            return {"type": "text", "text": note_on(part)}
        case ToolResult():
            return None


def note_on(part: Image | Audio | Document) -> str:
    """What a reader is told in place of something that this API cannot carry."""
    if isinstance(part, Document) and part.text is not None:
        return part.text
    media = part.media or Media()
    if media.url is not None:
        return f"![image]({media.url})" if isinstance(part, Image) else f"<{media.url}>"
    kind = "An image" if isinstance(part, Image) else "A sound" if isinstance(part, Audio) else "A file"
    return f"[{kind} ({media.media_type or 'of no stated type'}) was made that this API cannot carry.]"


def hides_thinking(request: Conversation) -> bool:
    """Whether the client asked for no thoughts. What is signed comes without them, for it has to be sent back."""
    wish = request.reasoning
    return wish is not None and (wish.visible is False or wish.enabled is False)


def signature_of(part: Reasoning, signature: str | None) -> str:
    """The proof that the client sends back; one that is not Anthropic's says whose it is."""
    if part.maker == Maker.ANTHROPIC:
        return signature or ""
    return stamp(part.maker, signature or "", id=part.id, summary=part.summary)


def stop_reason_of(finish: Finish, stop_sequence: str | None, *, refused: bool) -> str:
    """Why the answer ended; OpenAI's models refuse in words and say that they came to their end."""
    if finish is Finish.STOP:
        if refused:
            return "refusal"
        if stop_sequence is not None:
            return "stop_sequence"
    return _STOP_REASONS[finish]


def stop_details_of(reason: str) -> Block | None:
    """What is known of a refusal beyond its words."""
    return {"type": "refusal", "category": None, "explanation": None} if reason == "refusal" else None


def usage_object(usage: Usage | None, tier: str | None) -> Block:
    """Counts as this API spells them: what the cache had and what it took are no part of `input_tokens`."""
    counts = usage or Usage()
    written: Block = {
        "input_tokens": max(0, counts.prompt - counts.cached - counts.written),
        "cache_creation_input_tokens": counts.written,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.completion,
    }
    if counts.reasoning:
        written["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
    if tier in _TIERS:
        written["service_tier"] = _TIERS[tier]
    return written


def _text(part: Text) -> Block | None:
    """Without `citations` where there are none, as Anthropic has it: clients' schemas take no null there."""
    citations = [written for each in part.citations if (written := written_citation(each)) is not None]
    if citations:
        return {"type": "text", "text": part.text, "citations": citations}
    return {"type": "text", "text": part.text} if part.text else None


def _thinking(part: Reasoning, request: Conversation) -> Block | None:
    if not (part.text or part.signature):
        return None
    if part.redacted:
        return {"type": "redacted_thinking", "data": signature_of(part, part.signature)}
    hidden = hides_thinking(request)
    if hidden and part.signature is None:
        return None
    text = "" if hidden else part.text
    return {"type": "thinking", "thinking": text, "signature": signature_of(part, part.signature)}


def _input(call: ToolCall) -> msgspec.Raw | dict[str, str]:
    """The arguments as they are written: numbers keep their form."""
    arguments = call.arguments or "{}"
    try:
        _decode_object(arguments)
    except (ValueError, RecursionError):
        return {UNREADABLE_INPUT: arguments}
    return msgspec.Raw(arguments.encode())
