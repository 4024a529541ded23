"""Responses, the request as it stands on the wire.

Items, parts and tools are one struct each with the members of all their kinds: `type` may be left out of a message,
and one decoder names the place of a mistake within the whole body (`input[2].content[0].text`).
"""

from __future__ import annotations

from typing import Any

import msgspec


class InputAudio(msgspec.Struct, gc=False):
    data: str
    format: str


class Annotation(msgspec.Struct, gc=False):
    """A citation on the text of an earlier answer."""

    type: str = ""
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Content(msgspec.Struct):
    """A part of a message, of a function's output or of a reasoning."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Annotation] | None = None
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    input_audio: InputAudio | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class Item(msgspec.Struct):
    """One entry of `input`; `output` and `arguments` have forms that only other tools than functions use."""

    type: str | None = None
    id: str | None = None
    role: str | None = None
    content: str | list[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | dict[str, Any] | None = None
    output: str | list[Content] | dict[str, Any] | None = None
    summary: list[Content] | None = None
    encrypted_content: str | None = None
    result: str | None = None
    """An image that was drawn, base64."""
    output_format: str | None = None


class Tool(msgspec.Struct):
    """One entry of `tools`."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None


class AllowedTool(msgspec.Struct):
    type: str
    name: str | None = None


class Choice(msgspec.Struct):
    """The forms of `tool_choice` that are objects."""

    type: str
    name: str | None = None
    mode: str | None = None
    tools: list[AllowedTool] | None = None


class Format(msgspec.Struct):
    type: str
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextSettings(msgspec.Struct):
    format: Format | None = None
    verbosity: str | None = None


class ReasoningSettings(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None
    mode: str | None = None


class CreateResponse(msgspec.Struct):
    """A request with every property that the specification names; what no translation looks into is Any."""

    model: str
    input: str | list[msgspec.Raw] | None = None
    """The items are read a few at a time (`Item`)."""
    background: bool | None = None
    context_management: Any = None
    conversation: Any = None
    include: list[str] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] | None = None
    moderation: Any = None
    parallel_tool_calls: bool | None = None
    previous_response_id: str | None = None
    prompt: Any = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    reasoning: ReasoningSettings | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    temperature: float | None = None
    text: TextSettings | None = None
    tool_choice: str | Choice | None = None
    tools: list[Tool] | None = None
    top_logprobs: int | None = None
    top_p: float | None = None
    truncation: str | None = None
    user: str | None = None
