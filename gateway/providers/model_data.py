"""What the genai-prices package knows of models: names and context windows.

Its tables cost some 0.2 s and 28 MB, so they are loaded at first need; `ModelData.load` in a thread spares the first
request that wait. Look-ups go to single providers, as the package's own search remembers every name ever asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import MatchLogic, ModelInfo, Provider

_PROVIDERS = ("openai", "anthropic", "google", "deepseek", "openrouter")
"""Ours that the package knows, by the same names."""


class ModelData:
    """The package's tables of our providers, loaded once."""

    def __init__(self) -> None:
        self._tables: dict[str, Provider] | None = None
        self._names: frozenset[str] = frozenset()

    def load(self) -> None:
        """Loads the tables now; later calls cost nothing. Safe in a thread."""
        self._loaded()

    def window(self, provider: str, model: str) -> int | None:
        """The context window in tokens, None where it is not known. Up to a millisecond: remember the answer."""
        info = self._find(provider, model)
        return None if info is None else info.context_window

    def lists(self, model: str) -> bool:
        """Whether a provider is known to offer exactly this name."""
        self._loaded()
        return model in self._names

    def family(self, model: str) -> str | None:
        """The name that a dated or aliased `model` is listed under; one of a bounded number, None if nobody has it."""
        if self.lists(model):
            return model
        vendors = ("openrouter",) if "/" in model else ("openai", "anthropic", "google", "deepseek")
        found = (self._find(vendor, model) for vendor in vendors)
        return next((info.id for info in found if info is not None), None)

    def _find(self, provider: str, model: str) -> ModelInfo | None:
        table = self._loaded().get(provider)
        return None if table is None else table.find_model(model)

    def _loaded(self) -> dict[str, Provider]:
        if self._tables is None:
            from genai_prices.data import providers

            tables = {provider.id: provider for provider in providers if provider.id in _PROVIDERS}
            self._names = frozenset(name for table in tables.values() for name in _names(table))
            self._tables = tables
        return self._tables


def _names(table: Provider) -> Iterator[str]:
    for model in table.models:
        yield model.id
        yield from _exact(model.match)


def _exact(match: MatchLogic) -> Iterator[str]:
    """The names that a matching rule gives in full."""
    from genai_prices.types import ClauseEquals, ClauseOr

    if isinstance(match, ClauseEquals):
        yield match.equals
    elif isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from _exact(clause)
