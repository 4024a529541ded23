"""What the name of one of Google's models tells of it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_VERSION: Final = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_LATEST: Final = (3, 0)
"""What a name without a number (gemini-flash-latest) stands for."""


@lru_cache(maxsize=256)
def generation(model: str) -> tuple[int, int]:
    """(2, 5) for gemini-2.5-pro; (0, 0) for a model that is no Gemini (gemma-3-27b-it)."""
    found = _VERSION.search(model)
    if found is not None:
        return int(found[1]), int(found[2] or 0)
    return _LATEST if "gemini" in model else (0, 0)


def checks_signatures(model: str) -> bool:
    """Calls that come back without their thoughtSignature are an error."""
    return generation(model)[0] >= 3


def is_pro(model: str) -> bool:
    return "pro" in model.split("/")[-1].split("-")
