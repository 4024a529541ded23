"""Messages, the request as a client writes it (https://platform.claude.com/docs/en/api/messages/create).

Strict where Anthropic is: a member that nobody knows is a mistake, in a block as at the top.
"""

from __future__ import annotations

from typing import Any

import msgspec

CacheControl = dict[str, Any] | None


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


# Where media are.


class Base64Source(_Strict, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(_Strict, tag_field="type", tag="url"):
    url: str


class FileSource(_Strict, tag_field="type", tag="file"):
    file_id: str


class TextSource(_Strict, tag_field="type", tag="text"):
    data: str
    media_type: str = "text/plain"


class ContentSource(_Strict, tag_field="type", tag="content"):
    content: str | list[TextBlock | ImageBlock]


# Blocks of a content.


class CitationsConfig(_Strict):
    enabled: bool | None = None


class _Block(_Strict, tag_field="type", kw_only=True):
    cache_control: CacheControl = None


class TextBlock(_Block, tag="text"):
    text: str
    citations: list[dict[str, Any]] | None = None


class ImageBlock(_Block, tag="image"):
    source: Base64Source | UrlSource | FileSource
    transformations: dict[str, Any] | None = None
    """How Anthropic makes a large one smaller."""


class DocumentBlock(_Block, tag="document"):
    source: Base64Source | UrlSource | FileSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: CitationsConfig | None = None


class SearchResultBlock(_Block, tag="search_result"):
    source: str
    title: str
    content: list[TextBlock]
    citations: CitationsConfig | None = None


class ThinkingBlock(_Block, tag="thinking"):
    thinking: str
    signature: str


class RedactedThinkingBlock(_Block, tag="redacted_thinking"):
    data: str


class ToolUseBlock(_Block, tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw
    caller: dict[str, Any] | None = None
    toolset_name: str | None = None


class ToolReferenceBlock(_Block, tag="tool_reference"):
    """A tool that a search has found."""

    tool_name: str


class ToolResultBlock(_Block, tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolReferenceBlock] | None = None
    is_error: bool | None = None
    toolset_name: str | None = None


class CompactionBlock(msgspec.Struct, tag_field="type", tag="compaction", gc=False):
    """A summary of what came before it; the rest is for Anthropic alone."""

    content: str | None = None
    cache_control: CacheControl = None


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
    | CompactionBlock
)


class Message(_Strict):
    role: str
    content: str | list[msgspec.Raw] | None = None
    clear_at: str | None = None
    output_config: dict[str, Any] | None = None


# Tools and what is asked beside the words.


class CustomTool(_Strict):
    """A function that the client runs."""

    name: str
    input_schema: dict[str, Any]
    type: str | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl = None
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: list[dict[str, Any]] | None = None


class ToolChoice(_Strict):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(_Strict):
    type: str
    budget_tokens: int | None = None
    display: str | None = None
    block_binding: dict[str, Any] | None = None


class OutputFormat(_Strict):
    type: str
    schema: dict[str, Any]


class OutputConfig(_Strict):
    effort: str | None = None
    format: OutputFormat | None = None
    task_budget: dict[str, Any] | None = None


class Metadata(_Strict):
    user_id: str | None = None


class CreateMessage(msgspec.Struct, kw_only=True):
    """Every property of the API; messages and tools are read one by one, and what no translation looks into is Any."""

    model: str
    messages: list[msgspec.Raw]
    max_tokens: int
    anthropic_beta: Any = None
    anthropic_version: str | None = None
    betas: list[str] | None = None
    billing_policy: Any = None
    cache_control: CacheControl = None
    compaction: Any = None
    container: Any = None
    context_management: Any = None
    diagnostics: Any = None
    fallback_credit_token: Any = None
    fallbacks: Any = None
    inference_geo: str | None = None
    mcp_servers: list[dict[str, Any]] | None = None
    metadata: Metadata | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    service_tier: str | None = None
    speed: str | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    system: str | list[TextBlock] | None = None
    temperature: float | None = None
    thinking: Thinking | None = None
    thread: Any = None
    tool_choice: ToolChoice | None = None
    tools: list[msgspec.Raw] | None = None
    top_k: int | None = None
    top_p: float | None = None
    user_profile_id: str | None = None
    workspace_id: str | None = None
