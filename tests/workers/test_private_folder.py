"""A gateway that was killed leaves its private directory behind; the next one takes away what nobody lives in."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from gateway.workers.private_folder import LOCK, private_folder, take_away_the_dead

KILLED = """
import os, signal, subprocess, sys
from gateway.workers.private_folder import private_folder
with private_folder() as private:
    worker = subprocess.Popen(["/bin/cat"], pass_fds=[private.lock], stdout=subprocess.DEVNULL)
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""Its worker goes on for as long as there is something to read."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_gateway_left_goes_with_its_last_worker_and_a_living_one_keeps_its_own(place: Path) -> None:
    reading, writing = os.pipe()
    environ = {**os.environ, "TMPDIR": str(place)}
    subprocess.run([sys.executable, "-c", KILLED], env=environ, stdin=reading, check=False, timeout=20)
    os.close(reading)
    (left,) = place.iterdir()
    with private_folder() as private:
        assert private.path.stat().st_mode & 0o777 == 0o700
        take_away_the_dead(place)
        assert sorted(place.iterdir()) == sorted([left, private.path])
        os.close(writing)
        ends_at = time.monotonic() + 10
        while left.exists() and time.monotonic() < ends_at:
            take_away_the_dead(place)
        assert list(place.iterdir()) == [private.path]
    assert list(place.iterdir()) == []


def test_nothing_is_taken_away_that_is_not_surely_a_dead_gateways(place: Path) -> None:
    """Not what never had a lock, nor what another user may have put there."""
    for name in ("llm-gateway-just-made", "llm-gateway-notes", "else"):
        (place / name).mkdir()
    (place / "llm-gateway-just-made" / f"{LOCK}.new").touch()
    (place / "else" / LOCK).touch()
    (place / "llm-gateway-link").symlink_to(place / "else")
    before = sorted(place.rglob("*"))
    take_away_the_dead(place)
    assert sorted(place.rglob("*")) == before
