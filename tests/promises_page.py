"""tests/promises.md: the promises, the tests that assert them, and what was measured where. A run changes the rows that
it has measured; the others stay as the runs before have left them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.machine import describe
from tests.figures import Figure
from tests.promised import PROMISES, SHOWN

PAGE = Path(__file__).with_name("promises.md")
OPENING = """# Promises, and what was measured

Written by `make promises` and `make soak`: a run changes the rows that it has measured. `make test` measures them too
and asserts times at ten times what is promised, since a machine may be busy: `load` is how many processes wanted to
run on average over five minutes. How soon refusals, departures and requests without a store are is told without the
turns that the machine gave to other processes meanwhile (`tests/sockets/pulse.py`). What is promised of virtual time is
exact and asserted by the tests that are named.
"""
COLUMNS = ("#", "what", "promised", "measured", "where and when", "again")
_ROW = re.compile(r"\| \d+ \|")
_CELLS = re.compile(r"(?<!\\)\|")


class Row(NamedTuple):
    """One figure as the page has it."""

    promise: int
    what: str
    promised: str
    measured: str
    place: str
    """The machine, the day, and how many wanted to run on it over the last five minutes."""
    command: str


def updated(page: str, figures: Iterable[Figure], soak: float) -> str:
    """The page with what this run has measured here and now."""
    rows = {(row.promise, row.what): row for row in rows_of(page)}
    day, load = time.strftime("%Y-%m-%d", time.gmtime()), os.getloadavg()[1]
    place = f"{describe()}; {day}, load {load:.1f}"
    for figure in figures:
        command = f"`pytest {figure.test_file}{'' if soak == 1 else f' --soak {soak:g}'}`"
        row = Row(figure.promise, figure.what, figure.promised, figure.measured, place, command)
        rows[figure.promise, figure.what] = row
    return rendered(rows.values())


def rendered(rows: Iterable[Row]) -> str:
    """The page with these rows, by promise and then in the order of their words."""
    return "\n".join([OPENING, *_asserted(), "", *_measured(rows)]) + "\n"


def rows_of(page: str) -> Iterator[Row]:
    """The figures that stand in the page."""
    for line in page.partition("## Measured")[2].splitlines():
        if _ROW.match(line):
            number, *cells = (cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)[1:-1])
            yield Row(int(number), *cells)


def unshown(figures: Iterable[Figure | Row]) -> list[str]:
    """What a whole run has to show, by promise, and these do not."""
    shown = [(figure.promise, figure.what) for figure in figures]
    return [
        f"{number}: {begins}"
        for number, all_of_it in SHOWN.items()
        for begins in all_of_it
        if not any(promise == number and what.startswith(begins) for promise, what in shown)
    ]


def _asserted() -> Iterator[str]:
    yield "## Asserted in virtual time"
    yield ""
    yield "| # | promise | asserted by |"
    yield "|---|---|---|"
    for number, promise in PROMISES.items():
        yield f"| {number} | {promise.words} | {'<br>'.join(f'`{test}`' for test in promise.tests)} |"


def _measured(rows: Iterable[Row]) -> Iterator[str]:
    yield "## Measured in real time"
    yield ""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for row in sorted(rows):
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
