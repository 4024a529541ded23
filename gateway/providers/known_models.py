"""What is known of providers' models: what a provider's own list says, then what model_data.py does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.providers.model_data import ModelData
from gateway.providers.model_lists import ListedModel
from gateway.providers.prices import Tariff
from gateway.providers.well_known import WELL_KNOWN


class ModelFacts(NamedTuple):
    """What is known of one model; None and 0 where nothing is."""

    created: int
    context_window: int | None
    max_output_tokens: int | None
    tariff: Tariff | None


class KnownModels:
    """The lists that have been learned, over the data that is there from the beginning."""

    def __init__(self, data: ModelData) -> None:
        self._data = data
        self._lists: dict[str, dict[str, ListedModel]] = {}

    def learn(self, provider: str, models: Iterable[ListedModel]) -> None:
        """From here on this is the provider's list."""
        self._lists[provider] = {model.id: model for model in models}

    def names(self, provider: str) -> Sequence[str]:
        """The models worth listing, as the provider calls them."""
        learned = self._lists.get(provider)
        return WELL_KNOWN.get(provider, ()) if learned is None else tuple(learned)

    def lists(self, model: str) -> bool:
        """Whether a provider is known to offer exactly this name."""
        return self._data.lists(model) or any(model in learned for learned in self._lists.values())

    def window(self, provider: str, model: str) -> int | None:
        """The context window in tokens."""
        listed = self._listed(provider, model)
        if listed is not None and listed.context_window is not None:
            return listed.context_window
        return self._data.window(provider, model)

    def output_limit(self, provider: str, model: str) -> int | None:
        """The most tokens that the model can answer."""
        listed = self._listed(provider, model)
        return None if listed is None else listed.max_output_tokens

    def tariff(self, provider: str, model: str) -> Tariff | None:
        """What the model costs."""
        listed = self._listed(provider, model)
        if listed is not None and listed.prices is not None:
            return Tariff(prices=listed.prices)
        return self._data.tariff(provider, model)

    def facts(self, provider: str, model: str) -> ModelFacts:
        """All of it."""
        listed = self._listed(provider, model)
        return ModelFacts(
            created=0 if listed is None else listed.created,
            context_window=self.window(provider, model),
            max_output_tokens=self.output_limit(provider, model),
            tariff=self.tariff(provider, model),
        )

    def _listed(self, provider: str, model: str) -> ListedModel | None:
        learned = self._lists.get(provider)
        return None if learned is None else learned.get(model)
