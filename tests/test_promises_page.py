"""tests/promises.md says what the tests say, and names none that does not exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.figures import Figure, Figures
from tests.promised import PROMISES
from tests.promises_page import PAGE, rendered, rows_of, unshown, updated

TESTS = Path(__file__).parent


def test_the_page_is_what_the_table_and_its_own_figures_come_to() -> None:
    """`make promises` writes it anew."""
    page = PAGE.read_text()
    assert page == rendered(rows_of(page))


@pytest.mark.parametrize("test", [test for promise in PROMISES.values() for test in promise.tests])
def test_whoever_asserts_a_promise_exists(test: str) -> None:
    path, name = test.split("::")
    functions = (node for node in ast.parse((TESTS / path).read_text()).body if hasattr(node, "name"))
    assert name in {function.name for function in functions}


def test_every_figure_belongs_to_a_promise_and_can_be_measured_again() -> None:
    rows = list(rows_of(PAGE.read_text()))
    assert rows
    for row in rows:
        assert row.promise in PROMISES
        assert (TESTS.parent / row.command.strip("`").split(" ")[1]).is_file(), row


def test_the_page_has_every_figure_that_a_run_must_show() -> None:
    rows = list(rows_of(PAGE.read_text()))
    assert unshown(rows) == []
    without = unshown(row for row in rows if row.promise != 13)
    assert without == ["13: attempts on a provider that answers nothing but 500"]


def test_a_run_changes_what_it_has_measured_and_nothing_else() -> None:
    kept, old = (Figure(3, what, "7 ms", "50 ms", "tests/test_a.py") for what in ("a stream | a whole", "a stream"))
    page = updated("", [kept, old], soak=1)
    page = updated(page, [old._replace(measured="9 ms")], soak=20)
    rows = [(row.what, row.measured, row.command) for row in rows_of(page)]
    assert rows == [
        ("a stream", "9 ms", "`pytest tests/test_a.py --soak 20`"),
        ("a stream | a whole", "7 ms", "`pytest tests/test_a.py`"),
    ]


def test_what_is_measured_again_counts_once_and_names_its_file() -> None:
    figures = Figures()
    for measured in ("1 ms", "2 ms"):
        figures(3, "a stream", measured, promised="50 ms")
    assert list(figures) == [Figure(3, "a stream", "2 ms", "50 ms", "tests/test_promises_page.py")]
    assert [str(figure) for figure in figures] == ["a stream: 2 ms (promised: 50 ms)"]
