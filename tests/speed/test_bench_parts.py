"""The bench's own arithmetic, so that its figures can be believed; it measures nothing here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bench import machine
from bench.client import Client, request
from bench.load import Load, parse
from bench.profile import shares
from bench.table import render
from bench.upstream import EVENTS, FIRST, LAST, WORDS, event, is_whole

REPORT = """\
Running 1s test @ http://127.0.0.1:1/v1/chat/completions
  Latency Distribution
     50%  214.00us
     75%    1.20ms
     90%    2.00ms
     99%    1.05s
  9374 requests in 2.10s, 5.91MB read
Requests/sec:   4464.29
"""


@pytest.fixture
def stream() -> Iterator[tuple[Client, socket.socket]]:
    """A client with one stream open, and the socket at its other end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(listener.getsockname()[1], request(1, "m", "", hold=False))
        client.open()
        server, _ = listener.accept()
        with server:
            yield client, server


def test_wrk_speaks_in_three_units() -> None:
    """Microseconds, milliseconds and seconds, in one report."""
    assert parse(REPORT) == Load(9374, 4464.29, 214e-6, 1.05)


@pytest.mark.parametrize("line", ["  Non-2xx or 3xx responses: 3", "  Socket errors: connect 0, read 1, write 0"])
def test_a_wrong_answer_is_no_figure(line: str) -> None:
    """A proxy that refuses fast must not look like one that serves fast."""
    with pytest.raises(RuntimeError, match="wrk"):
        parse(REPORT + line)


@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 11, 12, 13, 100, 100_000])
def test_the_client_counts_each_event_once_however_it_is_cut(
    stream: tuple[Client, socket.socket], piece_bytes: int
) -> None:
    """An event's mark that falls between two reads counts, and one that both see counts once."""
    client, server = stream
    data = FIRST + b"".join(WORDS[:5]) + LAST
    for start in range(0, len(data), piece_bytes):
        server.send(data[start : start + piece_bytes])
        client.read(1.0)
    while client.pending:
        client.read(1.0)
    assert (client.events, client.ended, client.failed) == (1 + 5 + 2, 1, 0)


def test_a_stream_that_is_cut_has_failed(stream: tuple[Client, socket.socket]) -> None:
    """An end without its last event is none."""
    client, server = stream
    server.recv(65536)
    server.send(FIRST)
    server.close()
    while client.pending:
        client.read(1.0)
    assert (client.events, client.ended, client.failed) == (1, 0, 1)


def test_a_stream_has_as_many_events_as_it_says() -> None:
    """Then its end, and after it nothing."""
    assert [event(sent) for sent in range(EVENTS)] == WORDS
    assert len(set(WORDS)) == EVENTS
    assert (event(EVENTS), event(EVENTS + 1)) == (LAST, b"")


def test_a_request_is_whole_when_its_body_is() -> None:
    """Whatever the header's case; a request without a length has no body."""
    ask = request(1, "gpt-4o-mini", "key", hold=True)
    assert [is_whole(ask), is_whole(ask[:-1]), is_whole(ask[:20])] == [True, False, False]
    assert is_whole(b"GET / HTTP/1.1\r\n\r\n")


def test_the_cpu_of_a_process_counts_its_children() -> None:
    """A worker's time is its master's cost."""
    spin = "import time\nwhile time.process_time() < 0.2: pass"  # the kernel counts user and system time in 10 ms each
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}]); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE) as process:
        ends_at = time.monotonic() + 20
        while machine.cpu_s(process.pid) < 0.15 and time.monotonic() < ends_at:
            time.sleep(0.01)
        assert machine.cpu_s(process.pid) >= 0.15
        assert machine.resident_bytes(process.pid) > 0
    assert os.getpid() in machine.process_tree(os.getpid())


def figures(name: str, **known: Any) -> dict[str, Any]:
    empty = {
        "missing": "",
        "first_answer_s": [],
        "rest_mb": [],
        "cpu_us_per_request": [],
        "requests_per_second": [],
        "p50_ms": [],
        "p99_ms": [],
        "cpu_us_per_event": {},
        "kb_per_idle_stream": [],
    }
    return {"name": name, **empty, **known}


def test_the_table_has_medians_and_the_ratios_of_each_round() -> None:
    """A slow round that hit both does not move the ratio; who is missing is named below."""
    report = {
        "machine": "a machine",
        "plan": {"rounds": 3, "streams": [10, 40]},
        "subjects": [
            figures("upstream itself", p50_ms=[0.1, 0.1, 0.1], p99_ms=[0.2, 0.2, 0.2]),
            figures(
                "llm-gateway",
                first_answer_s=[0.5, 0.7],
                rest_mb=[60.0],
                cpu_us_per_request=[100.0, 400.0, 100.0],
                requests_per_second=[9000.0, 2500.0, 9100.0],
                p50_ms=[0.4, 0.5, 0.4],
                p99_ms=[0.9, 0.9, 0.9],
                cpu_us_per_event={"10": [50.0, 60.0, 50.0]},
            ),
            figures(
                "floor: bare Trio + httptools",
                first_answer_s=[0.1],
                cpu_us_per_request=[50.0, 200.0, 50.0],
                p50_ms=[0.2],
                p99_ms=[0.3],
                cpu_us_per_event={"10": [50.0, 50.0, 50.0]},
            ),
            figures("LiteLLM proxy", missing="not installed"),
        ],
    }
    lines = render(report).splitlines()
    assert "| llm-gateway | 100 | 9,000 | 50 / - | 0.30 / 0.70 | 60 | - | 0.60 |" in lines
    assert "Gateway / floor per request: 2.00 (at most 2.4)." in lines
    assert "Gateway / floor per event: 1.00 / - (at most 1.2)." in lines
    assert lines[-1] == "LiteLLM proxy: not installed"


def test_a_sample_counts_for_the_part_whose_code_it_is_in() -> None:
    """Not for those who called it, and not at all where nothing was done."""
    stacks = [
        "run (trio/_core/_run.py:3);Router._begin (actors/router.py:9) 3",
        "run (trio/_core/_run.py:3);SocketStream.send_nowait (gateway/edge/sockets.py:59) 4",
        "run (trio/_core/_run.py:3);unrolled_run (trio/_core/_run.py:9) 1",
        "ask (/srv/llm/gateway/serve.py:1);loads (json/__init__.py:299) 1",
        "ask (/srv/llm/gateway/serve.py:1) 1",
        "run (trio/_core/_run.py:3);EpollIOManager.get_events (trio/_core/_io_epoll.py:246) 90",
        "run (trio/_core/_run.py:3) 90",
        "WorkerThread._work (trio/_core/_thread_cache.py:160) 200",
    ]
    found = shares(stacks)
    assert list(found) == ["gateway/edge", "actors", "trio", "the rest", "gateway"]
    assert list(found.values()) == [0.4, 0.3, 0.1, 0.1, 0.1]
