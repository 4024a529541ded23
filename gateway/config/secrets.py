"""Secrets: found out where they do not belong, and carried where nobody prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.mistakes import Path

HIDDEN = "a value that is not shown here"

_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:bearer\s+\S{8}|(?:sk|gsk|xai)[-_][A-Za-z0-9_-]{12}|AIza[A-Za-z0-9_-]{16}|eyJ[\w-]{8,}\.[\w-])",
    re.IGNORECASE,
)
"""How the keys of known providers, and tokens in general, begin."""

_NAMES = re.compile(r"(?:^|_)(?:api_?keys?|keys?|tokens?|secrets?|passwords?|authorization)$", re.IGNORECASE)


class Secrets(Mapping[str, str]):
    """Variable names and what they hold. Its repr says the names only."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, variable: str) -> str:
        return self._values[variable]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"


def looks_secret(value: object) -> bool:
    """Whether something with the shape of a provider's key stands in `value`."""
    return isinstance(value, str) and _SHAPES.search(value) is not None


def names_secret(key: str | int) -> bool:
    """Whether a setting called `key` would hold a secret itself, not the name of a variable."""
    return isinstance(key, str) and _NAMES.search(key) is not None


def secrets_within(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where in a decoded TOML document something with the shape of a key stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from secrets_within(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from secrets_within(inner, (*path, index))
    elif looks_secret(value):
        yield path
