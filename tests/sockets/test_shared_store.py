"""A real Valkey under real gateways: stopped, killed, full and read-only under load; one limit and one work for two."""

from __future__ import annotations

import http.client
import json
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.leases import LOOK_EVERY_S
from tests.figures import Figures
from tests.sockets.callers import in_words
from tests.sockets.load import under_load
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.pulse import Patience
from tests.store.valkeys import Valkey, valkey

pytestmark = pytest.mark.real_time

FIRST_LIMIT_S = 1.0
"""Ten times what is promised of the first request that meets a store which is away."""
ADDED_LIMIT_S = 0.01
"""Ten times what a store that is known to be away may add to a request, by medians of a hundred with it and without."""
KNOWN_LIMIT_S = 0.1
"""For the slowest of them: the machine is shared."""
SLOW = "[providers.sandbox]\nlatency_ms = 60000\n"
LIMITED = """
[auth]
mode = "keys"
[[auth.keys]]
label = "team"
env = "TEAM_KEY"
requests_per_minute = 60
[[auth.keys]]
label = "crowd"
env = "CROWD_KEY"
requests_per_minute = 60
[providers.quick]
kind = "sandbox"
"""
LIMIT, LARGEST_LEASE = 60, 30
"""A lease is half of what the limit has left."""
PAID_BACK_S = 12.0
SHARED_LIMIT = "[providers.sandbox]\nkind = 'sandbox'\nrequests_per_minute = 1000000\n"
RESPONSE = {"model": "sandbox/echo", "input": "Hello."}
FIRST: dict[str, tuple[str, str, Any, int]] = {
    "full": ("POST", "/v1/responses", RESPONSE, 200),
    "read-only": ("DELETE", "", None, 503),
}
"""Who meets the fault: a server that is full or read-only still lets others read."""
QUESTION = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "Hello."}]}


class Asker:
    """One client on one connection, which keeps time: without what the machine kept it or the gateway from working."""

    def __init__(self, gateway: GatewayProcess, key: str = "") -> None:
        self._connection = http.client.HTTPConnection(*gateway.address, timeout=20.0)
        self._pid = gateway.pid
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self.took_s = 0.0

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        patience = Patience(self._pid)
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        reply = self._connection.getresponse()
        document = json.loads(reply.read())
        self.took_s = patience.spent_s()
        return reply.status, document

    def chat(self, model: str = "sandbox/echo") -> int:
        return self.ask("POST", "/v1/chat/completions", {**QUESTION, "model": model})[0]

    def chats(self, count: int = 100) -> list[float]:
        """How long so many took, all of them answered, the quickest first."""
        times_s = []
        for _ in range(count):
            assert self.chat() == 200
            times_s.append(self.took_s)
        return sorted(times_s)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    with valkey(tmp_path) as one:
        yield one


def mode_of(asker: Asker) -> str:
    """As /admin/actors has it."""
    _, page = asker.ask("GET", "/admin/actors")
    return next(str(actor["detail"]["mode"]) for actor in page["actors"] if actor["name"] == "store")


def test_whatever_becomes_of_the_store_only_stored_responses_notice(
    tmp_path: Path, server: Valkey, measured: Figures
) -> None:
    def full(client: Any) -> None:
        client.config_set("maxmemory", "1mb")

    def read_only(client: Any) -> None:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")

    def well_again(client: Any) -> None:
        client.config_set("maxmemory", "0")
        client.execute_command("REPLICAOF", "NO", "ONE")

    def tell(order: Callable[[Any], None]) -> Callable[[], None]:
        def do() -> None:
            with server.client() as client:
                order(client)

        return do

    faults: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        "stopped": (lambda: server.send(signal.SIGSTOP), lambda: server.send(signal.SIGCONT)),
        "killed": (server.kill, server.start),
        "full": (tell(full), tell(well_again)),
        "read-only": (tell(read_only), tell(well_again)),
    }
    environ = {"REDIS_URL": server.url, "TEAM_KEY": "sk-team", "CROWD_KEY": "sk-crowd"}
    limited = LIMITED.replace("60", "60000")
    with running(tmp_path, environ=environ, settings=limited) as gateway, Asker(gateway, "sk-team") as asker:
        gateway.warm_up()
        for fault, (begin, end) in faults.items():
            status, made = asker.ask("POST", "/v1/responses", RESPONSE)
            assert status == 200
            path = f"/v1/responses/{made['id']}"
            before_s = asker.chats()
            begin()
            method, first_path, body, expected = FIRST.get(fault, ("GET", path, None, 503))
            status, _ = asker.ask(method, first_path or path, body)
            first_s = asker.took_s
            assert status == expected, fault
            assert first_s <= FIRST_LIMIT_S, fault
            without_s = asker.chats()
            added_s = statistics.median(without_s) - statistics.median(before_s)
            status, _ = asker.ask("GET", path)
            known_s = asker.took_s
            assert status == 503, fault
            assert added_s <= ADDED_LIMIT_S, fault
            assert max(without_s[-1], known_s) <= KNOWN_LIMIT_S, fault
            assert asker.ask("POST", "/v1/responses", RESPONSE)[0] == 200, "made all the same, only not kept"
            measured(
                16,
                f"the store is {fault}",
                f"first request that meets it {first_s * 1000:.1f} ms; then {added_s * 1000:+.2f} ms: "
                f"{in_words(before_s)} with the store, {in_words(without_s)} without; "
                f"a stored response refused in {known_s * 1000:.1f} ms",
                promised="100 ms, then 1 ms on top",
            )
            end()
            gateway.wait_for(lambda: mode_of(asker) == "connected", 10.0)
        expected_moves = ["connected", *["degraded", "connected"] * len(faults)]
        gateway.wait_for(lambda: len(gateway.logged("store moved")) >= len(expected_moves), 5.0)
        moves = [line["after"] for line in gateway.logged("store moved")]
        assert moves == expected_moves, "one line a change"


