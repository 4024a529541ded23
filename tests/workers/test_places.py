"""How workers are told apart: by their ids, and by what their parent tells them."""

from __future__ import annotations

import socket

import pytest
import trio

from gateway.ids import new_ids, worker_of
from gateway.workers.line import MAX_BYTES, Line
from gateway.workers.station import Station, settings_file, station_of, write_settings


@pytest.mark.parametrize("number", [0, 1, 255])
def test_an_id_names_the_worker_that_made_it(number: int) -> None:
    make = new_ids(number)
    first, second = make(), make()
    assert len(first) == 32
    assert first != second
    assert worker_of(first) == worker_of(f"resp_{second}") == number


@pytest.mark.parametrize(
    "theirs", ["resp_abc", "chatcmpl-123", "", "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b"]
)
def test_other_peoples_ids_name_nobody(theirs: str) -> None:
    assert worker_of(theirs) is None


def test_ids_of_two_processes_in_the_same_place_differ() -> None:
    assert new_ids(3)()[:16] != new_ids(3)()[:16]


def test_a_worker_knows_its_place_and_nobody_else_has_one() -> None:
    station = Station(number=3, listener=7, line=8, folder="/run/gateway")
    assert station_of(station.to_environ()) == station
    assert station.name == "3"
    assert station_of({"PATH": "/bin"}) is None


def test_settings_are_written_whole(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    write_settings(folder, "first")
    write_settings(folder, "ü")
    assert settings_file(folder).read_text(encoding="utf-8") == "ü"
    assert [path.name for path in folder.iterdir()] == ["gateway.toml"]


async def test_words_come_one_by_one_until_the_other_end_is_gone() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    other = Line(theirs)
    await other.say(b"ready")
    await other.say(b"reload")
    other.close()
    assert [word async for word in line.words()] == [b"ready", b"reload"]
    await line.say(b"into the void")
    line.close()


async def test_somebody_who_says_no_word_at_all_is_not_listened_to_for_ever() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"x" * (2 * MAX_BYTES))
        line = Line(ours)
        with trio.fail_after(5):
            assert [word async for word in line.words()] == []
        line.close()
