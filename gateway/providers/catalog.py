"""From a model's name to the candidates that can serve it, in the order in which they are asked.

First match wins: an exact name of [models] with its target and fallbacks (aliases.py), then the routes
(gateway.config.routing), of those the providers that have a key (reach.py). Windows come from the configuration or from
known_models.py, timeouts from patience.py; listing.py tells clients what there is.

Providers' own lists of models only add to what is known: a name that is in none of them is passed on all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from actors.letters import Candidate
from gateway.config import CloudProvider, Config, Model, SandboxProvider
from gateway.config.defaults import SANDBOX_MODELS
from gateway.config.routing import Place
from gateway.providers.aliases import Aliases, Step, parameters_of, window_of
from gateway.providers.known_models import KnownModels
from gateway.providers.listing import Listing, ModelEntry, sandbox_names
from gateway.providers.model_data import ModelData
from gateway.providers.model_lists import ListedModel
from gateway.providers.patience import timeouts_for, total_for
from gateway.providers.prices import Prices

MAX_REMEMBERED = 1024
_NOTHING = Prices(input=0.0, output=0.0)


class Resolution(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a name."""

    candidates: tuple[Candidate, ...]
    total_s: float
    """Seconds that a whole call of this model may take."""
    parameters: Mapping[str, Any]
    """What a request for this name gets where it does not set it; see gateway.dialects.parameters."""


class Catalog:
    """The routing table of one configuration, with what is known of its models.

    `resuming` are the kinds of provider whose call tasks can go on with an answer that broke in the middle, `known` is
    what an earlier catalog has learned. Prices are those that `wall_clock` (seconds since the epoch) makes them.
    """

    def __init__(
        self,
        config: Config,
        *,
        data: ModelData | None = None,
        known: KnownModels | None = None,
        resuming: Collection[str] = (),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._known = known or KnownModels(ModelData() if data is None else data)
        self._resuming = frozenset(resuming)
        self._aliases = Aliases(config)
        self._listing = Listing(config, self._aliases, self._known, wall_clock)
        self._remembered: dict[str, Resolution] = {}
        self._own_names = frozenset([*config.models, *SANDBOX_MODELS, *sandbox_names(config)])

    def learn(self, provider: str, models: Iterable[ListedModel]) -> None:
        """From here on this is the provider's own list of models."""
        self._known.learn(provider, models)
        self._remembered.clear()
        self._listing.renew(provider)

    def resolve(self, name: str, fallbacks: Sequence[str] | None = None) -> tuple[Candidate, ...]:
        """Who can serve `name`, best first, never empty; `fallbacks` go before the configured ones.

        Raises ModelNotFound, ProviderMissing; InvalidRequest for a fallback that nobody serves.
        """
        return self.resolution(name, fallbacks).candidates

    def resolution(self, name: str, fallbacks: Sequence[str] | None = None) -> Resolution:
        """As `resolve`, with the limits of the whole call. Raises as `resolve` does."""
        if fallbacks is not None:
            return self._resolve(name, self._aliases.chain(name, fallbacks))
        known = self._remembered.get(name)
        if known is None:
            known = self._resolve(name, self._aliases.steps(name))
            self._remember(name, known)
        return known

    def places(self, name: str) -> list[Place]:
        """As `resolve`, without what is known of the models. Raises ModelNotFound, ProviderMissing."""
        return [step.place for step in self._aliases.steps(name)]

    def models(self) -> list[ModelEntry]:
        """Configured names, the sandbox's, and the models of every provider with a key: only what can be asked."""
        return self._listing.models()

    def entry(self, name: str) -> ModelEntry:
        """The line of one name, listed or not. Raises ModelNotFound, ProviderMissing."""
        return self._listing.entry(name)

    def prices(self, provider: str, model: str) -> Prices | None:
        """What `provider` takes now for what it calls `model`; None where nobody knows, nothing for the sandbox."""
        known = self._listing.prices(provider, model)
        is_ours = known is None and isinstance(self._config.providers.get(provider), SandboxProvider)
        return _NOTHING if is_ours else known

    def output_limit(self, provider: str, model: str) -> int | None:
        """The most tokens that `model`, as `provider` calls it, can answer; None where nobody knows."""
        return self._known.output_limit(provider, model)

    def models_of(self, provider: str) -> Mapping[str, Model]:
        """The [models] entries that `provider` is asked first for, by the name that it knows the model by."""
        return {model: entry for (owner, model), entry in self._aliases.by_place().items() if owner == provider}

    def known(self, model: str) -> bool:
        """Whether `model` is configured, the sandbox's, or listed by a provider exactly so."""
        return model in self._own_names or self._known.lists(model)

    def _resolve(self, name: str, steps: Sequence[Step]) -> Resolution:
        place, entries = steps[0]
        provider = self._config.providers[place.provider]
        return Resolution(
            tuple(self._candidate(step) for step in steps),
            total_for(entries, provider.timeouts, self._config.timeouts),
            # The name's own, also where its fallback is the first that can be asked.
            parameters_of(self._aliases.follow(name)[1]),
        )

    def _remember(self, name: str, resolution: Resolution) -> None:
        """Keeps the newest names only: clients choose them."""
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[name] = resolution

    def _candidate(self, step: Step) -> Candidate:
        (provider_name, model, _), entries = step
        provider = self._config.providers[provider_name]
        window = window_of(entries)
        if window is None and isinstance(provider, CloudProvider):
            window = self._known.window(provider_name, model)
        return Candidate(
            provider=provider_name,
            model=model,
            window=window,
            timeouts=timeouts_for(model, entries, provider.timeouts, self._config.timeouts),
            resumes=provider.kind in self._resuming,
            yields=any(entry.fallback_on_content_filter for entry in entries),
        )
