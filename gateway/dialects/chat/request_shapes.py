"""Chat completions, the request as a client writes it.

Strict where OpenAI is: a member that nobody knows is a mistake, in a message as at the top. Only an assistant's message
may hold more, for clients send answers back as they came.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

CacheControl = dict[str, Any] | None
"""Anthropic's and OpenRouter's mark."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


# Parts of a content.


class ImageUrl(_Strict):
    url: str
    detail: str | None = None


class InputAudio(_Strict):
    data: str
    format: str


class File(_Strict):
    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None


class _Part(_Strict, tag_field="type", kw_only=True):
    cache_control: CacheControl = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class TextPart(_Part, tag="text"):
    text: str


class ImagePart(_Part, tag="image_url"):
    image_url: ImageUrl


class AudioPart(_Part, tag="input_audio"):
    input_audio: InputAudio


class FilePart(_Part, tag="file"):
    file: File


class RefusalPart(_Part, tag="refusal"):
    refusal: str


Content = str | list[TextPart | ImagePart | AudioPart | FilePart | RefusalPart]


# Messages.


class _Message(_Strict, tag_field="role", kw_only=True):
    content: Content
    name: str | None = None
    cache_control: CacheControl = None


class SystemMessage(_Message, tag="system"):
    pass


class DeveloperMessage(_Message, tag="developer"):
    pass


class UserMessage(_Message, tag="user"):
    pass


class ToolMessage(_Message, tag="tool"):
    tool_call_id: str


class FunctionMessage(_Strict, tag_field="role", tag="function"):
    """Deprecated: the result of an assistant's `function_call`."""

    name: str
    content: str | None


class CalledFunction(msgspec.Struct, gc=False):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, gc=False):
    id: str
    type: str = "function"
    function: CalledFunction | None = None
    cache_control: CacheControl = None


class Detail(msgspec.Struct, gc=False):
    """One of OpenRouter's `reasoning_details`; in a stream `type` may be said only once for each index."""

    type: str = ""
    index: int | None = None
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    format: str | None = None
    id: str | None = None
    tool_call_id: str | None = None
    """The call before which it stood, where `id` is its own."""


class AnswerImage(msgspec.Struct, gc=False):
    """An image that a model made (OpenRouter)."""

    image_url: ImageUrl


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant", gc=False):
    content: Content | None = None
    refusal: str | None = None
    name: str | None = None
    audio: dict[str, Any] | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: CalledFunction | None = None
    cache_control: CacheControl = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    images: list[AnswerImage] | None = None


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage


# Tools and what is asked beside the words.


class Function(_Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(_Strict):
    type: str
    function: Function
    cache_control: CacheControl = None


class Name(_Strict):
    name: str


class AllowedTool(msgspec.Struct, gc=False):
    type: str
    function: Name | None = None


class AllowedTools(_Strict):
    mode: str
    tools: list[AllowedTool]


class Choice(_Strict):
    type: str
    function: Name | None = None
    custom: Name | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(_Strict):
    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(_Strict):
    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(_Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ReasoningSettings(_Strict):
    """OpenRouter's `reasoning`."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None
    summary: str | None = None


class Thinking(_Strict):
    """Anthropic's and DeepSeek's `thinking`."""

    type: str
    budget_tokens: int | None = None
    display: str | None = None


class ChatRequest(msgspec.Struct, kw_only=True):
    """Every property that the specification names, and the extensions; messages and tools are read one by one."""

    model: str
    messages: list[msgspec.Raw]
    audio: dict[str, Any] | None = None
    frequency_penalty: float | None = None
    function_call: str | Name | None = None
    functions: list[Function] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    metadata: dict[str, str] | None = None
    modalities: list[str] | None = None
    moderation: dict[str, Any] | None = None
    n: int | None = None
    parallel_tool_calls: bool | None = None
    prediction: dict[str, Any] | None = None
    presence_penalty: float | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    response_format: ResponseFormat | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: str | None = None
    stop: str | list[str] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    tool_choice: str | Choice | None = None
    tools: list[msgspec.Raw] | None = None
    top_logprobs: int | None = None
    top_p: float | None = None
    user: str | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    web_search_options: dict[str, Any] | None = None
    # Extensions of OpenRouter, DeepSeek and Anthropic.
    include_reasoning: bool | None = None
    reasoning: ReasoningSettings | None = None
    thinking: Thinking | None = None
    top_k: int | None = None
    usage: dict[str, Any] | None = None
