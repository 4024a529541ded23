"""Parts of contents whose every member is known, in all client dialects: read while the request is decoded.

A part of another kind, with a member that is not here, or with a name that is longer than names ever are, is no usual
one (see `odd_parts`). What each kind weighs is in `part_weights`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

NULL: Final = msgspec.Raw(b"null")
NOTHING: Final = msgspec.Raw(b"")
"""Of a member that is not there."""
ABSENT: Final[Any] = None
"""The same, where that is asked of many parts."""
Short = Annotated[str, msgspec.Meta(max_length=256)]
"""A name or an id, which frames what is said."""


class _Usual(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    pass


class CacheControl(_Usual):
    type: Short = ""
    ttl: Short = ""


# What is said: each of the first five is its text, with notes on where that came from.


class Text(_Usual, tag="text"):
    text: str
    cache_control: CacheControl | None = None
    notes: msgspec.Raw = msgspec.field(name="citations", default=ABSENT)


class InputText(_Usual, tag="input_text"):
    text: str
    notes: msgspec.Raw = msgspec.field(name="annotations", default=ABSENT)


class OutputText(_Usual, tag="output_text"):
    text: str
    notes: msgspec.Raw = msgspec.field(name="annotations", default=ABSENT)
    logprobs: Annotated[list[None], msgspec.Meta(max_length=0)] | None = None


class SummaryText(_Usual, tag="summary_text"):
    text: str
    notes: msgspec.Raw = msgspec.field(name="annotations", default=ABSENT)


class ReasoningText(_Usual, tag="reasoning_text"):
    text: str
    notes: msgspec.Raw = msgspec.field(name="annotations", default=ABSENT)


class Refusal(_Usual, tag="refusal"):
    refusal: str


class Thinking(_Usual, tag="thinking"):
    thinking: str
    signature: str = ""


class RedactedThinking(_Usual, tag="redacted_thinking"):
    data: str


class Compaction(_Usual, tag="compaction"):
    content: str | None = None
    cache_control: CacheControl | None = None


# Media of OpenAI's dialects, and of those who speak them too. What may be megabytes stays as it is written.


class Address(_Usual):
    url: msgspec.Raw
    detail: Short | None = None


class ImageUrl(_Usual, tag="image_url"):
    image_url: Address
    cache_control: CacheControl | None = None


class VideoUrl(_Usual, tag="video_url"):
    video_url: Address
    cache_control: CacheControl | None = None


class InputImage(_Usual, tag="input_image"):
    image_url: msgspec.Raw = NOTHING
    file_id: Short | None = None
    detail: Short | None = None


class Screenshot(_Usual, tag="computer_screenshot"):
    image_url: msgspec.Raw = NOTHING
    file_id: Short | None = None
    detail: Short | None = None


class Audio(_Usual):
    data: msgspec.Raw
    format: Short = ""


class InputAudio(_Usual, tag="input_audio"):
    input_audio: Audio
    cache_control: CacheControl | None = None


class FileBody(_Usual):
    file_data: msgspec.Raw = NOTHING
    file_id: Short | None = None
    filename: Short | None = None


class File(_Usual, tag="file"):
    file: FileBody
    cache_control: CacheControl | None = None


class InputFile(_Usual, tag="input_file"):
    file_data: msgspec.Raw = NOTHING
    file_url: str | None = None
    file_id: Short | None = None
    filename: Short | None = None
    detail: Short | None = None


# Media of Anthropic's.


class Base64Source(_Usual, tag="base64"):
    data: msgspec.Raw
    media_type: Short = ""


class UrlSource(_Usual, tag="url"):
    url: str


class FileSource(_Usual, tag="file"):
    file_id: Short


class TextSource(_Usual, tag="text"):
    data: str
    media_type: Short = ""


class ContentSource(_Usual, tag="content"):
    content: str | list[Part]


class Image(_Usual, tag="image"):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class Citations(_Usual):
    enabled: bool | None = None


class Document(_Usual, tag="document"):
    source: Base64Source | UrlSource | FileSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class SearchResult(_Usual, tag="search_result"):
    source: str
    title: str
    content: list[Part]
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class ContainerUpload(_Usual, tag="container_upload"):
    file_id: Short
    cache_control: CacheControl | None = None


# Calls of tools and what came of them: the client's, and those that a provider runs itself.


class Caller(_Usual):
    type: Short = ""
    tool_id: Short = ""


class _Use(_Usual):
    name: str
    input: msgspec.Raw
    id: Short = ""
    caller: Caller | None = None
    server_name: Short | None = None
    toolset_name: Short | None = None
    cache_control: CacheControl | None = None


class ToolUse(_Use, tag="tool_use"):
    pass


class ServerToolUse(_Use, tag="server_tool_use"):
    pass


class McpToolUse(_Use, tag="mcp_tool_use"):
    pass


class _Result(_Usual):
    content: str | list[Part] | None = None
    tool_use_id: Short = ""
    is_error: bool | None = None
    toolset_name: Short | None = None
    cache_control: CacheControl | None = None


class ToolResult(_Result, tag="tool_result"):
    pass


class McpToolResult(_Result, tag="mcp_tool_result"):
    pass


class ToolReference(_Usual, tag="tool_reference"):
    tool_name: str
    cache_control: CacheControl | None = None


class _ServerResult(_Usual):
    content: msgspec.Raw = NOTHING
    caller: Caller | None = None
    tool_use_id: Short = ""
    cache_control: CacheControl | None = None


class WebSearchResult(_ServerResult, tag="web_search_tool_result"):
    pass


class CodeResult(_ServerResult, tag="code_execution_tool_result"):
    pass


class BashResult(_ServerResult, tag="bash_code_execution_tool_result"):
    pass


class EditorResult(_ServerResult, tag="text_editor_code_execution_tool_result"):
    pass


class ToolSearchResult(_ServerResult, tag="tool_search_tool_result"):
    pass


class Page(_Usual, tag="web_fetch_result"):
    url: str
    content: Document
    retrieved_at: Short | None = None


class NoPage(_Usual, tag="web_fetch_tool_result_error"):
    error_code: Short = ""


class WebFetchResult(_Usual, tag="web_fetch_tool_result"):
    content: Page | NoPage
    caller: Caller | None = None
    tool_use_id: Short = ""
    cache_control: CacheControl | None = None


Part = (
    Text
    | InputText
    | OutputText
    | SummaryText
    | ReasoningText
    | Refusal
    | Thinking
    | RedactedThinking
    | Compaction
    | ImageUrl
    | VideoUrl
    | InputImage
    | Screenshot
    | InputAudio
    | File
    | InputFile
    | Image
    | Document
    | SearchResult
    | ContainerUpload
    | ToolUse
    | ServerToolUse
    | McpToolUse
    | ToolResult
    | McpToolResult
    | ToolReference
    | WebSearchResult
    | CodeResult
    | BashResult
    | EditorResult
    | ToolSearchResult
    | WebFetchResult
)
Said = str | list[Part] | Screenshot | None
"""A content of nothing but usual parts; of what a tool returned, one kind may be no list."""
