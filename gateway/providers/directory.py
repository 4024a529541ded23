"""Which profile a configured provider gets."""

from __future__ import annotations

from typing import Final

from gateway.providers import deepseek, openai, openrouter
from gateway.providers.profile import Profile

_BY_NAME: Final = {"openai": openai.profile, "deepseek": deepseek.profile, "openrouter": openrouter.profile}


def openai_dialect_profile(name: str, base_url: str) -> Profile:
    """The profile of a provider of kind `openai`, by its name where that is known. Raises ValueError."""
    return _BY_NAME.get(name, openai.profile)(name, base_url)
