"""The gateway's process: it starts soon, ends when told, lets nobody down over it, and says what it cannot do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from bench.processes import free_port
from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import question
from tests.sockets.processes import COMMAND, END_LIMIT_S, START_LIMIT_S, GatewayProcess, running
from tests.sockets.scripts import DONE, ROLE, STOP, WORDS, event
from tests.sockets.upstream import Asked, Script, Upstream

pytestmark = pytest.mark.real_time

STATED_GRACE_S = 0.5


def test_new_settings_are_taken_over_by_a_running_process(tmp_path: Path) -> None:
    """SIGHUP reads the file again; wrong ones are told and the old ones hold."""
    with running(tmp_path, troubled=True) as gateway:
        settings = tmp_path / "gateway.toml"
        assert gateway.get("/v1/models/nick")["error"]["code"] == "model_not_found"
        settings.write_text('[models.nick]\ntarget = "sandbox/echo"\n[server]\nkeep_alive_s = 5\n')
        gateway.send(signal.SIGHUP)
        gateway.wait_for(lambda: gateway.logged("configuration reloaded"), 5)
        assert gateway.logged("configuration reloaded")[0]["waiting_for_restart"] == ["server"]
        assert gateway.get("/v1/models/nick")["id"] == "nick"
        settings.write_text("[models]\nnick = 7\n")
        gateway.send(signal.SIGHUP)
        gateway.wait_for(lambda: gateway.logged("configuration refused"), 5)
        assert gateway.get("/v1/models/nick")["id"] == "nick"

        operator = {"x-gateway-admin": "1"}
        refused = httpx.post(f"{gateway.url}/admin/reload", headers=operator)
        assert (refused.status_code, "models.nick" in refused.json()["error"]["message"]) == (409, True)
        settings.write_text('[models.nack]\ntarget = "sandbox/echo"\n')
        done = httpx.post(f"{gateway.url}/admin/reload", headers=operator)
        assert (done.status_code, done.json()["waiting_for_restart"]) == (200, [])
        assert gateway.get("/v1/models/nack")["id"] == "nack"


def test_without_standard_streams_it_serves_all_the_same(tmp_path: Path) -> None:
    """Nothing else gets their numbers: no log is written into a socket, no client's words are read from one."""
    environ = {"PATH": os.environ["PATH"], "LLM_GATEWAY_PORT": str(free_port()), "REDIS_URL": "memory://"}
    process = subprocess.Popen(COMMAND, cwd=tmp_path, env=environ, preexec_fn=lambda: os.closerange(0, 3))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{environ['LLM_GATEWAY_PORT']}", timeout=10) as client:
            ends_at = time.monotonic() + START_LIMIT_S
            while time.monotonic() < ends_at:
                with suppress(httpx.ConnectError):
                    client.get("/health")
                    break
                time.sleep(0.01)
            assert client.post("/v1/chat/completions", json=question("sandbox/echo")).status_code == 200
            assert client.post("/v1/chat/completions", content=b"{").status_code == 400
        assert {os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)} == {os.devnull}
        process.terminate()
        assert process.wait(END_LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()


@contextmanager
def streaming(gateway: GatewayProcess, model: str) -> Iterator[Iterator[str]]:
    """The lines of a streamed answer, of which the first word has been read."""
    with httpx.stream(
        "POST", f"{gateway.url}/v1/chat/completions", json=question(model, stream=True), timeout=10
    ) as answer:
        lines = answer.iter_lines()
        while WORDS[0] not in next(lines):
            pass
        yield lines


def goes_on_when(told: threading.Event) -> Script:
    """One word, and the rest when it is told."""

    def script(asked: Asked) -> None:
        if not asked.json["stream"]:
            assert told.wait(10)
            scripts.answers(asked)
            return
        asked.begin_stream()
        asked.stream(ROLE + event({"content": WORDS[0]}))
        assert told.wait(10)
        asked.stream(event({"content": WORDS[1]}) + STOP + DONE)
        asked.end_stream()

    return script


def heeds(gateway: GatewayProcess, number: signal.Signals) -> bool:
    """Whether it has said to the system what a signal shall do; what its interpreter does before is nobody's choice."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{gateway.pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (number - 1) & 1)


def wait_for_drain(gateway: GatewayProcess) -> None:
    gateway.wait_for(lambda: gateway.logged("gateway draining"), 5)


def test_the_first_answer_comes_soon_after_the_start(tmp_path: Path, measured: Figures) -> None:
    """Without any setting; the figure is what is promised, ten times that is what is asserted."""
    with running(tmp_path) as gateway:
        answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=question("sandbox/echo"))
        took_s = time.monotonic() - gateway.began_at
    assert answer.status_code == 200
    assert took_s < START_LIMIT_S
    measured(20, "from the start to the first answer", f"{took_s:.2f} s", promised="1 s")


HELD_UP = """
import importlib.abc, pathlib, sys, time
class HoldUp(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        ends_at = time.monotonic() + 10
        while name == "quart_trio" and not pathlib.Path("go").exists() and time.monotonic() < ends_at:
            time.sleep(0.01)
sys.meta_path.insert(0, HoldUp())
"""
"""Has whoever imports Quart wait for a file."""


def test_who_needs_what_is_still_imported_waits_for_it_and_others_do_not(tmp_path: Path) -> None:
    """Quart comes after the start: hot routes and load balancers are answered without it."""
    (tmp_path / "sitecustomize.py").write_text(HELD_UP)
    with running(tmp_path, environ={"PYTHONPATH": str(tmp_path)}) as gateway:
        assert httpx.post(f"{gateway.url}/v1/chat/completions", json=question("sandbox/echo")).status_code == 200
        assert gateway.get("/health/ready")["status"] == "ready"
        with closing(socket.create_connection(gateway.address, timeout=10)) as early:
            early.sendall(b"GET /v1/providers HTTP/1.1\r\nHost: localhost\r\n\r\n")
            early.settimeout(0.2)
            with pytest.raises(TimeoutError):
                early.recv(1)
            (tmp_path / "go").touch()
            early.settimeout(10)
            assert early.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert httpx.post(f"{gateway.url}/v1/chat/completions", json=question("sandbox/echo")).status_code == 200


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.2, 0.35, 0.5, "said that it is ready"])
def test_told_to_stop_while_it_starts_it_ends_in_order(tmp_path: Path, after_s: float | str) -> None:
    """Also while it still imports what it needs; that new settings are there is no reason to end."""
    gateway = GatewayProcess.spawn(tmp_path)
    try:
        gateway.wait_for(lambda: heeds(gateway, signal.SIGTERM), START_LIMIT_S)
        if isinstance(after_s, str):
            gateway.wait_until_ready()
        else:
            time.sleep(after_s)
        gateway.send(signal.SIGHUP)
        gateway.send(signal.SIGTERM)
        assert gateway.wait() == 0
    finally:
        gateway.end()
    assert (gateway.stderr, gateway.troubles()) == ("", [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_is_finished_before_the_end(
    upstream: Upstream, tmp_path: Path, number: signal.Signals
) -> None:
    """A stream, a whole answer, and an idle connection that nobody has to wait for; newcomers are refused, and new
    settings change nothing about it.
    """
    told = threading.Event()
    model = upstream.plays(goes_on_when(told))
    with running(tmp_path, environ=upstream.environ) as gateway, httpx.Client(timeout=10) as idle:
        assert idle.get(f"{gateway.url}/health").status_code == 200
        answers: list[httpx.Response] = []
        ask = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{gateway.url}/v1/chat/completions", json=question(model), timeout=10)
            )
        )
        with streaming(gateway, model) as lines:
            ask.start()
            upstream.wait_for(model, 2)
            gateway.send(number)
            wait_for_drain(gateway)
            gateway.send(signal.SIGHUP)
            with pytest.raises(ConnectionRefusedError), closing(socket.create_connection(gateway.address)):
                pass
            told.set()
            rest = list(lines)
        ask.join(10)
        assert gateway.wait() == 0
    assert WORDS[1] in rest[1]
    assert rest[-2] == "data: [DONE]"
    assert answers[0].headers["connection"] == "close"
    assert answers[0].json()["choices"][0]["message"]["content"] == "".join(WORDS)
    assert [line["signal"] for line in gateway.logged("gateway draining")] == [number.name]
    assert gateway.lines()[-1]["event"] == "gateway stopped"
    assert [line["outcome"] for line in gateway.logged("request")] == ["ok", "ok"]


@pytest.mark.parametrize("patience", ["a second signal", "the end of the grace"])
def test_whoever_is_not_done_in_time_is_cut(upstream: Upstream, tmp_path: Path, patience: str) -> None:
    """The client never sees a clean end, the provider is let go, and the process ends in order."""
    model = upstream.plays(scripts.pauses)
    again = patience == "a second signal"
    settings = f"[server]\ndrain_grace_s = {25.0 if again else STATED_GRACE_S}"
    with running(tmp_path, settings=settings, environ=upstream.environ) as gateway:
        with streaming(gateway, model) as lines:
            gateway.send(signal.SIGTERM)
            wait_for_drain(gateway)
            told_at = time.monotonic()
            if again:
                gateway.send(signal.SIGTERM)
            with pytest.raises(httpx.TransportError):
                list(lines)
        assert gateway.wait() == 0
        assert time.monotonic() - told_at < STATED_GRACE_S + 2
    assert upstream.asked(model)[0].left.wait(1)


# What it cannot do.


def ended(folder: Path, *, settings: str = "", environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and last words of a gateway that cannot serve."""
    gateway = GatewayProcess.spawn(folder, settings=settings, environ=environ)
    try:
        code = gateway.wait()
    finally:
        gateway.end()
    assert "Traceback" not in gateway.stderr
    assert gateway.troubles() == []
    return code, gateway.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = ended(tmp_path, environ={"LLM_GATEWAY_PORT": str(port)})
    assert (code, said) == (1, f"llm-gateway cannot listen on 127.0.0.1:{port}: Address already in use\n")


def test_every_mistake_in_the_settings_is_told_at_once(tmp_path: Path) -> None:
    settings = '[server]\nport = "many"\nheader_cuont = 5\n[timeouts]\nidle_s = -1\n[[routes]]\nmatch = "x"'
    code, said = ended(tmp_path, settings=settings, environ={"LLM_GATEWAY_LOG_LEVEL": "loud", "LLM_GATEWAY_PORT": "0"})
    assert code == 2
    for part in ("5 mistakes", "header_cuont", "header_count", "timeouts.idle_s", "routes[0]", "LLM_GATEWAY_LOG_LEVEL"):
        assert part in said


def test_it_refuses_to_be_open_to_the_world_by_accident(tmp_path: Path) -> None:
    code, said = ended(tmp_path, environ={"LLM_GATEWAY_HOST": "0.0.0.0"})
    assert code == 2
    assert "LLM_GATEWAY_API_KEYS" in said


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ('[server]\ntls_cert = "missing.pem"\ntls_key = "missing.pem"', "server.tls_cert"),
        ('[server]\ntls_cert = "gateway.toml"\ntls_key = "gateway.toml"', "server.tls_cert"),
        ('[upstream]\nca_file = "missing.pem"', "upstream.ca_file"),
        ('[upstream]\nca_file = "gateway.toml"', "upstream.ca_file"),
    ],
    ids=["no certificate", "no certificate in the file", "no authorities", "no authorities in the file"],
)
def test_tls_files_that_cannot_be_read_are_told(tmp_path: Path, settings: str, key: str) -> None:
    """Before anything is served."""
    code, said = ended(tmp_path, settings=settings)
    assert code == 2
    assert f"gateway.toml:2: {key}: expected a file with certificates in PEM, found " in said
