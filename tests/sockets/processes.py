"""The gateway as whoever runs it sees it: a process with an environment, a log, signals and an exit code."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.sockets.pulse import Patience

START_LIMIT_S = 10.0
"""Ten times what is promised from the start to the first answer."""
END_LIMIT_S = 10.0
POLL_S = 0.005
SECRETS = ("_KEY", "_KEYS", "_TOKEN")
"""How the names of variables end that hold any."""
COMMAND = (sys.executable, "-P", "-m", "gateway", "serve")
"""As `llm-gateway serve` does it, which finds no modules where it is called."""


class GatewayProcess:
    """One gateway on a free port of loopback."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, environ: Mapping[str, str]) -> None:
        self.pid = process.pid
        self.environ = environ
        self.began_at = time.monotonic()
        self.url = ""
        """Where it listens, once it has said so."""
        self.folder = folder
        self._process = process
        self._log = folder / "log"
        self._stderr = folder / "stderr"

    @classmethod
    def spawn(cls, folder: Path, *, settings: str = "", environ: Mapping[str, str] | None = None) -> GatewayProcess:
        """Starts it with `settings` as its gateway.toml, in an environment that holds nothing else of ours."""
        (folder / "gateway.toml").write_text(settings)
        variables = {"PATH": os.environ["PATH"], "LLM_GATEWAY_PORT": "0", "REDIS_URL": "memory://", **(environ or {})}
        with (folder / "log").open("wb") as log, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                COMMAND, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=stderr
            )
        return cls(process, folder, variables)

    # Its life.

    def wait_until_ready(self, limit_s: float = START_LIMIT_S) -> None:
        """Returns when it has said where it listens, with `url` set."""
        self.wait_for(lambda: self._process.poll() is not None or self.logged("gateway ready"), limit_s)
        assert self._process.poll() is None, f"ended with {self._process.returncode}: {self.stderr}"
        self.url = self.logged("gateway ready")[0]["url"]

    def warm_up(self) -> None:
        """Returns when its code has run a few times, for tests that measure time."""
        for _ in range(3):
            self.get("/v1/models/gpt-4.1")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, limit_s: float = END_LIMIT_S) -> int:
        """Its exit code; fails where it is not over within `limit_s`."""
        return self._process.wait(limit_s)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Whatever it is doing, and whether or not it has ended already."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                return
            self.send(number)
            try:
                self.wait(2.0)
            except subprocess.TimeoutExpired:
                continue

    # What it has said.

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        """Its log, whole lines only."""
        return [json.loads(line) for line in self.log.split("\n")[:-1]]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == event]

    def logged_by_workers(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.logged(event) if "worker" in line]

    def troubles(self) -> list[dict[str, Any]]:
        """What it has logged that is worse than a warning."""
        return [line for line in self.lines() if line["level"] in ("error", "critical")]

    def secrets(self) -> Iterator[tuple[str, str]]:
        """What its environment holds that is nobody's business, by variable."""
        for name, value in self.environ.items():
            if name.endswith(SECRETS):
                yield from ((name, secret) for secret in value.split(","))

    # What can be seen of it.

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def get(self, path: str) -> Any:
        """The JSON at `path`."""
        return json.loads(self.text(path))

    def text(self, path: str) -> str:
        """What is at `path`, over plain HTTP. It has END_LIMIT_S for that, not counting others' turns."""
        connection = http.client.HTTPConnection(*self.address, timeout=10 * END_LIMIT_S)
        patience = Patience(self.pid)
        try:
            connection.request("GET", path)
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        assert patience.spent_s() < END_LIMIT_S
        return text

    def actors(self) -> dict[str, Any]:
        """/admin/actors by name."""
        return {actor["name"]: actor for actor in self.get("/admin/actors")["actors"]}

    def descriptors(self) -> int:
        """Open file descriptors, but for those of idle connections to providers, which are kept on purpose."""
        idle = sum(pool["idle"] for pool in self.actors()["upstream"]["detail"].values())
        # The question itself is not over when it is answered: its connection may still be open on that side.
        return len(os.listdir(f"/proc/{self.pid}/fd")) - idle

    def wait_for(self, condition: Callable[[], object], limit_s: float) -> None:
        """Returns when `condition` holds; fails where that takes longer than `limit_s`, not counting others' turns."""
        patience = Patience(self.pid)
        while not condition():
            assert patience.spent_s() < limit_s, f"not within {limit_s:g} s; it said: {self.stderr or self.log[-2000:]}"
            time.sleep(POLL_S)


@contextmanager
def running(
    folder: Path,
    *,
    settings: str = "",
    environ: Mapping[str, str] | None = None,
    troubled: bool = False,
    start_limit_s: float = START_LIMIT_S,
) -> Iterator[GatewayProcess]:
    """A gateway that is ready; ended afterwards. By then it has said nothing bad, unless it is `troubled` on purpose,
    and never a key.
    """
    gateway = GatewayProcess.spawn(folder, settings=settings, environ=environ)
    try:
        gateway.wait_until_ready(start_limit_s)
        yield gateway
    except Exception as failure:
        failure.add_note(f"{'It lives' if gateway.alive else 'It has ended'}; {gateway.stderr or gateway.log[-2000:]}")
        raise
    finally:
        gateway.end()
    assert troubled or (gateway.stderr, gateway.troubles()) == ("", [])
    assert not [name for name, secret in gateway.secrets() if secret in gateway.log + gateway.stderr]
