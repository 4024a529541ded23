"""The API's endpoints in words; `tests/face/test_openapi.py` holds them against the routes."""

from __future__ import annotations

from typing import Any, Final

from gateway.face.openapi import shapes
from gateway.face.openapi.operation import EVENTS_TYPE, JSON_TYPE, Access, Operation, Parameter

_UPSTREAM: Final = (402, 408, 409, 422, 451, 502, 503, 504, 529)
"""What providers answer, beside what every endpoint may: their refusals reach the client with their own status."""
_MODEL_CALL: Final = (403, 404, 413, 415, 429, *_UPSTREAM)
_KEPT: Final = (404, 409, 503)
_STREAMED: Final = (JSON_TYPE, EVENTS_TYPE)
_TEXT: Final[dict[str, Any]] = {"type": "string"}

_TIMEOUT: Final = Parameter(
    "X-Gateway-Timeout",
    {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
    "Seconds; shortens the deadline of the whole request.",
    "header",
)
_PRIORITY: Final = Parameter(
    "X-Gateway-Priority",
    {"type": "string", "enum": ["low", "normal", "high"]},
    "Who goes first where requests wait; a client key's highest priority bounds it.",
    "header",
)
_REQUEST_ID: Final = Parameter(
    "X-Request-ID",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
    "The correlation id; made up where it is left out.",
    "header",
)
_CONTEXT_MODE: Final = Parameter(
    "X-CMS-Mode",
    {"type": "string", "enum": ["none", "validate", "optimize", "plan", "auto"]},
    "Whether the Context Management Service is to count the prompt exactly; any other word is auto.",
    "header",
)
_CACHE_CONTROL: Final = Parameter(
    "Cache-Control",
    _TEXT,
    "Where answers are cached: no-cache asks anew and keeps that, no-store leaves no trace.",
    "header",
)
_CALL_HEADERS: Final = (_TIMEOUT, _PRIORITY, _REQUEST_ID, _CACHE_CONTROL)
_CONVERSATION_HEADERS: Final = (*_CALL_HEADERS, _CONTEXT_MODE)

_NAMED_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": {"type": "object"}}},
}
_MODEL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": _TEXT,
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": _TEXT,
        "context_window": {"type": "integer"},
        "max_output_tokens": {"type": "integer"},
        "pricing": {"type": "object", "description": "USD per million tokens"},
    },
}
_THEIR_MODEL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "id", "display_name", "created_at"],
    "properties": {"type": {"const": "model"}, "id": _TEXT, "display_name": _TEXT, "created_at": _TEXT},
}
_VERSION: Final = Parameter(
    "anthropic-version",
    {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "As Anthropic's clients send it: the answer is in the form that they read.",
    "header",
)
_HEALTH: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["status", "version", "worker", "uptime_s"],
    "properties": {"status": _TEXT, "version": _TEXT, "worker": _TEXT, "uptime_s": {"type": "number"}},
}

MODEL_CALLS: Final = {
    "POST /v1/chat/completions": Operation(
        summary="An answer to a conversation",
        tag="Models",
        request=shapes.ChatCompletionRequest,
        parameters=_CONVERSATION_HEADERS,
        answers=_STREAMED,
        failures=_MODEL_CALL,
    ),
    "POST /v1/responses": Operation(
        summary="A response, kept unless `store` is false",
        tag="Models",
        request=shapes.ResponseRequest,
        parameters=_CONVERSATION_HEADERS,
        answers=_STREAMED,
        failures=_MODEL_CALL,
    ),
    "POST /v1/messages": Operation(
        summary="An answer in the form of Anthropic's Messages API",
        tag="Models",
        request=shapes.MessageRequest,
        parameters=_CONVERSATION_HEADERS,
        answers=_STREAMED,
        failures=_MODEL_CALL,
        anthropic_errors=True,
    ),
    "POST /v1/messages/count_tokens": Operation(
        summary="How many tokens a message would have",
        tag="Models",
        request=shapes.MessageCountRequest,
        parameters=_CALL_HEADERS,
        failures=_MODEL_CALL,
        anthropic_errors=True,
    ),
    "POST /v1/embeddings": Operation(
        summary="Embeddings of texts",
        tag="Models",
        request=shapes.EmbeddingRequest,
        parameters=_CALL_HEADERS,
        failures=_MODEL_CALL,
    ),
}

