"""A worker's place: what the parent tells it through its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

VARIABLE: Final = "LLM_GATEWAY_STATION"
"""Set by the parent only; whoever finds it is a worker."""


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """One worker slot, as its present process sees it."""

    number: int
    """From 0; the worker's name, and the first digits of every id it makes."""
    listener: int
    """The descriptor of the slot's listening socket, which outlives this process in its parent."""
    line: int
    """The descriptor of the line to the parent."""
    folder: str
    """The gateway's private directory."""

    @property
    def name(self) -> str:
        return str(self.number)

    @property
    def config_file(self) -> Path:
        return settings_file(Path(self.folder))

    def to_environ(self) -> dict[str, str]:
        return {VARIABLE: msgspec.json.encode(self).decode()}


def station_of(environ: Mapping[str, str]) -> Station | None:
    """The place of this process; None where it is not a worker."""
    text = environ.get(VARIABLE)
    return None if text is None else msgspec.json.decode(text, type=Station)


def settings_file(folder: Path) -> Path:
    """The settings as the parent has accepted them: a worker never reads a file that nobody has checked."""
    return folder / "gateway.toml"


def write_settings(folder: Path, text: str) -> None:
    """In one step, so that nobody reads half of them."""
    fresh = folder / "gateway.toml.new"
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, settings_file(folder))
