"""The pivot: a conversation with a model in no provider's wire format.

Where client and provider speak different dialects, a request is decoded into a Conversation and encoded from it, and
an answer comes back as a Reply, or piece by piece as the events of `gateway.dialects.answer_events`. Everything here
is data: what a dialect cannot express is its own codec's concern, and `gateway.dialects.fidelity` says what is done
about it.
"""

from __future__ import annotations

import enum
from typing import Any, Final, Literal

import msgspec

from gateway.dialects.envelope import Usage


class Maker:
    """Whose proof a reasoning's signature is: only a model of the same maker can read it.

    The words are those of OpenRouter's `reasoning_details[].format`
    (https://openrouter.ai/docs/use-cases/reasoning-tokens), where it has one.
    """

    ANTHROPIC = "anthropic-claude-v1"
    GOOGLE = "google-gemini-v1"
    OPENAI = "openai-responses-v1"
    XAI = "xai-responses-v1"
    DEEPSEEK = "deepseek-v1"
    UNKNOWN = "unknown"


class Media(msgspec.Struct, frozen=True):
    """Where the bytes of an image, a sound or a file are: exactly one of `url`, `data` and `file_id` is set."""

    url: str | None = None
    """Never fetched by the gateway."""
    data: str | None = None
    """Base64."""
    file_id: str | None = None
    """Of a file kept by the provider."""
    media_type: str | None = None
    """Like image/png; None where the client did not say."""


# What a turn is made of. There may be a hundred thousand of each, and none can be part of a circle (gc=False): the
# collector's look at them all would hold everybody up.


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a passage of an answer comes from; positions count characters of the text that it stands on."""

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None
    native: dict[str, Any] | None = None
    """As the provider's own dialect writes it."""
    dialect: str | None = None
    """Whose spelling `native` is."""


class Text(msgspec.Struct, gc=False):
    text: str
    citations: tuple[Citation, ...] = ()
    cache_control: dict[str, Any] | None = None
    """Anthropic's mark: the prompt up to here may be cached. OpenRouter takes it too."""


class Refusal(msgspec.Struct, gc=False):
    """The model's own words for not answering (OpenAI)."""

    text: str


class Reasoning(msgspec.Struct, gc=False):
    """What a model thought, and the signature with which it must come back in the next turn.

    Without text it is encrypted, or signs the part that follows it (Gemini signs calls and texts). Order matters.
    """

    text: str = ""
    signature: str | None = None
    maker: str = Maker.UNKNOWN
    summary: bool = False
    """The text is a summary of what was thought."""
    redacted: bool = False
    """Encrypted as a whole (Anthropic's redacted_thinking): the signature is all there is."""
    id: str | None = None
    """The provider's own name for it, where it has one (OpenAI's rs_…)."""


class Image(msgspec.Struct, gc=False):
    media: Media
    detail: str | None = None
    """OpenAI's low, high, auto."""
    cache_control: dict[str, Any] | None = None


class Audio(msgspec.Struct, gc=False):
    media: Media
    format: str | None = None
    """OpenAI's wav, mp3."""


class Document(msgspec.Struct, gc=False):
    """A file of pages or text."""

    media: Media | None = None
    text: str | None = None
    """In place of `media`: the document itself, plain."""
    name: str | None = None
    """A file's name, or a title."""
    context: str | None = None
    citations: bool | None = None
    """Whether the model shall cite it."""
    cache_control: dict[str, Any] | None = None


class ToolCall(msgspec.Struct, gc=False):
    """The model asks for a function; `arguments` is JSON text, an object ("{}" where there are none)."""

    id: str
    name: str
    arguments: str
    cache_control: dict[str, Any] | None = None


class ToolResult(msgspec.Struct, gc=False):
    """What a function answered; stands in a user's turn."""

    call_id: str
    parts: list[Text | Image | Document]
    is_error: bool = False
    name: str | None = None
    """The function's name, where the dialect says it; else the call with the same id knows."""
    cache_control: dict[str, Any] | None = None


class Native(msgspec.Struct, gc=False):
    """A part that only its own dialect knows (a provider's own tool at work, a compaction): kept, for its like."""

    dialect: str
    value: dict[str, Any]


