"""OpenRouter (https://openrouter.ai/docs/api-reference): usage always comes, error codes are numbers."""

from __future__ import annotations

from gateway.providers.profile import Profile, parse_base_url


def profile(name: str, base_url: str) -> Profile:
    """Raises ValueError for an address that is none."""
    origin, base_path = parse_base_url(base_url)
    return Profile(
        name=name,
        origin=origin,
        base_path=base_path,
        sends_usage_unasked=True,
        offers_responses=True,
        terminates_responses=True,
        resets_in_metadata=True,
        window_phrases=("maximum context length",),
    )
