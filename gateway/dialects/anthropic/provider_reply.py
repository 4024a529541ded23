"""A whole answer (https://platform.claude.com/docs/en/api/messages), and what answers and streams have in common.

What a provider's own tools did, and any block that is not known, is kept as it came: an answer is never lost for it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.anthropic.provider_usage import Counts, read_counts, usage_of
from gateway.dialects.conversation import (
    Choice,
    Citation,
    Finish,
    Maker,
    Native,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
)
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES

_NULL: Final = msgspec.Raw(b"null")
NO_ARGUMENTS: Final = "{}"

_FINISHES: Final = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.REFUSAL,
    "pause_turn": Finish.PAUSE,
    "compaction": Finish.PAUSE,
}


class StopDetails(msgspec.Struct, gc=False):
    explanation: str | None = None


class ContentBlock(msgspec.Struct, gc=False):
    """Any block of an answer; each type has its own members."""

    type: str
    text: str = ""
    citations: list[dict[str, Any]] | None = None
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = _NULL

    @property
    def arguments(self) -> str:
        """A call's input as it was written; "" where it has none, as in a stream before it has begun to come."""
        written = bytes(self.input)
        return "" if written == b"null" or not written.strip(b"{} \t\r\n") else written.decode()


class _Message(msgspec.Struct, gc=False):
    content: list[msgspec.Raw]
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: msgspec.Raw = _NULL


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_block = msgspec.json.Decoder(ContentBlock).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def read_reply(body: bytes) -> Reply:
    """Raises ValueError where the body is no answer."""
    try:
        message = _decode_message(body)
        parts = [_part_of(raw) for raw in message.content]
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if (refusal := refusal_of(message.stop_details)) is not None:
        parts.append(refusal)
    counts = read_counts(message.usage) or Counts()
    choice = Choice(parts, finish_of(message.stop_reason), message.stop_sequence)
    return Reply(model=message.model, choices=[choice], usage=usage_of(counts), service_tier=counts.tier)


def _part_of(raw: msgspec.Raw) -> Part:
    block = read_block(raw)
    if block is None:
        return Native(ANTHROPIC_MESSAGES, _decode_object(raw))
    part = empty_part(block)
    match part:
        case Text():
            part.text = block.text
            part.citations = tuple(citation_of(native) for native in block.citations or ())
        case Reasoning():
            part.text = block.thinking
            part.signature = signature_of(block)
        case ToolCall():
            part.arguments = block.arguments or NO_ARGUMENTS
        case None:
            return Native(ANTHROPIC_MESSAGES, _decode_object(raw))
    return part


def read_block(raw: msgspec.Raw) -> ContentBlock | None:
    """The block, where its members are of the types that are known."""
    try:
        return _decode_block(raw)
    except msgspec.ValidationError:
        return None


def empty_part(block: ContentBlock) -> Text | Reasoning | ToolCall | None:
    """What the block becomes, without its words; None where it is not to be understood but kept."""
    if block.type == "text":
        return Text("")
    if block.type == "thinking":
        return Reasoning(maker=Maker.ANTHROPIC)
    if block.type == "redacted_thinking":
        return Reasoning(maker=Maker.ANTHROPIC, redacted=True)
    if block.type == "tool_use":
        return ToolCall(block.id, block.name, "")
    return None


def signature_of(block: ContentBlock) -> str | None:
    return (block.data if block.type == "redacted_thinking" else block.signature) or None


def citation_of(native: dict[str, Any]) -> Citation:
    """Where the whole text that it stands on comes from; the positions that it names are the source's."""
    source = native.get("url") or native.get("source")
    title = native.get("title") or native.get("document_title")
    cited = native.get("cited_text")
    return Citation(
        url=source if isinstance(source, str) and source.startswith(("https://", "http://")) else None,
        title=title if isinstance(title, str) else None,
        cited_text=cited if isinstance(cited, str) else None,
        native=native,
        dialect=ANTHROPIC_MESSAGES,
    )


def refusal_of(details: StopDetails | None) -> Refusal | None:
    """Why the answer was refused, where the API says it in words."""
    return Refusal(details.explanation) if details is not None and details.explanation else None


def finish_of(reason: str | None) -> Finish:
    """An answer that has come and says no more of its end has ended well."""
    return _FINISHES.get(reason or "", Finish.STOP)
