"""Options for all tests: how long the proofs last, where their figures go; and no property fails by the clock."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.figures import Figures
from tests.promises_page import unshown, updated

FIGURES = pytest.StashKey[Figures]()
UNSHOWN = pytest.StashKey[list[str]]()

hypothesis.settings.register_profile(
    "shared machine",
    deadline=None,  # what a property costs is not what it claims; another process may take the core for half a second
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("shared machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("proofs")
    group.addoption("--soak", type=float, default=1.0, metavar="TIMES", help="do so many times as much of each proof")
    group.addoption("--promises", type=Path, metavar="PAGE", help="only measure, and write the figures into this page")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays: the collector goes through what tests leave, and not through all of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --promises, only what measures is run."""
    if config.getoption("--promises") is not None:
        measuring = [item for item in items if "measured" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in measuring])
        items[:] = measuring


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> float:
    """How many times as much as usual a proof shall do."""
    times: float = request.config.getoption("--soak")
    return times


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Figures:
    """Takes what is measured, for the end of the run and for the page of promises."""
    return request.config.stash.setdefault(FIGURES, Figures())


def pytest_itemcollected(item: pytest.Item) -> None:
    """What is measured shares the cores with no other test."""
    if "measured" in getattr(item, "fixturenames", ()) and item.get_closest_marker("real_time") is None:
        raise pytest.UsageError(f"{item.nodeid} measures: it needs the mark real_time")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for figure in config.stash.get(FIGURES, Figures()):
        terminalreporter.write_line(f"measured: {figure}")
    for missing in config.stash.get(UNSHOWN, []):
        terminalreporter.write_line(f"not shown: {missing}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    page: Path | None = session.config.getoption("--promises")
    if page is not None and (figures := session.config.stash.get(FIGURES, Figures())):
        before = page.read_text() if page.exists() else ""
        page.write_text(updated(before, figures, session.config.getoption("--soak")))
        if session.config.args_source is pytest.Config.ArgsSource.TESTPATHS and (missing := unshown(figures)):
            session.config.stash[UNSHOWN] = missing
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
