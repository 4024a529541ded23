"""Trio's instruments, kept where asking for them costs little.

Around every step of a task, and wherever it wakes one, Trio asks whether somebody instruments that. It asks a mapping
written in Python: sixteen questions a request, whose answer is no, took 61 of its 627 thousand instructions. This
reaches into Trio; where that is another one inside than is known here, it stays as it is.
"""

from __future__ import annotations

from typing import Any

import trio


def keep_instruments_at_hand() -> bool:
    """In the run that is going on, those that come later too; whether it could be done."""
    try:
        from trio._core._instrumentation import Instruments
        from trio._core._run import GLOBAL_RUN_CONTEXT

        runner, kept = GLOBAL_RUN_CONTEXT.runner, GLOBAL_RUN_CONTEXT.runner.instruments.data
    except (ImportError, AttributeError):
        return False

    class AtHand(dict[str, dict[trio.abc.Instrument, None]], Instruments):  # type: ignore[misc]  # a mapping is one
        """Trio's own, which is its own dictionary."""

        @property
        def data(self) -> Any:  # type: ignore[override]
            return self

    runner.instruments = AtHand(kept)
    return True
