"""The gateway's private directory: the sockets between its processes, its settings, its workers' figures.

A parent that is killed leaves it behind, and the next gateway of the same user takes it away. Whether its owners live
is told by a lock (flock), which workers inherit: those of a dead parent still drain, and talk to each other meanwhile.
A lock has its name only once it is held, so that nobody takes away what belongs to a gateway that is just starting.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

PREFIX: Final = "llm-gateway-"
LOCK: Final = "llm-gateway.lock"


class PrivateFolder(NamedTuple):
    path: Path
    lock: int
    """The descriptor that holds it, for whoever is to hold it too."""


@contextmanager
def private_folder() -> Iterator[PrivateFolder]:
    """A new one, of mode 0700, for as long as the context lasts. Raises OSError."""
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with _held(path) as lock:
            yield PrivateFolder(path, lock)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def take_away_the_dead(where: Path) -> None:
    """Removes those of our own user's private directories in `where` that nobody holds; what cannot be, stays."""
    with suppress(OSError):
        for folder in where.glob(f"{PREFIX}*"):
            with suppress(OSError):
                _take_away(folder)


@contextmanager
def _held(path: Path) -> Iterator[int]:
    fresh = path / f"{LOCK}.new"
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with suppress(OSError):  # a file system without locks: then nobody ever takes the folder away
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.rename(path / LOCK)
        yield lock
    finally:
        os.close(lock)


def _take_away(folder: Path) -> None:
    """Raises OSError where it is somebody's."""
    if folder.lstat().st_uid != os.geteuid():
        return
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