def test_a_store_that_stops_and_dies_under_load_costs_no_request(
    tmp_path: Path, server: Valkey, measured: Figures, soak: float
) -> None:
    """Whole answers and streams by four clients at once, within a limit that is shared; stopped, killed, and again."""
    with (
        running(tmp_path, environ={"REDIS_URL": server.url}, settings=SHARED_LIMIT) as gateway,
        Asker(gateway) as asker,
        under_load(gateway) as tally,
    ):
        for _ in range(max(1, round(soak))):
            for begin, end in (
                (lambda: server.send(signal.SIGSTOP), lambda: server.send(signal.SIGCONT)),
                (server.kill, server.start),
            ):
                answered = tally.answered
                begin()
                gateway.wait_for(lambda: mode_of(asker) == "degraded", 10.0)
                gateway.wait_for(lambda: tally.answered > answered + 50, 10.0)  # noqa: B023
                end()
                gateway.wait_for(lambda: mode_of(asker) == "connected", 10.0)
    assert tally.failures + tally.unheard == []
    said = f"{tally.answered} requests, none failed"
    measured(16, "the store stopped and killed under load", said, promised="no failure")


def test_down_at_the_start_it_delays_nobody_and_is_found_later(tmp_path: Path, server: Valkey) -> None:
    server.kill()
    with running(tmp_path, environ={"REDIS_URL": server.url}) as gateway, Asker(gateway) as asker:
        assert asker.chat() == 200
        assert asker.ask("GET", "/v1/responses/resp_1")[0] == 503
        server.start()
        gateway.wait_for(lambda: mode_of(asker) == "connected", 10.0)
        assert asker.ask("GET", "/v1/responses/resp_1")[0] == 404


def drawn_at_once(*gateways: GatewayProcess) -> tuple[float, float]:
    """What three clients of each get of one key's limit, all of them together, but for what has come back meanwhile.

    At once, where each gateway may draw a lease ahead, and once what that was too much has been paid back.
    """
    granted: list[int] = []

    def draw(gateway: GatewayProcess) -> None:
        with Asker(gateway, "sk-crowd") as asker:
            granted.extend(asker.chat("quick/echo") for _ in range(40))

    began = time.monotonic()
    clients = [threading.Thread(target=draw, args=(gateway,)) for gateway in gateways * 3]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(granted) == 40 * len(clients)
    assert set(granted) == {200, 429}
    at_once = granted.count(200) - (time.monotonic() - began)
    with Asker(gateways[0], "sk-crowd") as one, Asker(gateways[1], "sk-crowd") as other:
        ends_at = time.monotonic() + PAID_BACK_S
        while (passed := granted.count(200) - (time.monotonic() - began)) > LIMIT and time.monotonic() < ends_at:
            granted += [one.chat("quick/echo"), other.chat("quick/echo")]
            time.sleep(0.1)
    return at_once, passed


def test_two_gateways_keep_one_limit_and_one_breaks_off_the_others_work(tmp_path: Path, server: Valkey) -> None:
    environ = {"REDIS_URL": server.url, "TEAM_KEY": "sk-team", "CROWD_KEY": "sk-crowd"}
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with (
        running(folders[0], environ=environ, settings=LIMITED + SLOW) as one,
        running(folders[1], environ=environ, settings=LIMITED + SLOW.replace("60000", "0")) as other,
        Asker(one, "sk-team") as here,
        Asker(other, "sk-team") as there,
    ):
        at_once, passed = drawn_at_once(one, other)
        assert 50 <= at_once <= LIMIT + 2 * LARGEST_LEASE
        assert passed <= LIMIT + 2, "and a lease of each, which is one where nothing is left"
        work = [here.ask("POST", "/v1/responses", {**RESPONSE, "background": True})[1] for _ in range(2)]
        path, doomed = (f"/v1/responses/{response['id']}" for response in work)
        assert there.ask("GET", path)[1]["status"] == "in_progress"
        assert there.ask("POST", f"{path}/cancel")[1]["status"] == "cancelled"
        assert here.ask("GET", path)[1]["status"] == "cancelled"

        time.sleep(
            2 * LOOK_EVERY_S
        )  # until what it does not draw has gone back: killed before, it would take that along
        one.send(signal.SIGKILL)
        began = time.monotonic()
        granted = sum(there.chat() == 200 for _ in range(100))
        assert 50 <= granted <= 60 + 2 + (time.monotonic() - began), "two were taken by the other"
        other.wait_for(lambda: there.ask("GET", doomed)[1]["status"] == "failed", 15.0)
