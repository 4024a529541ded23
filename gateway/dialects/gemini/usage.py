"""Gemini's token counts in the gateway's own terms."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.gemini.wire import is_null

Count = int | float | None

_AUDIO: Final = ("AUDIO", 4)
"""The modality's name, and its number for a proxy that did not ask for names."""
_TIERS: Final = {"standard": "default", "flex": "flex", "priority": "priority"}
"""Gemini's service tiers by OpenAI's names."""


class _Modality(msgspec.Struct, gc=False, rename="camel"):
    modality: str | int | None = None
    token_count: Count = None


class _Counts(msgspec.Struct, rename="camel"):
    prompt_token_count: Count = None
    tool_use_prompt_token_count: Count = None
    candidates_token_count: Count = None
    thoughts_token_count: Count = None
    cached_content_token_count: Count = None
    total_token_count: Count = None
    prompt_tokens_details: list[_Modality] | None = None
    tool_use_prompt_tokens_details: list[_Modality] | None = None
    candidates_tokens_details: list[_Modality] | None = None
    service_tier: str | None = None


_decode = msgspec.json.Decoder(_Counts).decode


class Cost(msgspec.Struct, frozen=True):
    """What a `usageMetadata` says."""

    usage: Usage
    service_tier: str | None = None
    """In OpenAI's words."""


def counts(raw: msgspec.Raw) -> bool:
    """Whether it counts tokens at all: Vertex AI's says only which contract is used, until the last chunk."""
    return b"TokenCount" in bytes(raw)


def read_cost(raw: msgspec.Raw) -> Cost | None:
    """What an answer cost so far; None where it says nothing of that, or nothing that can be understood.

    What the model read from its own tools is prompt and what it thought is completion, so that both add up to
    Gemini's own total.
    """
    if is_null(raw):
        return None
    try:
        said = _decode(raw)
    except (ValueError, RecursionError):
        return None
    prompt = _whole(said.prompt_token_count) + _whole(said.tool_use_prompt_token_count)
    thoughts = _whole(said.thoughts_token_count)
    completion = max(_whole(said.candidates_token_count) + thoughts, _whole(said.total_token_count) - prompt)
    usage = Usage(
        prompt=prompt,
        completion=completion,
        cached=min(_whole(said.cached_content_token_count), prompt),
        reasoning=thoughts,
        audio_in=min(_audio(said.prompt_tokens_details) + _audio(said.tool_use_prompt_tokens_details), prompt),
        audio_out=min(_audio(said.candidates_tokens_details), completion),
    )
    return Cost(usage, _TIERS.get((said.service_tier or "").lower()))


def _audio(details: list[_Modality] | None) -> int:
    if not details:
        return 0
    return sum(_whole(each.token_count) for each in details if each.modality in _AUDIO)


def _whole(count: Count) -> int:
    return int(count) if count and count > 0 else 0
