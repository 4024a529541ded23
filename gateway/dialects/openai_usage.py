"""Token counts as OpenAI's dialect spells them, with the spellings of those who speak it their own way."""

from __future__ import annotations

import msgspec

from gateway.dialects.envelope import Usage

Count = int | float | None
"""Some write 12.0; null is for who has nothing to say."""


class _Details(msgspec.Struct, gc=False):
    cached_tokens: Count = None
    reasoning_tokens: Count = None


class Counts(msgspec.Struct, gc=False):
    """A `usage` member."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: Count = None
    """DeepSeek, before it had details."""
    cached_tokens: Count = None
    """Moonshot."""
    reasoning_tokens: Count = None
    """Perplexity."""


_decoder = msgspec.json.Decoder(Counts)


def read_usage(raw: msgspec.Raw) -> Usage | None:
    """What a `usage` member says; None where it is null or cannot be understood."""
    if bytes(raw) == b"null":
        return None
    try:
        return usage_of(_decoder.decode(raw))
    except (ValueError, RecursionError):
        return None


def usage_of(counts: Counts) -> Usage:
    """The counts in the gateway's own terms.

    xAI and Gemini leave thoughts out of `completion_tokens` but count them in `total_tokens`: they are completion.
    """
    prompt = _whole(counts.prompt_tokens)
    completion = _whole(counts.completion_tokens)
    if counts.total_tokens != prompt + completion:
        completion = max(completion, _whole(counts.total_tokens) - prompt)
    cached, reasoning = _cached(counts), _reasoning(counts)
    return Usage(
        prompt,
        completion,
        min(_whole(cached), prompt) if cached else 0,
        min(_whole(reasoning), completion) if reasoning else 0,
    )


def _cached(counts: Counts) -> Count:
    details = counts.prompt_tokens_details
    if details is not None and details.cached_tokens is not None:
        return details.cached_tokens
    return counts.prompt_cache_hit_tokens or counts.cached_tokens


def _reasoning(counts: Counts) -> Count:
    details = counts.completion_tokens_details
    if details is not None and details.reasoning_tokens is not None:
        return details.reasoning_tokens
    return counts.reasoning_tokens


def _whole(count: Count) -> int:
    return int(count) if count and count > 0 else 0
