"""The bodies that clients send, as they are described: the decoders' own types, with what those read piece by piece."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gateway.dialects.chat import request_shapes as chat
from gateway.dialects.messages import request_shapes as messages
from gateway.dialects.responses import shapes as responses


class ChatCompletionRequest(chat.ChatRequest):
    """https://platform.openai.com/docs/api-reference/chat/create"""

    messages: list[chat.Message]  # type: ignore[assignment]  # the decoder reads them one by one
    fallbacks: list[str] | None = None
    """The gateway's own: models to ask next, where the configuration allows it."""


class ResponseRequest(responses.CreateResponse):
    """https://platform.openai.com/docs/api-reference/responses/create"""


class MessageRequest(messages.CreateMessage, kw_only=True):
    """https://docs.anthropic.com/en/api/messages"""

    messages: list[messages.Message]  # type: ignore[assignment]  # the decoder reads them one by one
    tools: list[dict[str, Any]] | None = None  # type: ignore[assignment]  # the decoder reads them one by one


class MessageCountRequest(msgspec.Struct):
    """https://docs.anthropic.com/en/api/messages-count-tokens"""

    model: str
    messages: list[messages.Message]
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None


class TokenCountRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/responses/input-tokens"""

    model: str
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[dict[str, Any]] | None = None


class EmbeddingRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/embeddings/create"""

    model: str
    input: str | list[Any]
    """A text, texts, the tokens of a text, or those of several."""
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


class ToolExecution(msgspec.Struct):
    """What a tool is run with; each tool's own schema says what `arguments` are, an object or its JSON as a text."""

    name: str
    arguments: dict[str, Any] | str = {}


class ContextQuestion(msgspec.Struct):
    """What the Context Management Service is asked; its further members travel on to it."""

    text: str
    model: Annotated[str, msgspec.Meta(min_length=1)]
    overlap_ratio: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    conversation_id: str | None = None
