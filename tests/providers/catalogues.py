"""What the tests of catalogues have in common: settings from a text of TOML, and data that knows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from gateway.config import Config, load
from gateway.providers.catalog import Catalog
from gateway.providers.model_data import ModelData
from gateway.providers.prices import Tariff

ALL_KEYS = {
    "OPENAI_API_KEY": "1",
    "ANTHROPIC_API_KEY": "2",
    "GEMINI_API_KEY": "3",
    "DEEPSEEK_API_KEY": "4",
    "OPENROUTER_API_KEY": "5",
}


class NoData(ModelData):
    """Knows nothing, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def window(self, provider: str, model: str) -> int | None:
        self.asked += 1
        return None

    def tariff(self, provider: str, model: str) -> Tariff | None:
        return None

    def lists(self, model: str) -> bool:
        return False


def configured(path: Path, text: str = "", environ: Mapping[str, str] = ALL_KEYS) -> Config:
    path.write_text(dedent(text))
    return load(path, environ)


def places(catalog: Catalog, name: str) -> list[tuple[str, str]]:
    return [(each.provider, each.model) for each in catalog.resolve(name)]
