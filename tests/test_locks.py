"""What is installed is what has been locked, by hash: nobody on the way can put anything else in its place."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
AUDIT = "requirements-audit.lock"
"""What `make audit` runs on, in an environment of its own."""


class Pin(NamedTuple):
    requirement: Requirement
    hashes: list[str]


@cache
def pins(lock: str) -> list[Pin]:
    """Everything in a lock file, for whichever Python and system it is."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [
        Pin(Requirement(line.split("--hash", 1)[0].strip()), re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line))
        for line in lines
    ]


def locked(lock: str) -> dict[str, Pin]:
    """What of it holds here, by the packages' names."""
    here = [pin for pin in pins(lock) if pin.requirement.marker is None or pin.requirement.marker.evaluate()]
    return {canonicalize_name(pin.requirement.name): pin for pin in here}


@pytest.mark.parametrize("lock", [*LOCKS, AUDIT])
def test_every_package_is_pinned_by_version_and_hash(lock: str) -> None:
    """And comes from wherever pip is told to look: no address stands there."""
    for requirement, hashes in pins(lock):
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement.name
        assert requirement.url is None
        assert hashes, requirement.name
    assert "://" not in re.sub(r"#.*", "", (ROOT / lock).read_text(encoding="utf-8"))


def test_what_the_project_asks_for_is_locked_at_a_version_that_it_takes() -> None:
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["embedded"]]
    groups = project["dependency-groups"]
    for lock, asked in ((LOCKS[0], runtime), (LOCKS[1], [*runtime, *groups["dev"]]), (AUDIT, groups["audit"])):
        for requirement in map(Requirement, asked):
            pin, _ = locked(lock)[canonicalize_name(requirement.name)]
            (version,) = (specifier.version for specifier in pin.specifier)
            assert requirement.specifier.contains(version, prereleases=True), requirement


def test_development_runs_on_what_production_runs_on() -> None:
    for name, pin in locked(LOCKS[0]).items():
        assert locked(LOCKS[1])[name] == pin


def test_the_tests_run_on_what_is_locked() -> None:
    installed = {canonicalize_name(found.name): found.version for found in metadata.distributions()}
    checked = 0
    for name, (pin, _) in locked(LOCKS[1]).items():
        if name in installed:
            assert pin.specifier.contains(installed[name], prereleases=True), (name, installed[name])
            checked += 1
    assert checked > 60
