"""Chat completions: token counts, read with all their details and written as the specification has them."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects import openai_usage
from gateway.dialects.envelope import Usage


class _PromptExtras(msgspec.Struct, gc=False):
    cache_write_tokens: float | None = None
    audio_tokens: float | None = None


class _CompletionExtras(msgspec.Struct, gc=False):
    audio_tokens: float | None = None


class _Extras(msgspec.Struct, gc=False):
    """What the pass-through has no use for."""

    prompt_tokens_details: _PromptExtras | None = None
    completion_tokens_details: _CompletionExtras | None = None


_extras_decoder: Final = msgspec.json.Decoder(_Extras)


def read_usage(raw: msgspec.Raw) -> Usage | None:
    """What a `usage` member says; None where it is null or cannot be understood."""
    usage = openai_usage.read_usage(raw)
    if usage is None:
        return None
    try:
        extras = _extras_decoder.decode(raw)
    except ValueError:
        return usage
    if extras.prompt_tokens_details is not None:
        usage.written = _part_of(usage.prompt, extras.prompt_tokens_details.cache_write_tokens)
        usage.audio_in = _part_of(usage.prompt, extras.prompt_tokens_details.audio_tokens)
    if extras.completion_tokens_details is not None:
        usage.audio_out = _part_of(usage.completion, extras.completion_tokens_details.audio_tokens)
    return usage


def write_usage(usage: Usage) -> dict[str, object]:
    """A `usage` member."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.written,
            "audio_tokens": usage.audio_in,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_out},
    }


def _part_of(whole: int, count: float | None) -> int:
    return min(max(int(count or 0), 0), whole)
