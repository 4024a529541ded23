"""Where the names of [models] lead, and what the entries on the way say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from gateway.config import Config, Model
from gateway.config.routing import Place
from gateway.config.settings import ModelPrices
from gateway.errors import GatewayError, InvalidRequest
from gateway.providers.prices import Prices
from gateway.providers.reach import Reach

_NO_PRICES = ModelPrices()
_LENGTHS = ("max_tokens", "max_completion_tokens")
"""Two names of one thing."""


class Step(NamedTuple):
    """One candidate to be: its place, and the [models] entries that led there, the most special first."""

    place: Place
    entries: tuple[Model, ...]


class Aliases:
    """The [models] of one configuration, over those who have a key."""

    def __init__(self, config: Config) -> None:
        self._models = config.models
        self._reach = Reach(config)

    def steps(self, name: str) -> list[Step]:
        """The target and its fallbacks, but for those without a key. Raises the first one's error if none is left."""
        entries = self.follow(name)[1]
        fallbacks = next((entry.fallbacks for entry in entries if entry.fallbacks), ())
        return self._steps([name, *fallbacks])

    def chain(self, name: str, fallbacks: Sequence[str]) -> list[Step]:
        """As `steps`, with the fallbacks that a request names. Raises InvalidRequest for one that nobody serves."""
        for position, fallback in enumerate(fallbacks):
            try:
                self._reach.place(self.follow(fallback)[0])
            except GatewayError as missing:
                raise InvalidRequest(missing.message, param=f"fallbacks[{position}]") from missing
        return self._steps([name, *fallbacks])

    def _steps(self, names: Iterable[str]) -> list[Step]:
        steps: dict[tuple[str, str], Step] = {}
        refusal: GatewayError | None = None
        for target, through in map(self.follow, names):
            try:
                place = self._reach.place(target)
            except GatewayError as missing:
                refusal = refusal or missing
            else:
                steps.setdefault((place.provider, place.model), Step(place, through))
        if not steps:
            assert refusal is not None, "a name is placed or refused"
            raise refusal
        return list(steps.values())

    def follow(self, name: str) -> tuple[str, tuple[Model, ...]]:
        """Where the targets lead from `name` (they never loop), and the entries on the way."""
        entries = []
        while (model := self._models.get(name)) is not None:
            entries.append(model)
            if model.target is None:
                break
            name = model.target
        return name, tuple(entries)

    def by_place(self) -> Mapping[tuple[str, str], Model]:
        """The entries by provider and model; aliases come to the model's own entry, the last one before the routes."""
        found = {}
        for name in self._models:
            last, entries = self.follow(name)
            try:
                place = self._reach.place(last)
            except GatewayError:
                continue
            found[place.provider, place.model] = entries[-1]
        return found


def window_of(entries: Iterable[Model]) -> int | None:
    """The context window as it is configured."""
    return next((entry.context_window for entry in entries if entry.context_window is not None), None)


def prices_of(entries: Iterable[Model]) -> Prices | None:
    """The prices as they are configured."""
    given = next((entry.prices for entry in entries if entry.prices != _NO_PRICES), None)
    return None if given is None else Prices(**msgspec.structs.asdict(given))


def parameters_of(entries: tuple[Model, ...]) -> dict[str, Any]:
    """The parameters of all entries on the way to a model; the more special one wins."""
    merged: dict[str, Any] = {}
    for entry in reversed(entries):
        given: dict[str, Any] = msgspec.to_builtins(entry.parameters)
        if any(name in given for name in _LENGTHS):
            merged = {name: value for name, value in merged.items() if name not in _LENGTHS}
        merged.update(given)
    return merged
