"""One measurement of one running proxy, each a short burst."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from bench.load import wrk
from bench.processes import Cores, Running
from bench.upstream import EVENTS, EVERY_S

CONNECTIONS = 32
STREAM_LIMIT_S = 30.0


class Target(NamedTuple):
    """A running proxy and how to talk to it."""

    running: Running
    port: int
    model: str
    key: str
    script: Path
    """For wrk."""


class Unary(NamedTuple):
    cpu_us_per_request: float
    requests_per_second: float


class Latency(NamedTuple):
    p50_ms: float
    p99_ms: float


def unary(target: Target, seconds: float, cores: Cores) -> Unary:
    """The CPU of one request when there are as many as the proxy can take."""
    before_s = target.running.cpu_s()
    load = wrk(target.port, target.script, connections=CONNECTIONS, seconds=seconds, cores=cores)
    spent_s = target.running.cpu_s() - before_s
    return Unary(spent_s / load.requests * 1e6, load.per_second)


def latency(port: int, script: Path, seconds: float, cores: Cores) -> Latency:
    """How long one connection waits for its answers, one after the other."""
    load = wrk(port, script, connections=1, seconds=seconds, cores=cores)
    return Latency(load.p50_s * 1e3, load.p99_s * 1e3)


class Streaming(NamedTuple):
    cpu_us_per_event: float
    seconds: float
    """From the first stream's opening to the last one's end; well above 2.1 somebody did not keep pace."""


def streaming(target: Target, streams: int, cores: Cores) -> Streaming:
    """The CPU of one event when so many streams get one every 10 ms. Raises RuntimeError where a stream broke."""
    before_s = target.running.cpu_s()
    done = subprocess.run(
        client_command(target, streams, cores, hold=False),
        capture_output=True,
        text=True,
        timeout=STREAM_LIMIT_S + 30,
        check=True,
    )
    spent_s = target.running.cpu_s() - before_s
    result = json.loads(done.stdout)
    if result["ended"] != streams or result["events"] < streams * EVENTS:
        raise RuntimeError(f"{target.running.name}: {streams} streams asked for, {done.stdout.strip()}")
    return Streaming(spent_s / (streams * EVENTS) * 1e6, result["seconds"])


def bytes_per_idle_stream(target: Target, streams: int, cores: Cores) -> float:
    """What the resident set grows by while so many streams are open and silent. Raises RuntimeError as above."""
    before = target.running.resident_bytes()
    command = client_command(target, streams, cores, hold=True)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        result = json.loads(client.stdout.readline())
        grown = target.running.resident_bytes() - before
        client.stdin.close()
        client.wait(10)
    if result["started"] != streams:
        raise RuntimeError(f"{target.running.name}: {streams} silent streams asked for, {result}")
    return grown / streams


def client_command(target: Target, streams: int, cores: Cores, *, hold: bool) -> list[str]:
    """The streaming client as a process of its own, on the load's core."""
    command = ["taskset", "-c", str(cores.load), sys.executable, "-m", "bench.client", str(target.port)]
    return [*command, str(streams), str(STREAM_LIMIT_S), str(int(hold)), target.model, target.key]


def saturates(cpu_us: float, streams: int) -> bool:
    """Whether so many streams would ask a core for more than it has, by the cost of an event at fewer."""
    return cpu_us * 1e-6 * streams / EVERY_S > 4
