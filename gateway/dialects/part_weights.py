"""What of each usual kind of part weighs, and how: asked of several of a kind at once, since one look costs more than
what it looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from gateway.dialects import usual_parts as parts
from gateway.dialects.usual_parts import Said


class Rule(NamedTuple):
    """Of one kind of part; each is asked of some of them."""

    characters: Callable[[list[Any]], int] | None = None
    """Of their texts, and of what is structured in them as it is written."""
    media: Callable[[list[Any]], list[str]] | None = None
    """Bytes or addresses of what each shows; empty where they are elsewhere."""
    contents: Callable[[list[Any]], list[Said]] | None = None
    """Those that they hold."""
    inner: Callable[[list[Any]], list[Any]] | None = None
    """Something of a usual kind in each of them."""


def text(some: list[Any]) -> int:
    """Characters of what is said, and of the notes on it. Raises AttributeError where one of them is no text."""
    return sum([len(each.text) + len(each.notes) for each in some])


def _call(some: list[Any]) -> int:
    return sum([len(each.name) + len(each.input) for each in some])


def _data(some: list[Any]) -> int:
    return sum([len(each.data) for each in some])


def _file_id(some: list[Any]) -> list[str]:
    return [each.file_id for each in some]


def _frame(some: list[Any]) -> int:
    given = [each.title for each in some if each.title] + [each.context for each in some if each.context]
    return sum(map(len, given))


def _title(some: list[Any]) -> int:
    return sum([len(each.title) + len(each.source) for each in some])


def _source(some: list[Any]) -> list[Any]:
    return [each.source for each in some]


def _content(some: list[Any]) -> list[Any]:
    return [each.content for each in some]


def _image_url(some: list[Any]) -> list[str]:
    return [each.image_url or "" for each in some]


RULES: Final[Mapping[type, Rule]] = {
    str: Rule(lambda some: sum(map(len, some))),  # a text of one character is the one part that it consists of
    **dict.fromkeys(
        (parts.Text, parts.InputText, parts.OutputText, parts.SummaryText, parts.ReasoningText), Rule(text)
    ),
    parts.Refusal: Rule(lambda some: sum([len(each.refusal) for each in some])),
    parts.Thinking: Rule(lambda some: sum([len(each.thinking) + len(each.signature) for each in some])),
    parts.RedactedThinking: Rule(_data),
    parts.Compaction: Rule(lambda some: sum([len(each.content or "") for each in some])),
    parts.ImageUrl: Rule(media=lambda some: [each.image_url.url for each in some]),
    parts.VideoUrl: Rule(media=lambda some: [each.video_url.url for each in some]),
    parts.InputImage: Rule(media=_image_url),
    parts.Screenshot: Rule(media=_image_url),
    parts.InputAudio: Rule(media=lambda some: [each.input_audio.data for each in some]),
    parts.File: Rule(media=lambda some: [each.file.file_data or "" for each in some]),
    parts.InputFile: Rule(media=lambda some: [each.file_data or "" for each in some]),
    parts.Base64Source: Rule(media=lambda some: [each.data for each in some]),
    parts.UrlSource: Rule(media=lambda some: [each.url for each in some]),
    parts.FileSource: Rule(media=_file_id),
    parts.TextSource: Rule(_data),
    parts.ContentSource: Rule(contents=_content),
    parts.Image: Rule(inner=_source),
    parts.Document: Rule(_frame, inner=_source),
    parts.SearchResult: Rule(
        lambda some: sum([len(each.title) + len(each.source) for each in some]), contents=_content
    ),
    parts.ContainerUpload: Rule(media=_file_id),
    **dict.fromkeys((parts.ToolUse, parts.ServerToolUse, parts.McpToolUse), Rule(_call)),
    **dict.fromkeys((parts.ToolResult, parts.McpToolResult), Rule(contents=_content)),
    parts.ToolReference: Rule(lambda some: sum([len(each.tool_name) for each in some])),
    **dict.fromkeys(
        (parts.WebSearchResult, parts.CodeResult, parts.BashResult, parts.EditorResult, parts.ToolSearchResult),
        Rule(lambda some: sum([len(each.content) for each in some])),
    ),
    parts.Page: Rule(lambda some: sum([len(each.url) for each in some]), inner=_content),
    parts.WebFetchResult: Rule(inner=_content),
}
NO_RULE: Final = Rule()
"""Of what weighs nothing."""