Part = Text | Refusal | Reasoning | Image | Audio | Document | ToolCall | ToolResult | Native

Role = Literal["system", "user", "assistant"]


class Turn(msgspec.Struct, gc=False):
    """One message. OpenAI's developer is `system`, Gemini's model is `assistant`, results of tools are the `user`'s."""

    role: Role
    parts: list[Part]
    name: str | None = None
    """Which participant of that role, where the client says so."""
    field: str = ""
    """Where it stood in the client's request, like `messages[2]`, for the one who is told what is wrong with it."""


# What is asked beside the words.


class Tool(msgspec.Struct):
    """A function that the client runs."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """A JSON schema; None for a function without arguments."""
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None


class NativeTool(msgspec.Struct):
    """A tool that the provider runs, as the client's dialect writes it."""

    dialect: str
    type: str
    """As written: "web_search", "web_search_20250305", "googleSearch"."""
    value: dict[str, Any]
    field: str
    """Where it stood, for the one who is told that it cannot be had: `tools[2]`."""


class ToolChoice(msgspec.Struct):
    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None
    """The function that must be called, for `tool`."""
    allowed: list[str] | None = None
    """Only these functions may be called."""

    @property
    def forces(self) -> bool:
        """Whether a function must be called."""
        return self.mode in ("required", "tool")


class OutputFormat(msgspec.Struct):
    """Structured output: any JSON object, or one that follows `schema`."""

    schema: dict[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""How much a model may be asked to think, in a word, from nothing up."""


class ReasoningWish(msgspec.Struct):
    """How much the model shall think, in whichever terms the client put it."""

    effort: str | None = None
    """One of `EFFORTS`."""
    budget_tokens: int | None = None
    enabled: bool | None = None
    """Said outright; None where the rest says it."""
    visible: bool | None = None
    """Whether the client wants to see the thoughts, or a summary of them."""


class Conversation(msgspec.Struct, kw_only=True):
    """A request. What is None was not asked for; the provider's default holds."""

    model: str
    turns: list[Turn]
    """System turns stand where the client put them."""
    stream: bool = False
    tools: list[Tool] = []
    native_tools: list[NativeTool] = []
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output_format: OutputFormat | None = None
    reasoning: ReasoningWish | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: list[str] = []
    seed: int | None = None
    choices: int = 1
    """OpenAI's `n`."""
    logprobs: int | None = None
    """How many alternatives a token shall carry; 0 for its own probability alone."""
    verbosity: str | None = None
    user: str | None = None
    """The end user, as the client names them."""
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    """OpenAI's prompt_cache_key."""
    spelling: dict[str, str] = {}
    """What the client calls a member of this that its dialect has another word for: {"stop": "stop_sequences"}."""
    stream_usage: bool = False
    """Whether the stream shall end with usage, where the client's dialect leaves that to the client (chat)."""
    deprecated_calls: bool = False
    """The client knows only `functions` and hears of a call in `function_call` (chat, before it had tools)."""
    namespaced: dict[str, tuple[str, str]] = {}
    """Functions that the client knows by a namespace and a name (Responses), by their name in `tools`."""
    echo: dict[str, msgspec.Raw] | None = None
    """What the client's own dialect repeats of the request in its answers (Responses), as JSON; no provider sees it."""


# What comes back.


class Finish(enum.Enum):
    """Why an answer ended; the values are OpenAI's words, or ours where it has none."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    """The model would not (Anthropic's refusal); OpenAI calls it content_filter."""
    PAUSE = "pause"
    """A provider's own tool is still at work: send the answer back to go on (Anthropic's pause_turn)."""


class Choice(msgspec.Struct):
    parts: list[Part]
    finish: Finish
    stop_sequence: str | None = None
    """The one that ended it, where the provider says so."""
    logprobs: dict[str, Any] | None = None
    """In OpenAI's chat shape: {"content": [{"token", "logprob", "bytes", "top_logprobs"}]}."""


class Reply(msgspec.Struct, kw_only=True):
    """A whole answer."""

    model: str
    """Who really answered."""
    choices: list[Choice]
    usage: Usage | None = None
    service_tier: str | None = None
