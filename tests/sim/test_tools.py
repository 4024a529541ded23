"""The tools around the simulation: a failure is made small and told, and what happens is added up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.__main__ import main
from tests.sim.coverage import Coverage

BUG = "the breakers of a dead actor are heard of"


def test_a_failing_seed_is_shrunk_to_what_it_takes_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One call as the probe, a breaker that opens, and a death: the rest of some twenty calls is taken away."""
    assert main(["--seed", "25", "--bare", "--mutant", BUG]) == 1
    told = capsys.readouterr().out
    assert "\n1 calls, 2 blows:\n" in told
    assert "breaker   of a/m from open to half_open" in told
    assert told.endswith("moved from Phase.PROBING to Phase.OPEN, was None\n")
    assert main(["--seed", "25", "--bare"]) == 0


def test_a_whole_run_is_told_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3", "--trace"]) == 0
    told = capsys.readouterr().out
    assert "seed 3: 0 promises not kept" in told
    for who in ("client    c0-1", "provider  ", "worker 0  ", "world     "):
        assert who in told


def test_what_several_processes_have_seen_is_added_up(tmp_path: Path) -> None:
    for number in range(2):
        one = Coverage()
        for _ in range(100):
            one.add({"often", *(["once"] if number and not one.seeds else [])})
        one.write(tmp_path / f"{number}.json")
    whole = Coverage.of(tmp_path.glob("*.json"))
    assert whole.seeds == 200
    assert whole.missing({"often", "once", "never"}) == ["never", "once"]
    assert whole.told({"never"}).splitlines()[0] == "   0.0 %  never"


def test_a_bug_that_is_put_in_is_for_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--seeds", "1", "--mutant", BUG])
    assert "--seed" in capsys.readouterr().err
