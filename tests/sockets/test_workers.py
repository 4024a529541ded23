"""Several workers behind one port: one that dies is replaced, and nobody else notices."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from gateway.workers.private_folder import take_away_the_dead
from tests.figures import Figures
from tests.sockets.callers import question
from tests.sockets.exposition import total
from tests.sockets.load import under_load
from tests.sockets.processes import GatewayProcess, running

pytestmark = pytest.mark.real_time

WORKERS = "[server]\nworkers = 2\n"
PACED = "[providers.sandbox]\nkind = 'sandbox'\ntokens_per_s = 60\n"
"""Its streams take a tenth of a second, so that every disturbance meets some."""
OPERATOR = {"x-gateway-admin": "1", "x-gateway-operator": "ada"}
ALONE = {"REDIS_URL": ""}
"""Nobody has said where a store is."""
BACK_LIMIT_S = 20.0
"""Ten times what is promised from a worker's death to its successor's first answer."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("workers")
    (folder / "trio.py").write_text("raise SystemExit('a module that lies where the operator happens to be')")
    with running(folder, settings=WORKERS + PACED, environ=ALONE, troubled=True) as gateway:
        yield gateway


def worker_pids(gateway: GatewayProcess) -> dict[str, int]:
    """The workers' processes by name."""
    pids = {}
    for pid in children_of(gateway):
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        if b'LLM_GATEWAY_STATION={"number":' in environ:
            pids[environ.partition(b'STATION={"number":')[2].partition(b",")[0].decode()] = pid
    return pids


