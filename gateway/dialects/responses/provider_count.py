"""Responses: how long an input is (https://platform.openai.com/docs/api-reference/responses/input-tokens)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.passed_reply import nested_too_deeply
from gateway.dialects.responses.provider import ResponsesProvider

COUNT_PATH: Final = b"/responses/input_tokens"
_COUNTED: Final = ("model", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text")
"""What of a request the endpoint takes."""


class _Count(msgspec.Struct, gc=False):
    input_tokens: int


_decode_request = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_count = msgspec.json.Decoder(_Count).decode
_encode = msgspec.json.Encoder().encode


def read_count(body: bytes) -> int:
    """Raises ValueError where the body is no such answer."""
    try:
        return _decode_count(body).input_tokens
    except RecursionError as problem:
        raise nested_too_deeply() from problem


class ResponsesCounter:
    """A `gateway.dialects.codec.TokenCounter`."""

    provider = ResponsesProvider()

    def path(self, model: str) -> bytes:
        """The same for every model."""
        return COUNT_PATH

    def question(self, request: bytes, model: str) -> bytes:
        given = _decode_request(request)
        return _encode({name: given[name] for name in _COUNTED if name in given})

    def read(self, body: bytes) -> int:
        """Raises ValueError where the body is no such answer."""
        return read_count(body)
