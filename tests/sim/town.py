"""What every run has: the providers with their models, the keys of clients, and the settings that name them."""

from __future__ import annotations

from typing import NamedTuple

from tests.sim.money import TAGS
from tests.sim.scenario import Dialect


class House(NamedTuple):
    """A provider."""

    name: str
    host: str
    model: str
    embeds: str
    """Its model for embeddings, "" where it has none."""


HOUSES = {
    house.name: house
    for house in (
        House("openai", "openai.test", "gpt-4o", "text-embedding-3-small"),
        House("anthropic", "anthropic.test", "claude-sonnet-4-5", ""),
        House("google", "google.test", "gemini-2.0-flash", "gemini-embedding-001"),
        House("deepseek", "deepseek.test", "deepseek-chat", ""),
    )
}
RINGS = {
    "gpt-backed": ("openai/gpt-4o", "deepseek/deepseek-chat"),
    "gpt-then-claude": ("openai/gpt-4o", "anthropic/claude-sonnet-4-5"),
    "claude-backed": ("anthropic/claude-sonnet-4-5", "openai/gpt-4o"),
    "claude-then-all": ("anthropic/claude-sonnet-4-5", "google/gemini-2.0-flash", "deepseek/deepseek-chat"),
    "gemini-backed": ("google/gemini-2.0-flash", "anthropic/claude-sonnet-4-5"),
    "deep-backed": ("deepseek/deepseek-chat", "openai/gpt-4o"),
}
"""Models with fallbacks."""
SINGLES = tuple(house.model for house in HOUSES.values())
EMBEDDERS = tuple(house.embeds for house in HOUSES.values() if house.embeds)
PROVIDER_KEYS = ("sk-open-1", "sk-open-2", "sk-anth", "sk-goog", "sk-deep", "sk-new-anth", "sk-new-goog", "sk-new-deep")
CLIENT_KEYS = {"sk-team-a": "team-a", "sk-team-b": "team-b"}

ENVIRON = {
    "OPENAI_API_KEY": "sk-open-1",
    "OPENAI_SECOND_KEY": "sk-open-2",
    "OPENAI_BASE_URL": "http://openai.test/v1",
    "ANTHROPIC_API_KEY": "sk-anth",
    "ANTHROPIC_BASE_URL": "http://anthropic.test",
    "GEMINI_API_KEY": "sk-goog",
    "GEMINI_BASE_URL": "http://google.test",
    "DEEPSEEK_API_KEY": "sk-deep",
    "DEEPSEEK_BASE_URL": "http://deepseek.test",
    "TEAM_A": "sk-team-a",
    "TEAM_B": "sk-team-b",
}
OTHER_KEYS = {
    "OPENAI_SECOND_KEY": "sk-open-1",
    "OPENAI_API_KEY": "sk-open-2",
    "ANTHROPIC_API_KEY": "sk-new-anth",
    "GEMINI_API_KEY": "sk-new-goog",
    "DEEPSEEK_API_KEY": "sk-new-deep",
}
"""What a reload finds in the environment."""


def usual_settings() -> str:
    """The models and their prices, for any gateway of a simulation."""
    lines = []
    for name, (target, *fallbacks) in RINGS.items():
        backs = ", ".join(f'"{fallback}"' for fallback in fallbacks)
        lines.append(f'[models."{name}"]\ntarget = "{target}"\nfallbacks = [{backs}]\n')
    for (provider, model), tag in TAGS.items():
        lines.append(f'[models."{provider}/{model}"]\nprices = {{ {tag.settings()} }}\n')
    return "".join(lines)


def takes(model: str) -> tuple[Dialect, ...]:
    """The dialects in which a model can be asked."""
    return (Dialect.EMBEDDINGS,) if model in EMBEDDERS else (Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES)