def children_of(gateway: GatewayProcess) -> list[int]:
    tasks = Path(f"/proc/{gateway.pid}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def private_folder(gateway: GatewayProcess) -> Path:
    environ = Path(f"/proc/{worker_pids(gateway)['0']}/environ").read_bytes()
    return Path(environ.partition(b'"folder":"')[2].partition(b'"')[0].decode())


def store_pid(gateway: GatewayProcess) -> int:
    (pid,) = (pid for pid in children_of(gateway) if b"valkey" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return pid


def shared(gateway: GatewayProcess) -> int:
    """How many workers say that they use the shared store."""
    said = gateway.text("/metrics")
    return sum(f'gateway_store_mode{{worker="{worker}"}} 1.0' in said for worker in "01")


def reload(gateway: GatewayProcess, settings: str) -> None:
    (gateway.folder / "gateway.toml").write_text(settings)
    gateway.send(signal.SIGHUP)


def asked(gateway: GatewayProcess, connection: socket.socket) -> str:
    """The name of the worker that answers on this connection."""
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = connection.recv(65536)
    return answer.partition(b'"worker":"')[2].partition(b'"')[0].decode()


def connections_to(gateway: GatewayProcess, *names: str) -> list[socket.socket]:
    """One kept connection to each of these workers: which one answers is the kernel's choice."""
    found: dict[str, socket.socket] = {}
    while not found.keys() >= set(names):
        connection = socket.create_connection(gateway.address, timeout=30)
        if found.setdefault(asked(gateway, connection), connection) is not connection:
            connection.close()
    return [found[name] for name in names]


def test_an_answer_names_the_worker_that_gave_it(gateway: GatewayProcess) -> None:
    """And so does the id that the answer carries, as well as its line in the log."""
    for _ in range(4):
        answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=question("sandbox/echo"))
        assert answer.status_code == 200
        own_id = answer.headers["x-request-id"]
        gateway.wait_for(lambda: [line for line in gateway.logged("request") if line["correlation_id"] == own_id], 5)  # noqa: B023
        (line,) = (line for line in gateway.logged("request") if line["correlation_id"] == own_id)
        assert line["worker"] == str(int(own_id[:4], 16))


def test_any_worker_tells_of_all(gateway: GatewayProcess) -> None:
    """Figures, actors, and a response that only one of them keeps; over sockets that are nobody else's."""
    made = httpx.post(f"{gateway.url}/v1/responses", json={"model": "sandbox/echo", "input": "Hi"}).json()
    for connection in connections_to(gateway, "0", "1"):
        connection.sendall(f"GET /v1/responses/{made['id']} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        page = b"".join(iter(lambda: connection.recv(65536), b"")).decode()  # noqa: B023
        connection.close()
        assert 'gateway_worker_up{worker="0"} 1.0\ngateway_worker_up{worker="1"} 1.0\n' in page
        assert 'llm_request_total{provider="sandbox",model="echo",endpoint="responses",status="200"} 1.0\n' in page
    page = gateway.get("/admin/actors")
    assert page["absent"] == []
    assert {actor["worker"] for actor in page["actors"]} == {"0", "1"}
    assert private_folder(gateway).stat().st_mode & 0o777 == 0o700


def test_a_killed_worker_is_back_soon_and_its_siblings_are_untouched(
    gateway: GatewayProcess, measured: Figures
) -> None:
    """Who connects meanwhile waits and is answered: its slot's socket stays open. Nobody is refused, no sum falls."""
    ours, theirs = connections_to(gateway, "0", "1")
    assert httpx.post(f"{gateway.url}/v1/chat/completions", json=question("sandbox/echo")).status_code == 200
    before, had_counted = worker_pids(gateway), total(gateway, "llm_request_total")
    os.kill(before["1"], signal.SIGKILL)
    died_at = time.monotonic()
    newcomers = [socket.create_connection(gateway.address, timeout=BACK_LIMIT_S) for _ in range(16)]
    assert asked(gateway, ours) == "0", "a kept connection to the sibling goes on"
    answered = {asked(gateway, newcomer) for newcomer in newcomers}
    took_s = time.monotonic() - died_at
    after = worker_pids(gateway)
    for connection in (ours, theirs, *newcomers):
        connection.close()
    assert answered == {"0", "1"}
    assert after["0"] == before["0"]
    assert after["1"] != before["1"]
    assert total(gateway, "llm_request_total") >= had_counted > 0, "what the dead one has counted stays counted"
    assert len(list(private_folder(gateway).glob("*.figures"))) <= 2, "and leaves no file of its own"
    assert took_s < BACK_LIMIT_S
    measured(18, "from a worker's death to its successor's first answer", f"{took_s:.2f} s", promised="2 s")
    assert [(line["worker"], line["because"]) for line in gateway.logged("worker died")] == [
        ("1", "WorkerDied: killed by SIGKILL")
    ]


def test_a_port_that_somebody_else_has_is_not_shared_with_them(gateway: GatewayProcess, tmp_path: Path) -> None:
    another = GatewayProcess.spawn(tmp_path, settings=WORKERS, environ={"LLM_GATEWAY_PORT": str(gateway.address[1])})
    try:
        assert another.wait() == 1
    finally:
        another.end()
    assert another.stderr == f"llm-gateway cannot listen on 127.0.0.1:{gateway.address[1]}: Address already in use\n"


def test_workers_share_a_store_of_their_own_and_do_without_it_while_it_is_gone(gateway: GatewayProcess) -> None:
    """A real Valkey, on a socket in the private directory; killed, it comes back, and nobody is refused for it."""
    gateway.wait_for(lambda: shared(gateway) == 2, 10)
    os.kill(store_pid(gateway), signal.SIGKILL)
    for _ in range(8):
        answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=question("sandbox/echo"))
        assert answer.status_code == 200
    gateway.wait_for(lambda: len(gateway.logged("store started")) == 2, 10)
    gateway.wait_for(lambda: shared(gateway) == 2, 10)


def test_a_worker_killed_under_load_takes_only_its_own_requests_along(
    gateway: GatewayProcess, measured: Figures, soak: float
) -> None:
    """At most the four that it can have been serving; from the moment of its death on nobody fails."""
    with under_load(gateway) as tally:
        time.sleep(0.3 * min(soak, 20))
        os.kill(worker_pids(gateway)["0"], signal.SIGKILL)
        gateway.wait_for(lambda: len(gateway.logged("worker died")) == 2, 5)
        died_by = time.monotonic()
        restarts = len(gateway.logged("worker started"))
        gateway.wait_for(lambda: len(gateway.logged("worker started")) > restarts, BACK_LIMIT_S)
        at = tally.answered
        gateway.wait_for(lambda: tally.answered > at + 8, 10)
    lost = tally.failures + tally.unheard
    assert len(lost) <= 4, lost
    assert tally.failed_of_those_sent_after(died_by) == []
    measured(
        18,
        "a worker of two killed with -9 under load",
        f"{len(lost)} of {tally.answered + len(lost)} requests lost, none of them sent after its death",
        promised="none but those that it had: 4 at most",
    )


def test_new_settings_reach_every_worker_without_a_new_process(gateway: GatewayProcess) -> None:
    before = worker_pids(gateway)
    reload(gateway, WORKERS + PACED + '[models.nick]\ntarget = "sandbox/echo"\n')
    gateway.wait_for(lambda: len(gateway.logged_by_workers("configuration reloaded")) == 2, 10)
    connections = connections_to(gateway, "0", "1")
    for connection in connections:
        connection.sendall(b"GET /v1/models/nick HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.close()
    assert worker_pids(gateway) == before


def test_wrong_settings_change_nothing_and_are_told_whole(gateway: GatewayProcess) -> None:
    before = worker_pids(gateway)
    reload(gateway, "[server]\nworkers = 0\nport = 'x'\n")
    gateway.wait_for(lambda: gateway.logged("configuration refused"), 10)
    (line,) = gateway.logged("configuration refused")
    assert ["server.workers" in line["mistakes"][1], "server.port" in line["mistakes"][0]] == [True, True]
    assert worker_pids(gateway) == before


def test_an_operator_has_the_settings_read_again_by_all_workers(gateway: GatewayProcess) -> None:
    """Whichever worker is asked asks the parent, who has the file."""
    before, seen = worker_pids(gateway), len(gateway.logged_by_workers("configuration reloaded"))
    (gateway.folder / "gateway.toml").write_text("[retry]\nattempts = 0\n")
    refused = httpx.post(f"{gateway.url}/admin/reload", headers=OPERATOR)
    assert (refused.status_code, "retry.attempts" in refused.json()["error"]["message"]) == (409, True)

    (gateway.folder / "gateway.toml").write_text(WORKERS + PACED + '[models.nack]\ntarget = "sandbox/echo"\n')
    done = httpx.post(f"{gateway.url}/admin/reload", headers=OPERATOR)
    assert (done.status_code, done.json()["rolled_for"], done.json()["by"]) == (200, [], "ada@127.0.0.1")
    gateway.wait_for(lambda: len(gateway.logged_by_workers("configuration reloaded")) == seen + 2, 10)
    assert worker_pids(gateway) == before


def test_workers_are_rolled_under_load_and_nobody_notices(gateway: GatewayProcess, measured: Figures) -> None:
    """A setting of [server] takes new processes: each serves before the one that it follows drains."""
    before = worker_pids(gateway)
    with under_load(gateway) as tally:
        time.sleep(0.2)
        began_at = time.monotonic()
        reload(gateway, WORKERS + "max_connections = 1000\n" + PACED)
        gateway.wait_for(lambda: gateway.logged("workers replaced"), 30)
        took_s = time.monotonic() - began_at
        gateway.wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before.values()), 10)
    assert tally.failures == []
    assert len(tally.unheard) <= 4, "each of two workers has closed each of two kept connections once at most"
    assert tally.whole > 0
    assert tally.streamed > 0
    assert not set(worker_pids(gateway).values()) & set(before.values())
    measured(
        18,
        "two workers rolled under load",
        f"{tally.answered} requests in {took_s:.1f} s, none failed",
        promised="no failure",
    )


