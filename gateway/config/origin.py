"""Where one gateway's settings come from, so that they can be read again while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.load import Source, read_source, understand
from gateway.config.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A file, the environment and the command line's options by name ("--port"); see `load`."""

    path: Path | None
    environ: Mapping[str, str]
    options: Mapping[str, str]
    had_default_file: bool = False
    """There was one in the beginning: where it is gone, that is no wish for settings of nobody's choice."""

    def load(self) -> Config:
        """Raises ConfigError with everything that is wrong."""
        return self.understand(self.read())

    def read(self) -> Source:
        """Raises ConfigError."""
        return read_source(self.path, self.environ, was_there=self.had_default_file)

    def understand(self, source: Source) -> Config:
        """Raises ConfigError with everything that is wrong."""
        return understand(source, self.environ, self.options)
