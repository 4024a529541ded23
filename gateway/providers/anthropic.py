"""Anthropic (https://platform.claude.com/docs/en/api/overview), and whoever serves the same API under another address.

An over-long prompt and an account without credit are plain 400s.
"""

from __future__ import annotations

from gateway.dialects.anthropic.provider_errors import read_error
from gateway.providers.profile import Profile, parse_base_url

VERSION = b"2023-06-01"


def profile(name: str, base_url: str) -> Profile:
    """The address works with and without `/v1`. Raises ValueError for one that is none."""
    origin, base_path = parse_base_url(base_url)
    return Profile(
        name=name,
        origin=origin,
        base_path=base_path.removesuffix(b"/v1"),
        sends_usage_unasked=True,
        exhausted_codes=frozenset({"billing_error"}),
        exhausted_phrases=("credit balance is too low",),
        window_phrases=("prompt is too long", "exceed context limit", "input is too long"),
        headers=((b"anthropic-version", VERSION),),
        key_header=b"x-api-key",
        key_prefix=b"",
        read_error=read_error,
    )
