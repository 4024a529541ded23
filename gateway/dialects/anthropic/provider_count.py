"""Anthropic's Messages: how long a prompt is (https://platform.claude.com/docs/en/api/messages-count-tokens)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.anthropic.provider_codec import MESSAGES_PATH, AnthropicProvider
from gateway.dialects.passed_reply import nested_too_deeply

COUNT_PATH: Final = MESSAGES_PATH + b"/count_tokens"
_COUNTED: Final = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control")
"""What of a request the endpoint takes."""


class _Count(msgspec.Struct, gc=False):
    input_tokens: int


_decode_request = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_count = msgspec.json.Decoder(_Count).decode
_encode = msgspec.json.Encoder().encode


class AnthropicCounter:
    """A `gateway.dialects.codec.TokenCounter`."""

    provider = AnthropicProvider()

    def path(self, model: str) -> bytes:
        """The same for every model."""
        return COUNT_PATH

    def question(self, request: bytes, model: str) -> bytes:
        given = _decode_request(request)
        return _encode({name: given[name] for name in _COUNTED if name in given})

    def read(self, body: bytes) -> int:
        """Raises ValueError where the body is no such answer."""
        try:
            return _decode_count(body).input_tokens
        except RecursionError as problem:
            raise nested_too_deeply() from problem
