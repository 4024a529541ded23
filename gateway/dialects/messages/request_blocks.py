"""Messages: a client's content blocks as the pivot's parts, one part a block."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.anthropic.provider_reply import citation_of
from gateway.dialects.conversation import (
    Citation,
    Document,
    Image,
    Maker,
    Media,
    Native,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.decoded_weight import check_parts, check_pieces
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, Dropped
from gateway.dialects.messages.citations import is_ours
from gateway.dialects.messages.fidelity import NAME, judge_block
from gateway.dialects.messages.request_shapes import (
    Base64Source,
    Block,
    CitationsConfig,
    CompactionBlock,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    RedactedThinkingBlock,
    SearchResultBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
)
from gateway.dialects.reading import invalid, read, refuse
from gateway.dialects.stamps import read_whole_stamp


class _Kind(msgspec.Struct, gc=False):
    type: str


_block_decoder: Final = msgspec.json.Decoder[Block](Block)
_kind_decoder: Final = msgspec.json.Decoder(_Kind)
_object_decoder: Final = msgspec.json.Decoder(dict[str, Any])
_PLAIN: Final = "text/plain"
_PLACES: Final = {
    "user": frozenset({TextBlock, ImageBlock, DocumentBlock, SearchResultBlock, ToolResultBlock, CompactionBlock}),
    "assistant": frozenset({TextBlock, ThinkingBlock, RedactedThinkingBlock, ToolUseBlock, CompactionBlock}),
    "system": frozenset({TextBlock}),
}
"""Which blocks stand in a message of which role; Anthropic takes no others there either."""


def read_content(content: str | list[msgspec.Raw], role: str, field: str, target: str) -> list[Part]:
    """The parts of a message. Raises InvalidRequest that names the block."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    check_parts(content, field)
    parts: list[Part] = []
    pieces = 0
    for index, raw in enumerate(content):
        part = _read_part(raw, role, f"{field}[{index}]", target)
        if part is None:
            continue
        if isinstance(part, ToolResult):
            pieces += len(part.parts)
            check_pieces(pieces, field)
        parts.append(part)
    return parts


def read_texts(content: str | list[TextBlock]) -> list[Part]:
    """The parts of the system prompt. Raises InvalidRequest for too many."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    check_parts(content, "system")
    return [_text(block) for block in content]


def _read_part(raw: msgspec.Raw, role: str, field: str, target: str) -> Part | None:
    """None for a block that is left out on its way to `target`."""
    try:
        block = _block_decoder.decode(raw)
    except (ValueError, RecursionError):
        return _read_native(raw, field, target)
    if type(block) not in _PLACES[role]:
        invalid(f"{field}.type", f"a block of this type cannot stand in a message of the role '{role}'")
    if isinstance(block, CompactionBlock):
        return _compaction(block, raw, target)
    return _part_of(block, field, target)


def _read_native(raw: msgspec.Raw, field: str, target: str) -> Part | None:
    """A block that only Anthropic knows; one that should have been understood is a mistake of the client's."""
    kind = read(_kind_decoder, raw, field).type
    if kind in _UNDERSTOOD:
        read(_block_decoder, raw, field)
    fate = judge_block(kind, field, target)
    if fate is None:
        invalid(f"{field}.type", f"there is no content block of the type '{kind}'")
    return None if isinstance(fate, Dropped) else Native(NAME, read(_object_decoder, raw, field))


def _part_of(block: Block, field: str, target: str) -> Part:
    match block:
        case TextBlock():
            return _text(block)
        case ImageBlock():
            return _image(block)
        case ToolUseBlock():
            return ToolCall(block.id, block.name, _arguments(block, field), block.cache_control)
        case ToolResultBlock():
            return _result(block, field, target)
        case DocumentBlock():
            return _document(block, field, target)
        case SearchResultBlock():
            return _search_result(block)
        case ThinkingBlock():
            return _reasoning(block.thinking, block.signature, redacted=False)
        case RedactedThinkingBlock():
            return _reasoning("", block.data, redacted=True)
        case CompactionBlock():
            return Text(block.content or "")


