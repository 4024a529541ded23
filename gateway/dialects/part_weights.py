"""What each usual kind of part weighs, and how: asked of several of a kind at once, since one look costs more than
what it looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.dialects import usual_parts as parts
from gateway.dialects.odd_parts import LARGE_BYTES
from gateway.dialects.usual_parts import Said


class Rule(msgspec.Struct, frozen=True, gc=False):
    """Of one kind of part; each is asked of some of them."""

    texts: Callable[[list[Any]], list[str]] | None = None
    """Of which they consist, the empty ones among them."""
    sizes: Callable[[list[Any]], list[int]] | None = None
    """Of what else counts: in bytes as it is written, where it is structured."""
    large: Callable[[list[Any]], list[int]] | None = None
    """Where each shows one piece of media: the bytes of those that are large."""
    contents: Callable[[list[Any]], list[Said]] | None = None
    """Those that they hold."""
    inner: Callable[[list[Any]], list[Any]] | None = None
    """Something of a usual kind in each of them."""


def _texts(some: list[Any]) -> list[str]:
    return [each.text for each in some]


def _notes(some: list[Any]) -> list[int]:
    return [len(each.notes) for each in some if each.notes is not None]


def _texts_of_data(some: list[Any]) -> list[str]:
    return [each.data for each in some]


def _frame(some: list[Any]) -> list[int]:
    framed = [each for each in some if each.title or each.context]
    return [len(each.title or "") + len(each.context or "") for each in framed]


def _source(some: list[Any]) -> list[Any]:
    return [each.source for each in some]


def _content(some: list[Any]) -> list[Any]:
    return [each.content for each in some]


def _large_data(some: list[Any]) -> list[int]:
    return [size for each in some if (size := len(each.data)) > LARGE_BYTES]


def _large_image(some: list[Any]) -> list[int]:
    return [size for each in some if (size := len(each.image_url)) > LARGE_BYTES]


def _elsewhere(_: list[Any]) -> list[int]:
    return []


_TEXT: Final = Rule(_texts, _notes)
_CALL: Final = Rule(lambda some: [each.name for each in some], lambda some: [len(each.input) for each in some])
_RESULT: Final = Rule(contents=_content)
_SERVER_RESULT: Final = Rule(sizes=lambda some: [len(each.content) for each in some])

TEXTS: Final[frozenset[type]] = frozenset(
    {parts.Text, parts.InputText, parts.OutputText, parts.SummaryText, parts.ReasoningText}
)
"""Kinds that are a text and notes on it, as most parts are."""
RULES: Final[Mapping[type, Rule]] = {
    str: Rule(lambda some: some),  # a text of one character is the one part that it consists of
    **dict.fromkeys(TEXTS, _TEXT),
    parts.Refusal: Rule(lambda some: [each.refusal for each in some]),
    parts.Thinking: Rule(
        lambda some: [each.thinking for each in some], lambda some: [len(each.signature) for each in some]
    ),
    parts.RedactedThinking: Rule(_texts_of_data),
    parts.Compaction: Rule(lambda some: [each.content or "" for each in some]),
    parts.ImageUrl: Rule(large=lambda some: [size for each in some if (size := len(each.image_url.url)) > LARGE_BYTES]),
    parts.VideoUrl: Rule(large=lambda some: [size for each in some if (size := len(each.video_url.url)) > LARGE_BYTES]),
    parts.InputImage: Rule(large=_large_image),
    parts.Screenshot: Rule(large=_large_image),
    parts.InputAudio: Rule(
        large=lambda some: [size for each in some if (size := len(each.input_audio.data)) > LARGE_BYTES]
    ),
    parts.File: Rule(large=lambda some: [size for each in some if (size := len(each.file.file_data)) > LARGE_BYTES]),
    parts.InputFile: Rule(large=lambda some: [size for each in some if (size := len(each.file_data)) > LARGE_BYTES]),
    parts.Base64Source: Rule(large=_large_data),
    parts.UrlSource: Rule(large=_elsewhere),
    parts.FileSource: Rule(large=_elsewhere),
    parts.TextSource: Rule(_texts_of_data),
    parts.ContentSource: _RESULT,
    parts.Image: Rule(inner=_source),
    parts.Document: Rule(sizes=_frame, inner=_source),
    parts.SearchResult: Rule(
        lambda some: [each.title for each in some], lambda some: [len(each.source) for each in some], contents=_content
    ),
    parts.ContainerUpload: Rule(large=_elsewhere),
    **dict.fromkeys((parts.ToolUse, parts.ServerToolUse, parts.McpToolUse), _CALL),
    **dict.fromkeys((parts.ToolResult, parts.McpToolResult), _RESULT),
    parts.ToolReference: Rule(lambda some: [each.tool_name for each in some]),
    **dict.fromkeys(
        (parts.WebSearchResult, parts.CodeResult, parts.BashResult, parts.EditorResult, parts.ToolSearchResult),
        _SERVER_RESULT,
    ),
    parts.Page: Rule(lambda some: [each.url for each in some], inner=_content),
    parts.WebFetchResult: Rule(inner=_content),
}
NO_RULE: Final = Rule()
"""Of what weighs nothing."""
