"""The process around a gateway: what it says, and with which exit code it ends."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway import serve
from tests.memory_network import MemoryNetwork
from tests.whole.gateways import ADDRESS, Running, configured


async def nothing(_gateway: object) -> None:
    """Warming up freezes the garbage collector, which is not for a process of many tests."""


@pytest.fixture(autouse=True)
def _cold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_warm_up", nothing)


async def test_a_gateway_that_gives_up_says_why_and_ends_with_an_error(autojump_clock: MockClock) -> None:
    it = Running(configured("edge"), MemoryNetwork(), ADDRESS, seed=0)
    codes: list[int] = []

    async def live() -> None:
        codes.append(await serve._serve(it.gateway.config, it.world))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(live)
        await trio.sleep(5)
        it.memory.failure = RuntimeError("what no sampler should raise")

    assert codes == [serve.GAVE_UP]
    assert 5 < trio.current_time() < 10
    lines = [json.loads(line) for line in it.lines]
    assert [line["event"] for line in lines if line["logger"] == "gateway.serve"] == [
        "gateway ready",
        "gateway gave up",
    ]
    assert lines[-1]["level"] == "critical"
    assert lines[-1]["reason"].startswith("Escalated: root gives up because of memory: 4 restarts within 60 s")
    assert it.network.open_streams() == 0


async def test_an_address_that_is_taken_is_said_in_one_line(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    it = Running(configured("edge"), MemoryNetwork(), ADDRESS, seed=0)
    await it.network.listen(*ADDRESS)

    assert await serve._serve(it.gateway.config, it.world) == serve.GAVE_UP

    assert capsys.readouterr().err == "llm-gateway cannot listen on 127.0.0.1:8080: 127.0.0.1:8080 is taken\n"
