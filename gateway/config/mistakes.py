"""What is wrong with a configuration, said so that a person can put it right in one go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where a setting stands: ("auth", "keys", 0, "label")."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One setting that cannot be used; never carries a secret."""

    source: str
    """The file, "environment" or "command line"."""
    key: str
    """The key path in the file, the variable or the option; empty where the whole source is meant."""
    expected: str
    found: str
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        named = f"{place}: {self.key}" if self.key else place
        told = f"{named}: expected {self.expected}, found {self.found}"
        return f"{told}; {self.hint}" if self.hint else told


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` are all that were found, as they were found."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__(self.mistakes)

    def __str__(self) -> str:
        count = len(self.mistakes)
        title = "1 mistake" if count == 1 else f"{count} mistakes"
        return "\n".join([f"{title} in the configuration:", *(f"  {mistake}" for mistake in self.mistakes)])


def dotted(path: Path) -> str:
    """The path as one writes it in TOML, with list positions in brackets: `auth.keys[0].label`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text