def test_told_to_stop_under_load_all_workers_finish_what_they_have(
    gateway: GatewayProcess, measured: Figures, soak: float
) -> None:
    """The last of these stories: it ends the gateway, which has just begun to go over to new settings."""
    with under_load(gateway) as tally:
        time.sleep(0.3 * min(soak, 20))
        reload(gateway, WORKERS + "max_connections = 1001\n" + PACED)
        gateway.wait_for(lambda: "1001" in (private_folder(gateway) / "gateway.toml").read_text(), 5)
        told_at = time.monotonic()
        gateway.send(signal.SIGTERM)
        assert gateway.wait() == 0
        took_s = time.monotonic() - told_at
    assert tally.failed_of_those_sent_before(told_at) == []
    assert tally.whole > 0
    assert tally.streamed > 0
    assert gateway.stderr == ""
    assert "ValueError" not in gateway.log, "nobody is started on a closed socket"
    measured(
        18,
        "SIGTERM under load with streams, two workers",
        f"of {tally.answered} requests none failed that was sent before it; exit code 0 after {took_s:.1f} s",
        promised="no failure; exit code 0 within the grace of 25 s",
    )


FAILING = """
import json, os, pathlib, time
if station := os.environ.get("LLM_GATEWAY_STATION"):
    station = json.loads(station)
    settings = pathlib.Path(station["folder"], "gateway.toml").read_text()
    if "max_connections = 7" in settings or ("max_connections = 6" in settings and station["number"]):
        os._exit(3)
    if "max_connections = 8" in settings and not station["number"]:
        time.sleep(5.5)  # the operator is answered after 5
"""
"""Has workers end before they are ready, or be late, where the settings say so: no check can know it beforehand."""


