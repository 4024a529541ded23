"""Google's Gemini API (https://ai.google.dev/api): the version is part of every path, errors say when to come again."""

from __future__ import annotations

import re
from typing import Final

from gateway.dialects.gemini.errors import read_error
from gateway.providers.profile import Profile, parse_base_url

_VERSION: Final = re.compile(rb"/v\d+\w*(/|$)")
_USUAL_VERSION: Final = b"/v1beta"


def profile(name: str, base_url: str) -> Profile:
    """The address works with and without `/v1beta`. Raises ValueError for one that is none."""
    origin, base_path = parse_base_url(base_url)
    if _VERSION.search(base_path) is None:
        base_path += _USUAL_VERSION
    return Profile(
        name=name,
        origin=origin,
        base_path=base_path,
        key_header=b"x-goog-api-key",
        key_prefix=b"",
        read_error=read_error,
        sends_usage_unasked=True,
        exhausted_codes=frozenset({"insufficient_quota"}),
        window_phrases=("exceeds the maximum number of tokens",),
    )
