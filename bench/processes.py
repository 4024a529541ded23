"""Processes on cores of their own, started and ended by their ids, with their output in files."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import machine

HOST = "127.0.0.1"
POLL_S = 0.002
PORTS = (20_000, 30_000)


class Cores(NamedTuple):
    """Which core is whose."""

    subject: int
    load: int

    @classmethod
    def choose(cls) -> Cores | None:
        """The first and the last that we may use; None where there is only one."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[-1]) if len(allowed) > 1 else None


class Running:
    """A process that we have started, the leader of its own group."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self.log = log
        self.began_at = time.monotonic()
        self._process = process

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        core: int,
        folder: Path,
        environ: Mapping[str, str] | None = None,
    ) -> Running:
        """Starts `command` pinned to `core`; what it prints goes to a file in `folder`, as a service's would."""
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )
        return cls(name, process, log)

    def wait_until_it_answers(
        self, port: int, path: str, limit_s: float, post: tuple[bytes, str] | None = None
    ) -> float:
        """Seconds from the start to the first 2xx answer. Raises RuntimeError when there is none within `limit_s`."""
        while time.monotonic() - self.began_at < limit_s:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self._process.returncode}: {self.last_words()}")
            if _answers(port, path, post):
                return time.monotonic() - self.began_at
            time.sleep(POLL_S)
        raise RuntimeError(f"{self.name} did not answer within {limit_s:g} s: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of what it printed; all of it stands in `log`."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def cpu_s(self) -> float:
        return machine.cpu_s(self.pid)

    def resident_bytes(self) -> int:
        return machine.resident_bytes(self.pid)

    def stop(self, grace_s: float = 5.0) -> None:
        """Asks it and its children to end, then makes them."""
        members = machine.process_tree(self.pid)
        for kill in (signal.SIGTERM, signal.SIGKILL):
            for pid in members:
                _signal(pid, kill)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                continue
            members = [pid for pid in members if pid != self.pid and Path(f"/proc/{pid}").exists()]
            if not members:
                return


def free_port() -> int:
    """A port that nobody listens on now, below those that the kernel gives to outgoing connections."""
    for port in random.sample(range(*PORTS), 200):
        with socket.socket() as sock:
            try:
                sock.bind((HOST, port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port from {PORTS[0]} to {PORTS[1]}")


def _answers(port: int, path: str, post: tuple[bytes, str] | None) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        if post is None:
            connection.request("GET", path)
        else:
            body, key = post
            headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
            connection.request("POST", path, body, headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
