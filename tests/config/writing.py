"""Configurations for tests: a text of TOML and an environment in, settings or mistakes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from gateway.config import Config, ConfigError, Mistake, load


def mistakes_in(path: Path | None, environ: Mapping[str, str] | None = None) -> list[Mistake]:
    """Everything that `load` finds wrong; fails where it finds nothing."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return caught.value.mistakes


def loaded(text: str, tmp_path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """The settings that `text` and `environ` make."""
    return load(written(text, tmp_path), environ or {})


def refused(text: str, tmp_path: Path, environ: Mapping[str, str] | None = None) -> list[Mistake]:
    """The mistakes that `text` and `environ` make."""
    return mistakes_in(written(text, tmp_path), environ)


def written(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def keys_of(mistakes: list[Mistake]) -> list[str]:
    return [mistake.key for mistake in mistakes]