def _compaction(block: CompactionBlock, raw: msgspec.Raw, target: str) -> Part | None:
    """A summary, as Anthropic wrote it; without one the block says nothing."""
    if target == ANTHROPIC_MESSAGES:
        return Native(NAME, _object_decoder.decode(raw))
    return Text(block.content) if block.content else None


def _text(block: TextBlock) -> Text:
    return Text(block.text, tuple(_citation(native) for native in block.citations or ()), block.cache_control)


def _citation(native: dict[str, Any]) -> Citation:
    """One that the gateway wrote is no citation of Anthropic's, which would not know it again."""
    citation = citation_of(native)
    return msgspec.structs.replace(citation, native=None, dialect=None) if is_ours(native) else citation


def _image(block: ImageBlock) -> Image:
    return Image(_media(block.source), cache_control=block.cache_control)


def _media(source: Base64Source | UrlSource | FileSource) -> Media:
    match source:
        case Base64Source(media_type=media_type, data=data):
            return Media(data=data, media_type=media_type)
        case UrlSource(url=url):
            return Media(url=url)
        case FileSource(file_id=file_id):
            return Media(file_id=file_id)


def _document(block: DocumentBlock, field: str, target: str) -> Document:
    document = Document(
        name=block.title,
        context=block.context,
        citations=_enabled(block.citations),
        cache_control=block.cache_control,
    )
    match block.source:
        case TextSource(data=data, media_type=media_type):
            if media_type != _PLAIN:
                invalid(f"{field}.source.media_type", f"expected {_PLAIN}")
            document.text = data
        case ContentSource(content=content):
            document.text = _joined(content, f"{field}.source.content", target)
        case source:
            document.media = _media(source)
    return document


def _joined(content: str | list[TextBlock | ImageBlock], field: str, target: str) -> str:
    """A document in pieces, which other APIs do not have."""
    if isinstance(content, str):
        return content
    for index, block in enumerate(content):
        if isinstance(block, ImageBlock):
            refuse(f"{field}[{index}]", "an image cannot stand within a document of text.", target)
    return "\n".join(block.text for block in content if isinstance(block, TextBlock))


def _search_result(block: SearchResultBlock) -> Document:
    return Document(
        text="\n".join(each.text for each in block.content),
        name=block.title,
        context=block.source,
        citations=_enabled(block.citations),
        cache_control=block.cache_control,
    )


def _enabled(citations: CitationsConfig | None) -> bool | None:
    return None if citations is None else citations.enabled


def _reasoning(text: str, signed: str, *, redacted: bool) -> Reasoning:
    proof = read_whole_stamp(signed, Maker.ANTHROPIC)
    return Reasoning(text, proof.signature or None, proof.maker, proof.summary, redacted, proof.id)


def _arguments(block: ToolUseBlock, field: str) -> str:
    """The input as it was written: numbers keep their form."""
    written = bytes(block.input)
    if not written.startswith(b"{"):
        invalid(f"{field}.input", "expected an object")
    return written.decode()


def _result(block: ToolResultBlock, field: str, target: str) -> ToolResult:
    parts: list[Text | Image | Document]
    if isinstance(block.content, str):
        parts = [Text(block.content)] if block.content else []
    else:
        content = block.content or ()
        check_parts(content, f"{field}.content")
        parts = [_result_part(each, f"{field}.content[{index}]", target) for index, each in enumerate(content)]
    return ToolResult(block.tool_use_id, parts, block.is_error is True, cache_control=block.cache_control)


def _result_part(
    block: TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolReferenceBlock, field: str, target: str
) -> Text | Image | Document:
    match block:
        case TextBlock():
            return _text(block)
        case ImageBlock():
            return _image(block)
        case DocumentBlock():
            return _document(block, field, target)
        case SearchResultBlock():
            return _search_result(block)
        case ToolReferenceBlock(tool_name=name):
            # The tools that a search can find are all there from the start.
            return Text(name, cache_control=block.cache_control)


_UNDERSTOOD: Final = frozenset(
    {
        "text",
        "image",
        "document",
        "search_result",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_result",
        "compaction",
    }
)
