"""Which provider can really be asked for a model: the routing table, and who has a key."""

from __future__ import annotations

from gateway.config import Config, SandboxProvider
from gateway.config.defaults import OPENROUTER, SANDBOX_MODELS
from gateway.config.routing import Place, RoutingTable
from gateway.config.tables import LONGEST_MODEL_NAME
from gateway.errors import ModelNotFound, ProviderMissing

_VENDORS = frozenset({"anthropic", "deepseek", "google", "openai"})
"""Providers whose models OpenRouter has under the same prefix. What goes to a user's own provider is not its to see."""

_LONGEST_SHOWN = 80


class Reach:
    """Places names with the providers that have a key, or says why none has."""

    def __init__(self, config: Config) -> None:
        self._table = RoutingTable(config.routes, config.providers)
        self._missing = {name: config.missing_keys(name) for name in config.providers}
        self._sandboxes = {name for name, each in config.providers.items() if isinstance(each, SandboxProvider)}

    def place(self, name: str) -> Place:
        """Whom to ask for `name`. Raises ModelNotFound, ProviderMissing."""
        place = self._table.place(name) if len(name) <= LONGEST_MODEL_NAME else None
        if place is None:
            raise ModelNotFound(f"The model {_shown(name)} does not exist: no route takes it.", param="model")
        if place.provider in self._sandboxes:
            self._check_sandbox(name, place)
        elif self._missing[place.provider]:
            return self._without_key(name, place)
        return place

    def _check_sandbox(self, name: str, place: Place) -> None:
        if place.model not in SANDBOX_MODELS:
            *others, last = (f"`{place.provider}/{model}`" for model in SANDBOX_MODELS)
            served = f"{', '.join(others)} and {last}"
            raise ModelNotFound(f"The model {_shown(name)} does not exist: there are {served}.", param="model")

    def _without_key(self, name: str, place: Place) -> Place:
        """OpenRouter, where it has the vendor's model and a key. Raises otherwise."""
        provider = place.provider
        wanted = " or ".join(self._missing[provider])
        if not place.named:
            raise ModelNotFound(
                f"The model {_shown(name)} is not known here, and {provider}, which takes all other models, "
                f"has no key: {wanted} is not set.",
                param="model",
                providers=(provider,),
            )
        told = [provider]
        prefixed = provider in _VENDORS and name.startswith(f"{provider}/")
        if prefixed and OPENROUTER in self._missing:
            if not self._missing[OPENROUTER]:
                return Place(OPENROUTER, name, named=True)
            wanted += ", or " + " or ".join(self._missing[OPENROUTER]) + " to reach it through OpenRouter"
            told.append(OPENROUTER)
        raise ProviderMissing(
            f"The model {_shown(name)} belongs to {provider}, which has no key here: set {wanted}.",
            param="model",
            providers=told,
        )


def _shown(name: str) -> str:
    return f"`{name}`" if len(name) <= _LONGEST_SHOWN else f"`{name[:_LONGEST_SHOWN]}...`"
