"""What tests measure, each figure beside what is promised of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple


class Figure(NamedTuple):
    """One measurement of one run."""

    promise: int
    """Its number in `tests/promised.py`."""
    what: str
    measured: str
    promised: str
    test_file: str
    """The file whose tests measure it, from the project's root."""

    def __str__(self) -> str:
        return f"{self.what}: {self.measured} (promised: {self.promised})"


class Figures:
    """Takes figures while tests run. The same promise and words again take the place of what was measured before."""

    def __init__(self) -> None:
        self._figures: dict[tuple[int, str], Figure] = {}

    def __call__(self, promise: int, what: str, measured: str, *, promised: str) -> None:
        """Notes that of `what`, which belongs to the promise of this number, so much was `measured`."""
        test_file = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]  # which pytest sets
        self._figures[promise, what] = Figure(promise, what, measured, promised, test_file)

    def __iter__(self) -> Iterator[Figure]:
        return iter(self._figures.values())

    def __len__(self) -> int:
        return len(self._figures)
