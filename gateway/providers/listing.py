"""What GET /v1/models tells: names that can really be asked for, each with what is known of its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gateway.config import CloudProvider, Config, SandboxProvider
from gateway.config.defaults import SANDBOX_MODELS
from gateway.errors import GatewayError
from gateway.providers.aliases import Aliases, Step, prices_of, window_of
from gateway.providers.known_models import KnownModels, ModelFacts
from gateway.providers.prices import Prices, Tariff

_OURS = ""
_NO_FACTS = ModelFacts(0, None, None, None)


class ModelEntry(NamedTuple):
    """A line of GET /v1/models."""

    id: str
    provider: str
    """Who is asked first for it."""
    created: int = 0
    """Seconds since the epoch; 0 where nobody says."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    prices: Prices | None = None
    """Those of now."""


class _Line(NamedTuple):
    """An entry as it is now, and what its prices will be where they change."""

    entry: ModelEntry
    tariff: Tariff | None


class Listing:
    """The list, made for each provider once and again when its own list is new."""

    def __init__(self, config: Config, aliases: Aliases, known: KnownModels, wall_clock: Callable[[], float]) -> None:
        self._config = config
        self._aliases = aliases
        self._known = known
        self._wall_clock = wall_clock
        self._own_prices = {place: prices_of([entry]) for place, entry in aliases.by_place().items()}
        self._lines: dict[str, list[_Line]] = {}
        """By provider, and under _OURS what the configuration itself names."""

    def models(self) -> list[ModelEntry]:
        """Configured names, the sandbox's, and the models of every provider with a key."""
        return [
            self._priced(line) for provider in (_OURS, *self._config.providers) for line in self._lines_of(provider)
        ]

    def entry(self, name: str) -> ModelEntry:
        """The line of one name, listed or not. Raises ModelNotFound, ProviderMissing."""
        return self._priced(self._line(name, self._aliases.steps(name)[0]))

    def prices(self, provider: str, model: str) -> Prices | None:
        """What `provider` takes now for what it calls `model`; None where nobody knows."""
        own = self._own_prices.get((provider, model))
        if own is not None:
            return own
        tariff = self._known.tariff(provider, model)
        return None if tariff is None else tariff.at(self._wall_clock())

    def renew(self, provider: str) -> None:
        """More is known of the provider's models. Takes some 20 µs a model, now and not when somebody asks."""
        self._lines.pop(_OURS, None)
        self._lines.pop(provider, None)
        self._lines_of(provider)

    def _lines_of(self, provider: str) -> list[_Line]:
        lines = self._lines.get(provider)
        if lines is None:
            names = self._configured_names() if provider == _OURS else self._names_at(provider)
            lines = self._lines[provider] = list(self._make_lines(names))
        return lines

    def _make_lines(self, names: Iterable[str]) -> Iterator[_Line]:
        """Only what can be asked."""
        for name in names:
            try:
                yield self._line(name, self._aliases.steps(name)[0])
            except GatewayError:
                continue

    def _configured_names(self) -> Iterator[str]:
        yield from self._config.models
        yield from (name for name in sandbox_names(self._config) if name not in self._config.models)

    def _names_at(self, provider: str) -> Iterator[str]:
        """The provider's models by the names that a client asks for, but for those that the configuration lists."""
        if isinstance(self._config.providers[provider], CloudProvider) and not self._config.missing_keys(provider):
            for model in self._known.names(provider):
                name = self._name_of(provider, model)
                if name is not None and name not in self._config.models:
                    yield name

    def _name_of(self, provider: str, model: str) -> str | None:
        """What leads to this very model of this provider: its plain name, else that behind the provider's."""
        for name in (model, f"{provider}/{model}"):
            try:
                place = self._aliases.steps(name)[0].place
            except GatewayError:
                continue
            if (place.provider, place.model) == (provider, model):
                return name
        return None

    def _line(self, name: str, step: Step) -> _Line:
        (provider, model, _), entries = step
        facts = _NO_FACTS
        if isinstance(self._config.providers[provider], CloudProvider):
            facts = self._known.facts(provider, model)
        prices = prices_of(entries) or self._own_prices.get((provider, model))
        tariff = facts.tariff if prices is None else Tariff(prices=prices)
        entry = ModelEntry(
            name,
            provider,
            facts.created,
            window_of(entries) or facts.context_window,
            facts.max_output_tokens,
            None if tariff is None else tariff.prices,
        )
        return _Line(entry, tariff if tariff is not None and tariff.changes else None)

    def _priced(self, line: _Line) -> ModelEntry:
        entry, tariff = line
        return entry if tariff is None else entry._replace(prices=tariff.at(self._wall_clock()))


def sandbox_names(config: Config) -> Iterator[str]:
    """What the providers of the kind sandbox serve."""
    for name, provider in config.providers.items():
        if isinstance(provider, SandboxProvider):
            yield from (f"{name}/{model}" for model in SANDBOX_MODELS)