RESPONSES: Final = {
    "POST /v1/responses/input_tokens": Operation(
        summary="How many tokens the input of a response would have",
        tag="Responses",
        request=shapes.TokenCountRequest,
        parameters=_CALL_HEADERS,
        failures=_MODEL_CALL,
    ),
    "GET /v1/responses/{id}": Operation(
        summary="A response that was kept",
        tag="Responses",
        parameters=(
            Parameter("stream", {"type": "string", "enum": ["true", "false"]}, "Its events rather than the object."),
            Parameter("starting_after", {"type": "integer", "minimum": 0}, "Only the events after this number."),
        ),
        answers=_STREAMED,
        failures=_KEPT,
    ),
    "DELETE /v1/responses/{id}": Operation(
        summary="Forget a response; one that still runs is stopped", tag="Responses", failures=_KEPT
    ),
    "POST /v1/responses/{id}/cancel": Operation(
        summary="Stop a response that runs in the background", tag="Responses", failures=_KEPT
    ),
    "GET /v1/responses/{id}/input_items": Operation(
        summary="What a response was asked",
        tag="Responses",
        parameters=(
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "At most so many; 20 unless said."),
            Parameter("order", {"type": "string", "enum": ["asc", "desc"]}, "The newest first unless said."),
            Parameter("after", _TEXT, "The id of the item before the first."),
        ),
        answer=_NAMED_LIST,
        failures=_KEPT,
    ),
}

_SERVICE: Final = (400, 404, 413, 415, 422, 429, 502, 503, 504)


def _context(summary: str) -> Operation:
    return Operation(
        summary=summary,
        tag="Context",
        request=shapes.ContextQuestion,
        parameters=(_TIMEOUT, _REQUEST_ID),
        failures=_SERVICE,
    )


CONTEXT: Final = {
    "POST /v1/context/validate": _context("How much of a model's window a text takes, counted exactly"),
    "POST /v1/context/process": _context("A text made shorter"),
    "POST /v1/context/chunk": _context("A text in pieces that fit"),
}

TOOLS: Final = {
    "GET /v1/tools": Operation(
        summary="The tools that the gateway has; `data` is what a chat request takes as `tools`",
        tag="Tools",
        answer=_NAMED_LIST,
    ),
    "POST /v1/tools/execute": Operation(
        summary="Run a tool",
        tag="Tools",
        request=shapes.ToolExecution,
        parameters=(_TIMEOUT, _REQUEST_ID),
        answer={"type": "object", "required": ["name", "result"], "properties": {"name": _TEXT}},
        failures=_SERVICE,
    ),
}

CATALOGUE: Final = {
    "GET /v1/models": Operation(
        summary="The models that can be asked",
        tag="Catalogue",
        parameters=(
            _VERSION,
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, "Anthropic's: at most so many."),
            Parameter("after_id", _TEXT, "Anthropic's: those that come after this one."),
            Parameter("before_id", _TEXT, "Anthropic's: those that come before this one."),
        ),
        answer={
            "anyOf": [
                {**_NAMED_LIST, "properties": {"object": {"const": "list"}, "data": {"items": _MODEL}}},
                {"type": "object", "required": ["data", "has_more"], "properties": {"data": {"items": _THEIR_MODEL}}},
            ]
        },
        either_errors=True,
    ),
    "GET /v1/models/{id}": Operation(
        summary="What is known of a model",
        tag="Catalogue",
        parameters=(_VERSION,),
        answer={"anyOf": [_MODEL, _THEIR_MODEL]},
        failures=(404,),
        either_errors=True,
    ),
    "GET /v1/providers": Operation(
        summary="The providers, and what is missing before they can be asked", tag="Catalogue", answer=_NAMED_LIST
    ),
    "GET /openapi.json": Operation(summary="This description", tag="Catalogue", access=Access.OPEN),
}

OPERATORS: Final = {
    "GET /health": Operation(summary="Alive, and a summary", tag="Health", access=Access.OPEN, answer=_HEALTH),
    "GET /health/ready": Operation(
        summary="Whether to send requests here", tag="Health", access=Access.OPEN, failures=(503,)
    ),
    "GET /health/detailed": Operation(
        summary="The state of every actor", tag="Health", access=Access.OPEN, answer=_HEALTH
    ),
    "GET /metrics": Operation(
        summary="Prometheus' exposition",
        tag="Health",
        access=Access.METRICS,
        answers=("text/plain", "application/openmetrics-text"),
    ),
}

OPERATIONS: Final = {**MODEL_CALLS, **RESPONSES, **CONTEXT, **TOOLS, **CATALOGUE, **OPERATORS}
