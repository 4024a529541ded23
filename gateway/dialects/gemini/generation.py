"""The settings of an answer: `generationConfig` (https://ai.google.dev/api/generate-content#generationconfig)."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.conversation import Conversation
from gateway.dialects.gemini.refusals import refuse
from gateway.dialects.gemini.thinking import thinking_config

_INT32: Final = range(-(2**31), 2**31)
_MOST_STOPS: Final = 5


def generation_config(request: Conversation, model: str) -> dict[str, Any]:
    """What was asked for and nothing else. Raises InvalidRequest for what does not fit."""
    config: dict[str, Any] = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "candidateCount": request.choices if request.choices > 1 else None,
        "stopSequences": _stop_sequences(request),
        "seed": _seed(request.seed),
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "responseLogprobs": True if request.logprobs is not None else None,
        "logprobs": request.logprobs or None,
        "thinkingConfig": thinking_config(request, model),
    }
    if request.output_format is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = request.output_format.schema
    return {name: value for name, value in config.items() if value is not None}


def _stop_sequences(request: Conversation) -> list[str] | None:
    if len(request.stop) > _MOST_STOPS:
        refuse(request.spelling.get("stop", "stop"), f"it takes {_MOST_STOPS} of them at most.")
    return request.stop or None


def _seed(seed: int | None) -> int | None:
    if seed is not None and seed not in _INT32:
        refuse("seed", "its seeds have 32 bits.")
    return seed
