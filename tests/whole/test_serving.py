"""The process around a gateway: what it says, and with which exit code it ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway import serve
from gateway.config import Config, Origin
from gateway.edge.lookups import SharedLookups
from gateway.wiring import Gateway
from gateway.world import World
from tests.actors.sweep import DisturbAt, sweep
from tests.memory_network import MemoryNetwork
from tests.whole.gateways import ADDRESS, ENGINES, Running, configured

NOWHERE = Origin(path=None, environ={}, options={})


def announced(it: Running) -> list[str]:
    """What the process said of itself."""
    return [line["event"] for line in map(json.loads, it.lines) if line["logger"] == "gateway.serve"]


async def test_a_gateway_that_gives_up_says_why_and_ends_with_an_error(autojump_clock: MockClock) -> None:
    it = Running(configured("edge"), MemoryNetwork(), ADDRESS, seed=0)
    codes: list[int] = []

    async def live() -> None:
        codes.append(await serve.serve_alone(it.gateway.config, NOWHERE, it.world))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(live)
        await trio.sleep(5)
        it.memory.failure = RuntimeError("what no sampler should raise")

    assert codes == [serve.GAVE_UP]
    assert 5 < trio.current_time() < 10
    assert announced(it) == ["gateway ready", "gateway gave up"]
    last = json.loads(it.lines[-1])
    assert last["level"] == "critical"
    assert last["reason"].startswith("Escalated: root gives up because of memory: 4 restarts within 60 s")
    assert it.network.open_streams() == 0


async def test_keys_that_nobody_has_to_show_are_warned_of_once_at_the_start(autojump_clock: MockClock) -> None:
    settings = '[[auth.keys]]\nlabel = "team"\nenv = "TEAM_KEY"\nbudget_usd_per_day = 1.0\n'
    it = Running(configured("edge", settings, {"TEAM_KEY": "sk-team"}), MemoryNetwork(), ADDRESS, seed=0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve.serve_alone, it.gateway.config, NOWHERE, it.world)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()

    (line,) = it.logged("client keys are not asked for")
    assert (line["level"], line["keys"], line["remedy"]) == ("warning", ["team"], 'auth.mode = "keys"')


async def test_an_address_that_is_taken_is_said_in_one_line(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    it = Running(configured("edge"), MemoryNetwork(), ADDRESS, seed=0)
    await it.network.listen(*ADDRESS)

    assert await serve.serve_alone(it.gateway.config, NOWHERE, it.world) == serve.GAVE_UP

    assert capsys.readouterr().err == "llm-gateway cannot listen on 127.0.0.1:8080: 127.0.0.1:8080 is taken\n"


async def test_the_process_looks_names_up_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[object] = []

    async def look(*_: object) -> int:
        installed.append(trio.socket.set_custom_hostname_resolver(None))
        return serve.SERVED

    monkeypatch.setattr(serve, "serve_alone", look)
    assert await serve.serve(configured("edge"), NOWHERE) == serve.SERVED
    assert [type(resolver) for resolver in installed] == [SharedLookups]


@pytest.mark.parametrize("engine", ENGINES)
def test_told_to_stop_at_any_step_of_its_start_it_ends_in_order(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that it is ready only where it was not told before; nothing stays open, nothing is worth an error."""

    async def story(disturb: DisturbAt) -> None:
        it = Running(configured(engine), MemoryNetwork(), ADDRESS, seed=0)
        said: list[list[str]] = []

        def stop() -> None:
            said.append(announced(it))
            it.gateway.drain()

        def build(config: Config, world: World, *, worker: str, place: None) -> Gateway:
            disturb.arm(stop)
            return it.gateway

        async def stop_when_ready() -> None:
            await trio.testing.wait_all_tasks_blocked()
            disturb.disarm()
            if not said:
                stop()

        monkeypatch.setattr(serve, "build", build)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_when_ready)
            assert await serve.serve_alone(it.gateway.config, NOWHERE, it.world) == serve.SERVED

        assert announced(it) == [*said[0], "gateway stopped"]
        assert it.troubles() == []
        assert it.network.open_streams() == 0
        with pytest.raises(ConnectionRefusedError):
            await it.connect()
        assert trio.current_time() == 0

    assert sweep(story) > 20


def test_what_no_hot_request_needs_is_not_imported_before_it_is_ready() -> None:
    """In an interpreter of its own: a worker's successor answers a quarter sooner without. Prices are a file's."""
    late = (
        "quart",
        "hypercorn",
        "httpx",
        "httpcore",
        "redis",
        "opentelemetry",
        "jsonschema",
        "genai_prices",
        "pydantic",
    )
    code = f"import sys, gateway.serve; print([name for name in {late} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
