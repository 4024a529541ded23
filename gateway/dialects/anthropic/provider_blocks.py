"""The parts of a turn as content blocks.

Empty texts are left out, for the API refuses them; so is reasoning that a model of another maker signed, or nobody.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from gateway.dialects.anthropic.provider_media import Unfit, document_block, image_block
from gateway.dialects.anthropic.provider_refusals import unfit
from gateway.dialects.anthropic.provider_wire import (
    Block,
    DocumentBlock,
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from gateway.dialects.conversation import (
    Audio,
    Document,
    Image,
    Maker,
    Native,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES

_Wordless = Refusal | Reasoning | Image | Audio | Document | ToolCall | ToolResult | Native
_TOOL_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def blocks_of(turn: Turn) -> list[Block]:
    """The turn's content. Raises InvalidRequest for a part that this API does not take."""
    parts = turn.parts
    if len(parts) == 1 and type(text := parts[0]) is Text:  # what most turns are: it takes the short way
        return [] if (alone := text_block(text)) is None else [alone]
    blocks: list[Block] = []
    for index, part in enumerate(parts):
        try:
            block = text_block(part) if isinstance(part, Text) else _block_of(part, turn.role)
        except Unfit as problem:
            raise unfit(turn, str(problem), index) from problem
        if block is not None:
            blocks.append(block)
    return blocks


def text_block(part: Text) -> TextBlock | None:
    text = part.text
    if not text or text.isspace():
        return None
    if not part.citations:
        return TextBlock(text, cache_control=part.cache_control)
    return TextBlock(text, _native_citations(part), part.cache_control)


def _block_of(part: _Wordless, role: str) -> Block | None:
    match part:
        case ToolResult():
            return _tool_result(part)
        case ToolCall():
            return _tool_use(part)
        case Reasoning():
            return _thinking(part) if role == "assistant" else None
        case Refusal(text=text):
            return TextBlock(text) if text and not text.isspace() else None
        case Native(dialect=dialect, value=value):
            return value if dialect == ANTHROPIC_MESSAGES else None
        case Audio():
            raise Unfit("it takes no audio.")
        case Image() | Document():
            if role == "assistant":
                raise Unfit("a message of the assistant may hold no images or documents.")
            return image_block(part) if isinstance(part, Image) else document_block(part)


def _thinking(part: Reasoning) -> Block | None:
    if part.maker != Maker.ANTHROPIC or not part.signature:
        return None
    return RedactedThinkingBlock(part.signature) if part.redacted else ThinkingBlock(part.text, part.signature)


def _tool_use(call: ToolCall) -> ToolUseBlock:
    return ToolUseBlock(tool_id(call.id), call.name, _input(call), call.cache_control)


def _input(call: ToolCall) -> msgspec.Raw:
    """The arguments as they are written: numbers keep their form."""
    if not call.arguments.strip():
        return msgspec.Raw(b"{}")
    try:
        _decode_object(call.arguments)
    except (ValueError, RecursionError) as problem:
        raise Unfit(f"the arguments of the call of '{call.name}' are no JSON object.") from problem
    return msgspec.Raw(call.arguments)


def _tool_result(result: ToolResult) -> ToolResultBlock:
    content: list[TextBlock | ImageBlock | DocumentBlock] = []
    for part in result.parts:
        match part:
            case Text():
                if (block := text_block(part)) is not None:
                    content.append(block)
            case Image():
                content.append(image_block(part))
            case Document():
                content.append(document_block(part))
    return ToolResultBlock(tool_id(result.call_id), content, result.is_error, result.cache_control)


def tool_id(name: str) -> str:
    """The id of a call, the same for its result; one that this API would refuse goes by its hash."""
    if _TOOL_ID.fullmatch(name):
        return name
    return "toolu_" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _native_citations(part: Text) -> tuple[dict[str, Any], ...]:
    """Those that came from this API. An answer's citation names a file, which a request's may not."""
    return tuple(
        {member: value for member, value in citation.native.items() if member != "file_id"}
        for citation in part.citations
        if citation.native is not None and citation.dialect == ANTHROPIC_MESSAGES
    )
