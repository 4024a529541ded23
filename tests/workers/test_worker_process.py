"""A worker's process as its parent's child."""

from __future__ import annotations

import errno
import os
import socket
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path
from random import Random

import pytest
import trio
from trio.testing import MockClock

from actors.supervisor import ChildSpec, Escalated, Supervisor
from gateway.config import Origin
from gateway.workers.line import ALIVE, READY, Line
from gateway.workers.parent import GAVE_UP, _code_of, keep_workers
from gateway.workers.process import WorkerDied, spawn
from gateway.workers.station import Station, write_settings
from tests.workers.processes import FakeProcess, worker


async def test_it_is_ready_when_the_process_says_so_and_over_when_it_ends(autojump_clock: MockClock) -> None:
    process = FakeProcess(ready_after=2, lasts=10)
    async with trio.open_nursery() as nursery:
        await nursery.start(worker(process).run)
        assert trio.current_time() == 2
    assert trio.current_time() == 10
    assert process.closed


@pytest.mark.parametrize(("code", "said"), [(3, "exit code 3"), (-9, "killed by SIGKILL")])
async def test_a_process_that_did_not_end_in_order_is_a_crash(autojump_clock: MockClock, code: int, said: str) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(WorkerDied, match=said)):
        async with trio.open_nursery() as nursery:
            await nursery.start(worker(FakeProcess(lasts=5, code=code)).run)
    assert trio.current_time() == 5


async def test_one_that_hangs_is_killed_and_one_that_goes_on_in_time_is_not(autojump_clock: MockClock) -> None:
    """Its last word comes at 9; its parent looks every 5 s, and at 41 it has heard nothing for the sixth time."""
    process = FakeProcess(hangs_at=11, goes_on_at=36)
    async with trio.open_nursery() as nursery:
        await nursery.start(worker(process).run)
        await trio.sleep(3600)
        assert process.returncode is None
        nursery.cancel_scope.cancel()
    began_at = trio.current_time()
    with pytest.RaisesGroup(pytest.RaisesExc(WorkerDied, match="did not say a word for 30 s")):
        async with trio.open_nursery() as nursery:
            await nursery.start(worker(FakeProcess(hangs_at=began_at + 11)).run)
    assert trio.current_time() - began_at == 41


async def test_a_real_one_says_that_it_serves_and_then_that_it_lives(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as slot, theirs:
        station = Station(number=0, listener=slot.fileno(), line=theirs.fileno(), folder=str(tmp_path))
        write_settings(tmp_path, "[server]\nworkers = 2\n")
        environ = {"PATH": os.environ["PATH"], "REDIS_URL": "memory://", **station.to_environ()}
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(station.config_file)]
        process = await spawn(command, environ, (slot.fileno(), theirs.fileno()))
    line = Line(ours)
    try:
        with trio.fail_after(20):
            async with aclosing(line.words()) as words:  # type: ignore[type-var]  # it is a generator
                assert [await anext(words), await anext(words)] == [READY, ALIVE]
            process.terminate()
            assert await process.wait() == 0
    finally:
        process.kill()
        line.close()


async def test_it_is_told_once_to_drain(autojump_clock: MockClock) -> None:
    """A worker takes a second signal for "at once"."""
    process = FakeProcess(drain_s=7)
    child = worker(process)
    async with trio.open_nursery() as nursery:
        await nursery.start(child.run)
        child.stop()
        child.stop()
    assert process.signals == [(1, "SIGTERM")]
    assert trio.current_time() == 8


async def test_a_cancelled_one_leaves_no_process_behind(autojump_clock: MockClock) -> None:
    process = FakeProcess()
    async with trio.open_nursery() as nursery:
        await nursery.start(worker(process).run)
        nursery.cancel_scope.cancel()
    assert await process.wait() == -9
    assert trio.current_time() == 1


@pytest.mark.parametrize(("code", "ends_with"), [(78, 78), (-9, GAVE_UP)])
async def test_one_that_keeps_dying_ends_the_gateway_with_its_own_exit_code(
    autojump_clock: MockClock, code: int, ends_with: int
) -> None:
    """Five restarts in half a minute are made, a sixth is not."""
    lives = []

    def life() -> object:
        lives.append(trio.current_time())
        return worker(FakeProcess(ready_after=0, lasts=1, code=code))

    supervisor = Supervisor(
        "workers",
        [ChildSpec("0", life)],  # type: ignore[arg-type]
        random=Random(1),
        observe=lambda _: None,
    )
    with pytest.raises(Escalated) as gave_up:
        await supervisor.run()
    assert len(lives) == 6
    assert _code_of(gave_up.value) == ends_with


async def test_without_a_place_for_their_sockets_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a container whose file system is read-only."""

    def read_only(**_: str) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/var/tmp']")

    monkeypatch.setattr(tempfile, "mkdtemp", read_only)
    nowhere = Origin(path=None, environ={}, options={})
    assert await keep_workers(nowhere.load(), nowhere) == GAVE_UP
    (line,) = capsys.readouterr().err.splitlines()
    assert "sockets: No usable temporary directory found" in line
    assert "TMPDIR" in line
