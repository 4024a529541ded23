"""What ARCHITECTURE.md says of fidelity is what the codecs do."""

from __future__ import annotations

from tests.dialects.fidelity_page import BEGIN, END, PAGE, with_tables


def test_the_tables_in_the_architecture_are_those_that_the_codecs_act_on() -> None:
    """`make fidelity` writes them anew."""
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert page == with_tables(page)
