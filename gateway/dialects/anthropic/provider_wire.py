"""A Messages request as it goes over the wire, as far as conversations become one.

Named for the API's own types (https://platform.claude.com/docs/en/api/messages/create). What stands at its default is
left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

CacheControl = dict[str, Any] | None


class TextBlock(msgspec.Struct, tag_field="type", tag="text", omit_defaults=True, gc=False):
    text: str
    citations: Sequence[dict[str, Any]] = ()
    cache_control: CacheControl = None


class Base64Source(msgspec.Struct, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(msgspec.Struct, tag_field="type", tag="url"):
    url: str


class FileSource(msgspec.Struct, tag_field="type", tag="file"):
    file_id: str


class TextSource(msgspec.Struct, tag_field="type", tag="text"):
    data: str
    media_type: str = "text/plain"


class ImageBlock(msgspec.Struct, tag_field="type", tag="image", omit_defaults=True):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl = None


class Citations(msgspec.Struct):
    enabled: bool


class DocumentBlock(msgspec.Struct, tag_field="type", tag="document", omit_defaults=True):
    source: Base64Source | UrlSource | FileSource | TextSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl = None


class ThinkingBlock(msgspec.Struct, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class RedactedThinkingBlock(msgspec.Struct, tag_field="type", tag="redacted_thinking"):
    data: str


class ToolUseBlock(msgspec.Struct, tag_field="type", tag="tool_use", omit_defaults=True):
    id: str
    name: str
    input: msgspec.Raw
    cache_control: CacheControl = None


class ToolResultBlock(msgspec.Struct, tag_field="type", tag="tool_result", omit_defaults=True):
    tool_use_id: str
    content: list[TextBlock | ImageBlock | DocumentBlock] = []
    is_error: bool = False
    cache_control: CacheControl = None


NativeBlock = dict[str, Any]
"""A block that came from this API and goes back to it."""

Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
    | NativeBlock
)


class Message(msgspec.Struct, gc=False):
    role: str
    content: list[Block]


class ToolDefinition(msgspec.Struct, omit_defaults=True):
    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl = None


class ToolChoice(msgspec.Struct, omit_defaults=True):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct, omit_defaults=True):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class Format(msgspec.Struct):
    schema: dict[str, Any]
    type: str = "json_schema"


class OutputConfig(msgspec.Struct, omit_defaults=True):
    format: Format | None = None
    effort: str | None = None


class Metadata(msgspec.Struct):
    user_id: str


class Request(msgspec.Struct, kw_only=True, omit_defaults=True):
    model: str
    max_tokens: int
    messages: list[Message] | msgspec.Raw
    system: list[TextBlock] = []
    tools: list[ToolDefinition | dict[str, Any]] = []
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] = []
    service_tier: str | None = None
    metadata: Metadata | None = None
    stream: bool = False
