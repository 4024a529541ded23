"""Floods of large bodies and slow readers on a real process: what it holds stays within its budget, and comes back."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from actors.memory_monitor import SAMPLE_EVERY_S
from tests.figures import Figures
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Asked, Upstream

pytestmark = pytest.mark.real_time

MEGABYTE = 1024 * 1024
THRESHOLD_MB = 1024
"""By default."""
SETTINGS = "[providers.openai]\ntokens_per_minute = 0"
BODIES = 24
BODY_BYTES = 30 * MEGABYTE
READERS = 50
SMALL_THRESHOLD_MB = 200
BACK_WITHIN_S = 20.0
"""A flood's remains go within 5 s; other processes may have the machine meanwhile."""
BACK_MB = 40
"""So much more than before is no remains, but what has been imported and is kept for the next calls."""


def answers_whole(asked: Asked) -> None:
    message = {"index": 0, "message": {"role": "assistant", "content": "Read."}, "finish_reason": "stop"}
    asked.answer(200, json.dumps({"id": "1", "object": "chat.completion", "choices": [message]}).encode())


def streams_for_ever(asked: Asked) -> None:
    """64 KiB a piece, as fast as it goes."""
    choice = {"index": 0, "delta": {"content": "x" * 65_536}, "finish_reason": None}
    event = json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [choice]}).encode()
    asked.begin_stream()
    while True:
        asked.stream(b"data: %b\n\n" % event)


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """What the process holds, in MB, every 10 ms."""
    process, seen, over = psutil.Process(pid), [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            seen.append(process.memory_info().rss // MEGABYTE)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def resident_mb(gateway: GatewayProcess) -> int:
    return int(psutil.Process(gateway.pid).memory_info().rss) // MEGABYTE


Outcome = tuple[int, str | None]
"""Status and Retry-After."""
SERVED: Outcome = (200, None)
REFUSED: Outcome = (503, "1")


def post_large(gateway: GatewayProcess, model: str, outcomes: list[Outcome], size_bytes: int = BODY_BYTES) -> None:
    """Sends all of its body before it looks for the answer, as most clients do; a reset would be an exception."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x" * size_bytes}]}).encode()
    with closing(http.client.HTTPConnection(*gateway.address, timeout=60)) as connection:
        connection.request("POST", "/v1/chat/completions", body)
        answer = connection.getresponse()
        answer.read()
        outcomes.append((answer.status, answer.getheader("retry-after")))


def post_now(gateway: GatewayProcess, model: str, size_bytes: int) -> Outcome:
    outcomes: list[Outcome] = []
    post_large(gateway, model, outcomes, size_bytes)
    return outcomes[0]


def begin_reading(gateway: GatewayProcess, model: str) -> socket.socket:
    """Asks for a stream and reads nothing of it."""
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "go"}]}).encode()
    connection = socket.create_connection(gateway.address)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
    connection.sendall(head + body)
    return connection


def test_a_flood_stays_within_the_budget(upstream: Upstream, tmp_path: Path, measured: Figures) -> None:
    """720 MB of bodies at once and fifty who do not read: never above the threshold."""
    whole, endless = upstream.plays(answers_whole), upstream.plays(streams_for_ever)
    outcomes: list[Outcome] = []
    with running(tmp_path, settings=SETTINGS, environ=upstream.environ) as gateway:
        gateway.warm_up()
        rest = resident_mb(gateway)
        with watched(gateway.pid) as seen:
            readers = [begin_reading(gateway, endless) for _ in range(READERS)]
            clients = [threading.Thread(target=post_large, args=(gateway, whole, outcomes)) for _ in range(BODIES)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            for reader in readers:
                reader.close()
        assert max(seen) <= THRESHOLD_MB
        assert len(outcomes) == BODIES
        assert set(outcomes) == {SERVED, REFUSED}
        gateway.wait_for(lambda: resident_mb(gateway) <= rest + BACK_MB, BACK_WITHIN_S)
        measured(
            19,
            f"{BODIES} bodies of 30 MB at once and {READERS} readers that stall",
            f"{max(seen)} MB at most, {rest} MB before, {resident_mb(gateway)} MB after; "
            f"{outcomes.count(SERVED)} served, the others told 503",
            promised=f"{THRESHOLD_MB} MB",
        )


def ask(gateway: GatewayProcess, model: str, priority: str) -> Outcome:
    """Of a small question."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]})
    with closing(http.client.HTTPConnection(*gateway.address, timeout=60)) as connection:
        connection.request("POST", "/v1/chat/completions", body, {"X-Gateway-Priority": priority})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("retry-after")


def test_a_process_that_fills_up_does_less_then_refuses_then_recovers(upstream: Upstream, tmp_path: Path) -> None:
    """8 MB at a time, then 2, held by a provider that thinks, beside readers that stall: low priority is refused from
    80 % of a real threshold, and what would go beyond it; everybody from 95 %. Once the provider answers, all is as
    before, what the process holds too.
    """
    thought = threading.Event()

    def thinks(asked: Asked) -> None:
        thought.wait(60)
        answers_whole(asked)

    slow, quick, endless = upstream.plays(thinks), upstream.plays(answers_whole), upstream.plays(streams_for_ever)
    outcomes: list[Outcome] = []
    clients: list[threading.Thread] = []
    environ = {**upstream.environ, "LLM_GATEWAY_MEMORY_THRESHOLD_MB": str(SMALL_THRESHOLD_MB)}

    with running(tmp_path, settings=SETTINGS, environ=environ) as gateway:

        def pressure() -> str:
            return str(gateway.actors()["memory"]["detail"]["pressure"])

        def levels() -> list[str]:
            return [line["pressure"] for line in gateway.logged("memory pressure")]

        def fill_until(level: str, size_bytes: int) -> None:
            while pressure() != level:
                assert len(clients) < 40, f"{resident_mb(gateway)} MB and still no {level}"
                clients.append(threading.Thread(target=post_large, args=(gateway, slow, outcomes, size_bytes)))
                clients[-1].start()
                gateway.wait_for(lambda: len(upstream.asked(slow)) + len(outcomes) == len(clients), 10)
                time.sleep(1.5 * SAMPLE_EVERY_S)

        gateway.warm_up()
        assert ask(gateway, quick, "low") == SERVED
        rest = resident_mb(gateway)
        readers = [begin_reading(gateway, endless) for _ in range(READERS // 5)]
        try:
            fill_until("degrade", 8 * MEGABYTE)
            assert ask(gateway, quick, "low") == REFUSED
            assert ask(gateway, quick, "normal") == SERVED
            assert post_now(gateway, quick, BODY_BYTES) == REFUSED  # it would take three times that
            fill_until("refuse", 2 * MEGABYTE)
            assert ask(gateway, quick, "high") == REFUSED
            assert resident_mb(gateway) <= SMALL_THRESHOLD_MB
        finally:
            thought.set()
            for client in clients:
                client.join()
            for reader in readers:
                reader.close()
        assert set(outcomes) <= {SERVED, REFUSED}
        assert outcomes.count(SERVED) == len(upstream.asked(slow))
        gateway.wait_for(lambda: pressure() == "none" and levels()[-1] == "none", BACK_WITHIN_S)
        assert ask(gateway, quick, "low") == SERVED
        gateway.wait_for(lambda: resident_mb(gateway) <= rest + BACK_MB, BACK_WITHIN_S)
        assert levels()[0] == "degrade"
        assert "refuse" in levels()
