"""Where the workers of one gateway find each other: Unix sockets in its private directory."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path

from gateway.edge.sockets import BACKLOG, SocketListener, SocketStream
from gateway.siblings import Place
from gateway.workers.embedded_store import socket_of
from gateway.workers.kept_figures import KeptFigures, life_of
from gateway.workers.station import Station


def place_of(station: Station, count: int) -> Place:
    """The place of one of `count` workers."""
    folder = Path(station.folder)
    return Place(
        others=[str(number) for number in range(count) if number != station.number],
        connect=partial(_connect, folder),
        listen=partial(_listen, _path(folder, station.name)),
        own_store=str(socket_of(folder)),
        figures=KeptFigures(folder, life_of(station.number, os.getpid())),
    )


async def _connect(folder: Path, host: str, port: int) -> SocketStream:
    """To the worker of that name. Raises OSError."""
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.setblocking(False)
        connected.connect(str(_path(folder, host)))  # a Unix socket connects at once, or not at all
        return SocketStream(connected, "")
    except OSError:
        connected.close()
        raise


async def _listen(path: Path) -> SocketListener:
    """Takes the place of whoever listened there before, in one step. Raises OSError."""
    fresh = path.with_suffix(f".{os.getpid()}")
    listening = socket.socket(socket.AF_UNIX)
    try:
        fresh.unlink(missing_ok=True)
        listening.bind(str(fresh))
        listening.listen(BACKLOG)
        os.replace(fresh, path)
        return SocketListener(listening)
    except OSError:
        listening.close()
        raise


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.sock"
