"""OpenAI (https://platform.openai.com/docs/api-reference), and whoever serves the same API: vLLM, Ollama, ..."""

from __future__ import annotations

from gateway.providers.profile import Profile, parse_base_url


def profile(name: str, base_url: str) -> Profile:
    """Raises ValueError for an address that is none."""
    origin, base_path = parse_base_url(base_url)
    return Profile(
        name=name,
        origin=origin,
        base_path=base_path,
        offers_responses=True,
        reasons_in_responses=True,
        counts_tokens=True,
        retries_conflicts=True,
        exhausted_codes=frozenset({"insufficient_quota", "billing_hard_limit_reached"}),
        window_codes=frozenset({"context_length_exceeded"}),
        # vLLM and others that serve this API have no code for it.
        window_phrases=("maximum context length",),
    )
