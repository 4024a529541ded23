"""The settings that workers find when they start, kept by their parent: read anew, put in force, put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from actors.life import describe
from gateway.admin.reload import Reloaded
from gateway.config import Config, ConfigError, Origin
from gateway.config.changes import fixed_changes
from gateway.workers.station import write_settings

OURS: Final = ("host", "port", "workers")
"""Settings of [server] that are the parent's own: they stay as they were when it began."""
MAX_MISTAKES: Final = 50
"""That an operator is told of at once; the log has all of them."""
MARGIN_S: Final = 2.0
"""What a worker gets beyond its own grace before it is killed."""

Former = tuple[Config, str]
"""Settings that were in force: to be put back."""


class SettingsInForce:
    """`config` is what holds, `edition` says how often that has changed."""

    def __init__(self, config: Config, origin: Origin, folder: Path, log: Any) -> None:
        self.config = config
        self.edition = 0
        self._origin = origin
        self._folder = folder
        self._log = log
        self._text = ""

    def begin(self) -> None:
        """Lays them out for the first workers. Raises OSError, ConfigError."""
        self._text = self._origin.read().text
        write_settings(self._folder, self._text)

    @property
    def former(self) -> Former:
        return self.config, self._text

    @property
    def patience_s(self) -> float:
        """How long a worker that drains may take."""
        server = self.config.server
        return server.drain_delay_s + server.drain_grace_s + server.write_stall_s + 1.0 + MARGIN_S

    def renew(self) -> Reloaded:
        """Reads them anew and puts them in force, unless they are wrong."""
        try:
            source = self._origin.read()
            config = self._origin.understand(source)
        except ConfigError as wrong:
            mistakes = [str(mistake) for mistake in wrong.mistakes]
            self._log.error("configuration refused", mistakes=mistakes)
            return Reloaded(refused=mistakes[:MAX_MISTAKES])
        before = self.config
        waiting = [name for name in OURS if getattr(before.server, name) != getattr(config.server, name)]
        kept = {name: getattr(before.server, name) for name in OURS}
        config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, **kept))
        try:
            self._put_in_force(config, source.text)
        except OSError as problem:
            self._log.error("configuration not reloaded", because=describe(problem))
            return Reloaded(refused=[describe(problem)])
        changed = fixed_changes(before, config)
        self._log.info("configuration reloaded", rolled_for=changed, waiting_for_restart=waiting)
        return Reloaded(rolled_for=changed, waiting_for_restart=waiting)

    def put_back(self, former: Former) -> bool:
        """Whether `former` is in force again."""
        try:
            self._put_in_force(*former)
        except OSError as trouble:
            self._log.critical("former settings not put back", because=describe(trouble))
            return False
        return True

    def _put_in_force(self, config: Config, text: str) -> None:
        """For workers that start from now on. Raises OSError: then nothing has changed."""
        write_settings(self._folder, text)
        self.config, self._text = config, text
        self.edition += 1
