"""Responses, the request as it stands on the wire.

Items and parts are one struct each with the members of all their kinds: `type` may be left out of a message, and one
decoder names the place of a mistake within the whole body (`input[2].content[0].text`). Strict where OpenAI is: what
nobody knows is a mistake. Only what a model said may hold more, for clients send answers back as they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class InputAudio(_Strict):
    data: str
    format: str


class Annotation(msgspec.Struct, gc=False):
    """A citation on the text of an earlier answer."""

    type: str = ""
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Content(msgspec.Struct, forbid_unknown_fields=True):
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
    logprobs: Any = None


class AnswerContent(Content, forbid_unknown_fields=False):
    """A part of what a model said."""


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of `input`; `output` and `arguments` have forms that only other tools than functions use."""

    type: str | None = None
    id: str | None = None
    role: str | None = None
    content: str | Sequence[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | dict[str, Any] | None = None
    output: str | list[Content] | dict[str, Any] | None = None
    summary: Sequence[Content] | None = None
    encrypted_content: str | None = None
    result: str | None = None
    """An image that was drawn, base64."""
    output_format: str | None = None
    execution: str | None = None
    """Of a search for tools: by the server, or by the client."""
    caller: Any = None
    phase: Any = None
    status: Any = None


class AnswerItem(Item, forbid_unknown_fields=False):
    """What a model said, with whatever came beside it."""

    content: str | Sequence[AnswerContent] | None = None
    summary: Sequence[AnswerContent] | None = None
    output: Any = None

    @property
    def is_the_clients(self) -> bool:
        """Whether it is none: the client's own words, or what its function answered."""
        return self.role != "assistant" and self.type in (None, "message", "function_call_output")


class Kind(msgspec.Struct, gc=False):
    """What is read of an entry of `tools` to know what it is."""

    type: str


class ToolSearch(msgspec.Struct, gc=False):
    execution: str | None = None
    """By the server, or by the client."""


class FunctionTool(_Strict):
    """An entry of `tools` that the client runs."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None
    output_schema: Any = None


class Namespace(_Strict):
    """An entry of `tools` that is several of them."""

    type: str
    name: str
    tools: list[msgspec.Raw]
    """Read one by one."""
    description: str | None = None


class AllowedTool(msgspec.Struct):
    type: str
    name: str | None = None


class Choice(_Strict):
    """The forms of `tool_choice` that are objects."""

    type: str
    name: str | None = None
    mode: str | None = None
    server_label: str | None = None
    tools: list[AllowedTool] | None = None


class Format(_Strict):
    type: str
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextSettings(_Strict):
    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningSettings(_Strict):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None
    mode: str | None = None


class CreateResponse(msgspec.Struct):
    """A request with every property that the specification names, and that OpenAI's own programs send beside them; what
    no translation looks into is Any.
    """

    model: str
    input: str | list[msgspec.Raw] | None = None
    """The items are read a few at a time (`Item`)."""
    background: bool | None = None
    client_metadata: Any = None
    """Codex's; the specification does not have it."""
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
    tools: list[msgspec.Raw] | None = None
    """Read one by one."""
    top_logprobs: int | None = None
    top_p: float | None = None
    truncation: str | None = None
    user: str | None = None
