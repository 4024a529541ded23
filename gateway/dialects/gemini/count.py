"""Gemini: how long a prompt is (https://ai.google.dev/api/tokens#method:-models.counttokens)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.gemini.codec import KIND, GeminiProvider, model_path
from gateway.dialects.passed_reply import nested_too_deeply

_COUNTED: Final = ("contents", "systemInstruction", "tools", "toolConfig")
"""What of a request makes its prompt."""


class _Count(msgspec.Struct, gc=False):
    total: int = msgspec.field(name="totalTokens")


_decode_request = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_count = msgspec.json.Decoder(_Count).decode
_encode = msgspec.json.Encoder().encode


class GeminiCounter:
    """A `gateway.dialects.codec.TokenCounter`."""

    provider = GeminiProvider()

    def path(self, model: str) -> bytes:
        return model_path(model, "countTokens")

    def question(self, request: bytes, model: str) -> bytes:
        """The whole request: `contents` alone would leave tools and instructions uncounted."""
        given = _decode_request(request)
        counted = {name: given[name] for name in _COUNTED if name in given}
        return _encode({"generateContentRequest": {"model": KIND + model.removeprefix(KIND), **counted}})

    def read(self, body: bytes) -> int:
        """Raises ValueError where the body is no such answer."""
        try:
            return _decode_count(body).total
        except RecursionError as problem:
            raise nested_too_deeply() from problem
