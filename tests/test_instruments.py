"""Trio's loop on the process's clock asks a dictionary for its instruments, and has them like any other loop."""

from __future__ import annotations

import trio

from gateway.clock import ProcessClock
from gateway.instruments import keep_instruments_at_hand


class Steps(trio.abc.Instrument):
    """Counts the steps of the main task."""

    def __init__(self) -> None:
        self.seen = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.seen += task.name.endswith("main")


def test_a_run_on_the_process_clock_asks_a_dictionary_and_instruments_come_and_go_all_the_same() -> None:
    """Where this fails after a new Trio, its inside has changed, and requests cost a tenth more until we follow."""
    first, later = Steps(), Steps()

    async def main() -> None:
        from trio._core._run import GLOBAL_RUN_CONTEXT

        assert type(GLOBAL_RUN_CONTEXT.runner.instruments).__contains__ is dict.__contains__
        trio.lowlevel.add_instrument(later)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        trio.lowlevel.remove_instrument(later)
        await trio.lowlevel.checkpoint()
        assert keep_instruments_at_hand(), "twice is harmless"

    trio.run(main, clock=ProcessClock(), instruments=[first])
    assert (first.seen, later.seen) == (5, 3)
