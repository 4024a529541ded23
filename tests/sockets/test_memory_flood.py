"""A flood of large bodies and slow readers on a real process: what it holds stays within its budget."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from tests.figures import Figures
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Asked, Upstream

MEGABYTE = 1024 * 1024
THRESHOLD_MB = 1024
"""By default."""
SETTINGS = "[providers.openai]\ntokens_per_minute = 0"
BODIES = 24
BODY_BYTES = 30 * MEGABYTE
READERS = 50


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


def post_large(gateway: GatewayProcess, model: str, statuses: list[int]) -> None:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x" * BODY_BYTES}]}).encode()
    with closing(http.client.HTTPConnection(*gateway.address, timeout=60)) as connection:
        try:
            connection.request("POST", "/v1/chat/completions", body)
            statuses.append(connection.getresponse().status)
        except ConnectionError:  # refused before it was read, and the connection closed
            statuses.append(503)


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
    statuses: list[int] = []
    with running(tmp_path, settings=SETTINGS, environ=upstream.environ) as gateway:
        gateway.warm_up()
        rest = psutil.Process(gateway.pid).memory_info().rss // MEGABYTE
        with watched(gateway.pid) as seen:
            readers = [begin_reading(gateway, endless) for _ in range(READERS)]
            clients = [threading.Thread(target=post_large, args=(gateway, whole, statuses)) for _ in range(BODIES)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            for reader in readers:
                reader.close()
        assert max(seen) <= THRESHOLD_MB
        assert len(statuses) == BODIES
        assert set(statuses) <= {200, 503}
        assert 200 in statuses
        measured(
            19,
            f"{BODIES} bodies of 30 MB at once and {READERS} readers that stall",
            f"{max(seen)} MB at most, {rest} MB at rest; {statuses.count(200)} served",
            promised=f"{THRESHOLD_MB} MB",
        )
