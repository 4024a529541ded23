"""DeepSeek (https://api-docs.deepseek.com): usage comes with the finish_reason, an over-long prompt is a plain 400."""

from __future__ import annotations

from gateway.providers.profile import Profile, parse_base_url


def profile(name: str, base_url: str) -> Profile:
    """The address works with and without `/v1`. Raises ValueError for one that is none."""
    origin, base_path = parse_base_url(base_url)
    return Profile(name=name, origin=origin, base_path=base_path, window_phrases=("maximum context length",))