def test_settings_with_which_no_worker_gets_ready_are_told_and_the_former_ones_stay(tmp_path: Path) -> None:
    """Also for workers that die later: those would take the whole gateway down with them."""
    (tmp_path / "sitecustomize.py").write_text(FAILING)
    with running(tmp_path, settings=WORKERS, environ={"PYTHONPATH": str(tmp_path)}, troubled=True) as gateway:
        before = worker_pids(gateway)
        for _ in range(2):
            (tmp_path / "gateway.toml").write_text(WORKERS + "max_connections = 7\n")
            refused = httpx.post(f"{gateway.url}/admin/reload", headers=OPERATOR, timeout=20)
            assert refused.status_code == 409
            assert "exit code 3" in refused.json()["error"]["message"]
        assert worker_pids(gateway) == before
        assert len(gateway.logged("former settings stay in force")) == 2

        os.kill(before["1"], signal.SIGKILL)
        gateway.wait_for(lambda: len(gateway.logged("worker started")) == 3, BACK_LIMIT_S)
        assert worker_pids(gateway)["0"] == before["0"]
        assert len(gateway.logged("worker died")) == 1 + len(gateway.logged("workers not replaced"))

        (tmp_path / "gateway.toml").write_text(WORKERS + "max_connections = 9\n")
        done = httpx.post(f"{gateway.url}/admin/reload", headers=OPERATOR, timeout=20)
        assert (done.status_code, done.json()["rolled_for"]) == (200, ["server"])
        gateway.wait_for(lambda: gateway.logged("workers replaced"), BACK_LIMIT_S)

        # The first gets ready with these, the second does not: nobody keeps them.
        before = worker_pids(gateway)
        (tmp_path / "gateway.toml").write_text(WORKERS + "max_connections = 6\n")
        httpx.post(f"{gateway.url}/admin/reload", headers=OPERATOR, timeout=20)
        gateway.wait_for(lambda: gateway.logged("former settings are back in force"), BACK_LIMIT_S)
        assert worker_pids(gateway)["1"] == before["1"]
        said = {gateway.get("/admin/config")["server"]["max_connections"] for _ in range(16)}  # by whichever it is
        assert said == {9}


def test_an_operator_is_not_kept_waiting_for_workers_that_take_long(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAILING)
    with running(tmp_path, settings=WORKERS, environ={"PYTHONPATH": str(tmp_path)}, troubled=True) as gateway:
        (tmp_path / "gateway.toml").write_text(WORKERS + "max_connections = 8\n")
        done = httpx.post(f"{gateway.url}/admin/reload", headers=OPERATOR, timeout=20)
        assert (done.status_code, done.json()["rolled_for"]) == (200, ["server"])
        assert not gateway.logged("workers replaced")
        gateway.wait_for(lambda: gateway.logged("workers replaced"), 30)


def test_told_twice_workers_end_at_once(tmp_path: Path) -> None:
    """Whoever is being answered is cut, and the exit code is still that of an ordered end."""
    stalled = "[providers.sandbox]\nkind = 'sandbox'\nfail = 'stall'\n"
    with running(tmp_path, settings=WORKERS + stalled, troubled=True) as gateway:
        with under_load(gateway) as tally:
            time.sleep(0.3)
            gateway.send(signal.SIGTERM)
            gateway.wait_for(lambda: len(gateway.logged_by_workers("gateway draining")) == 2, 5)
            gateway.send(signal.SIGTERM)
            assert gateway.wait(5) == 0
        assert tally.failures
        assert "Traceback" not in gateway.stderr


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """And what it listened on becomes free; its directory goes with the next start, once nobody is left there."""
    place = tmp_path / "temporary"
    place.mkdir()
    with running(tmp_path, settings=WORKERS, environ={**ALONE, "TMPDIR": str(place)}, troubled=True) as gateway:
        (left,) = place.iterdir()
        pids = children_of(gateway)
        assert store_pid(gateway) in pids
        gateway.send(signal.SIGKILL)
        assert gateway.wait() == -signal.SIGKILL
        gateway.wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 5)
        with pytest.raises(ConnectionRefusedError), closing(socket.create_connection(gateway.address)):
            pass
    take_away_the_dead(place)
    assert not left.exists()
