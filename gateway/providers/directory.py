"""Which profile a configured provider gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.providers import anthropic, deepseek, google, openai, openrouter
from gateway.providers.profile import Profile

_BY_NAME: Final = {"openai": openai.profile, "deepseek": deepseek.profile, "openrouter": openrouter.profile}
_BY_KIND: Final = {"anthropic": anthropic.profile, "gemini": google.profile}


def profile_of(kind: str, name: str, base_url: str, *, responses: bool | None = None) -> Profile:
    """The profile of a provider, by its kind, and by its name where that is a known one. Raises ValueError.

    `responses` says whether one of OpenAI's dialect has OpenAI's /responses too; None: those do that are known to.
    """
    of_kind = _BY_KIND.get(kind)
    if of_kind is not None:
        return of_kind(name, base_url)
    known = _BY_NAME.get(name)
    profile = (known or openai.profile)(name, base_url)
    if responses is None:
        # Who speaks OpenAI's dialect need not have all of OpenAI's API.
        responses = known is not None and profile.offers_responses
    return replace(
        profile,
        offers_responses=responses,
        reasons_in_responses=responses and profile.reasons_in_responses,
        counts_tokens=responses and profile.counts_tokens,
    )
