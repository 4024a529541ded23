"""Which provider a model's name belongs to, by the name alone: the first match wins.

Asked in this order: the routes but for `*` alone, `<provider>/<model>`, the route `*`. A name's `<provider>/` is taken
off. `*` comes last so that a name which says its provider always reaches it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from gateway.config.defaults import OPENROUTER
from gateway.config.settings import Route

_ANYTHING = "*"


class Place(NamedTuple):
    """A provider, and the model's name as that provider knows it."""

    provider: str
    model: str
    named: bool
    """A rule knows this name; False: it is only what nobody else wanted."""


class Glob:
    """A pattern in which `*` stands for any text and nothing else is special; matching never backtracks."""

    __slots__ = ("_first", "_last", "_least", "_middle", "_whole")

    def __init__(self, pattern: str) -> None:
        first, *rest = pattern.split("*")
        self._first = first
        self._whole = not rest
        self._last = rest[-1] if rest else ""
        self._middle = [part for part in rest[:-1] if part]
        self._least = len(first) + len(self._last)

    def matches(self, text: str) -> bool:
        if self._whole:
            return text == self._first
        if len(text) < self._least or not text.startswith(self._first) or not text.endswith(self._last):
            return False
        start, end = len(self._first), len(text) - len(self._last)
        for part in self._middle:
            start = text.find(part, start, end)
            if start < 0:
                return False
            start += len(part)
        return True


class RoutingTable:
    """The routes, ready to be asked."""

    def __init__(self, routes: Iterable[Route], providers: Collection[str]) -> None:
        routes = list(routes)
        self._globs = [(Glob(route.match), route.provider) for route in routes if route.match != _ANYTHING]
        self._rest = next((route.provider for route in routes if route.match == _ANYTHING), None)
        self._providers = frozenset(providers)
        self.patterns = [route.match for route in routes]
        """As they are written, in order."""

    def place(self, name: str) -> Place | None:
        """Whose model `name` is; None where no rule takes it."""
        for glob, provider in self._globs:
            if glob.matches(name):
                return Place(provider, _without_prefix(name, provider), named=True)
        prefix, slash, rest = name.partition("/")
        if slash and prefix in self._providers:
            return Place(prefix, _without_prefix(name, prefix), named=True) if rest else None
        return None if self._rest is None else Place(self._rest, name, named=False)


def _without_prefix(name: str, provider: str) -> str:
    model = name.removeprefix(f"{provider}/")
    # OpenRouter's ids are <vendor>/<model>; `openrouter/auto` and the like are its own, prefix and all.
    return name if provider == OPENROUTER and "/" not in model else model
