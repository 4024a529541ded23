"""The largest call that a request can come to, for who has to pay for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.prompt_weight import DEFAULT_OUTPUT_TOKENS
from gateway.face.client_dialect import Asked, ClientDialect
from gateway.keys.purse import LargestCall

_LIMITS: Final = ("max_completion_tokens", "max_tokens")


def largest_call(dialect: ClientDialect, asked: Asked, parameters: Mapping[str, Any]) -> LargestCall:
    """Its answers are as long as the client allows, else the configuration (`parameters`), else their model."""
    bound = dialect.output_limit(asked.decoded)
    if bound is not None and bound > 0:
        return LargestCall(asked.prompt_tokens, asked.output_tokens)
    answers = asked.output_tokens // DEFAULT_OUTPUT_TOKENS
    for name in _LIMITS:
        if name in parameters:
            return LargestCall(asked.prompt_tokens, parameters[name] * answers)
    return LargestCall(asked.prompt_tokens, 0, unbounded=answers)
