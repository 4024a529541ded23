"""From a model's name to the candidates that can serve it, in the order in which they are asked.

First match wins: an exact name of [models] with its target and fallbacks, then the routes (gateway.config.routing), of
those the providers that have a key (reach.py). Windows come from the configuration or from model_data.py, timeouts
from patience.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from actors.letters import Candidate
from gateway.config import CloudProvider, Config, Model, SandboxProvider
from gateway.config.defaults import OPENROUTER, SANDBOX_MODELS
from gateway.config.routing import Place
from gateway.errors import GatewayError
from gateway.providers.model_data import ModelData
from gateway.providers.patience import timeouts_for, total_for
from gateway.providers.reach import Reach
from gateway.providers.well_known import WELL_KNOWN

MAX_REMEMBERED = 1024


class ModelEntry(NamedTuple):
    """A line of GET /v1/models."""

    id: str
    provider: str
    """Who is asked first for it."""


class Resolution(NamedTuple):
    """What is remembered of a name."""

    candidates: tuple[Candidate, ...]
    total_s: float
    """Seconds that a whole call of this model may take."""


class _Step(NamedTuple):
    """One candidate to be: its place, and the [models] entries that led there, the most special first."""

    place: Place
    entries: tuple[Model, ...]


class Catalog:
    """The routing table of one configuration, with what is known of its models.

    `resuming` are the kinds of provider whose call tasks can go on with an answer that broke in the middle.
    """

    def __init__(self, config: Config, *, data: ModelData | None = None, resuming: Collection[str] = ()) -> None:
        self._config = config
        self._data = ModelData() if data is None else data
        self._resuming = frozenset(resuming)
        self._reach = Reach(config)
        self._remembered: dict[str, Resolution] = {}
        self._own_names = frozenset([*config.models, *SANDBOX_MODELS, *self._sandbox_names()])

    def resolve(self, name: str) -> tuple[Candidate, ...]:
        """Who can serve `name`, best first, never empty. Raises ModelNotFound, ProviderMissing."""
        return self.resolution(name).candidates

    def resolution(self, name: str) -> Resolution:
        """As `resolve`, with the limits of the whole call. Raises ModelNotFound, ProviderMissing."""
        known = self._remembered.get(name)
        return self._resolve(name) if known is None else known

    def places(self, name: str) -> list[Place]:
        """As `resolve`, without what is known of the models. Raises ModelNotFound, ProviderMissing."""
        return [step.place for step in self._steps(name)]

    def models(self) -> list[ModelEntry]:
        """Configured names, the sandbox's, and well-known ones of every provider with a key: only what can be asked."""
        names = dict.fromkeys([*self._config.models, *self._sandbox_names(), *self._well_known_names()])
        entries = []
        for name in names:
            try:
                entries.append(ModelEntry(name, self.places(name)[0].provider))
            except GatewayError:
                continue
        return entries

    def models_of(self, provider: str) -> Mapping[str, Model]:
        """The [models] entries that `provider` is asked first for, by the name that it knows the model by."""
        found: dict[str, Model] = {}
        for name in self._config.models:
            last, entries = self._follow(name)
            try:
                place = self._reach.place(last)
            except GatewayError:
                continue
            if place.provider == provider:
                # Aliases of a model come to the model's own entry, the last one before the routes.
                found[place.model] = entries[-1]
        return found

    def known(self, model: str) -> bool:
        """Whether `model` is configured, the sandbox's, or listed by a provider exactly so."""
        return model in self._own_names or self._data.lists(model)

    def _resolve(self, name: str) -> Resolution:
        steps = self._steps(name)
        place, entries = steps[0]
        provider = self._config.providers[place.provider]
        resolution = Resolution(
            tuple(self._candidate(step) for step in steps),
            total_for(entries, provider.timeouts, self._config.timeouts),
        )
        self._remember(name, resolution)
        return resolution

    def _remember(self, name: str, resolution: Resolution) -> None:
        """Keeps the newest names only: clients choose them."""
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[name] = resolution

    def _steps(self, name: str) -> list[_Step]:
        """The target and its fallbacks, but for those without a key. Raises the first one's error if none is left."""
        last, entries = self._follow(name)
        fallbacks = next((entry.fallbacks for entry in entries if entry.fallbacks), ())
        steps: dict[tuple[str, str], _Step] = {}
        refusal: GatewayError | None = None
        for target, through in ((last, entries), *(self._follow(fallback) for fallback in fallbacks)):
            try:
                place = self._reach.place(target)
            except GatewayError as missing:
                refusal = refusal or missing
            else:
                steps.setdefault((place.provider, place.model), _Step(place, through))
        if not steps:
            assert refusal is not None, "a name is placed or refused"
            raise refusal
        return list(steps.values())

    def _follow(self, name: str) -> tuple[str, tuple[Model, ...]]:
        """Where the targets of [models] lead from `name` (they never loop), and the entries on the way."""
        entries = []
        while (model := self._config.models.get(name)) is not None:
            entries.append(model)
            if model.target is None:
                break
            name = model.target
        return name, tuple(entries)

    def _candidate(self, step: _Step) -> Candidate:
        (provider_name, model, _), entries = step
        provider = self._config.providers[provider_name]
        window = next((entry.context_window for entry in entries if entry.context_window is not None), None)
        if window is None and isinstance(provider, CloudProvider):
            window = self._data.window(provider_name, model)
        return Candidate(
            provider=provider_name,
            model=model,
            window=window,
            timeouts=timeouts_for(model, entries, provider.timeouts, self._config.timeouts),
            resumes=provider.kind in self._resuming,
        )

    def _sandbox_names(self) -> Iterator[str]:
        for name, provider in self._config.providers.items():
            if isinstance(provider, SandboxProvider):
                yield from (f"{name}/{model}" for model in SANDBOX_MODELS)

    def _well_known_names(self) -> Iterator[str]:
        for provider, models in WELL_KNOWN.items():
            if not self._config.missing_keys(provider):
                # OpenRouter's ids alone would mean the vendor itself.
                prefix = f"{OPENROUTER}/" if provider == OPENROUTER else ""
                yield from (prefix + model.removeprefix(prefix) for model in models)
