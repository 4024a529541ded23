"""What the parent's log says of its children."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.life import describe
from actors.supervisor import ChildStarted, ChildStopped, Escalating, Restarted
from gateway.workers.embedded_store import socket_of


def told_in(log: Any, folder: Path) -> Callable[[object], None]:
    """Observes the parent's supervisors; `folder` is where the embedded store's socket stands."""

    def observe(event: object) -> None:
        match event:
            case ChildStarted(child=name, kind="worker", restarts=restarts):
                log.info("worker started", worker=name, restarts=restarts)
            case ChildStopped(child=name, kind="worker", crash=None):
                log.info("worker stopped", worker=name)
            case ChildStopped(child=name, kind="worker", crash=crash) if crash is not None:
                log.error("worker died", worker=name, because=describe(crash))
            case Restarted(child=name, kind="worker", restarts=restarts, backoff_s=backoff_s):
                log.warning("worker restarts", worker=name, restarts=restarts, backoff_s=round(backoff_s, 3))
            case ChildStarted(child=name, kind="store", restarts=restarts):
                log.info("store started", path=str(socket_of(folder)), restarts=restarts)
            case ChildStopped(child=name, kind="store", crash=crash) if crash is not None:
                log.error("store died", because=describe(crash))
            case Escalating(supervisor=supervisor, child=name, restarts=restarts):
                log.critical("supervisor gives up", supervisor=supervisor, actor=name, restarts=restarts)

    return observe
