"""Adds up what has happened in the seeds that were played, over all processes that played some of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

LEAST_SHARE: Final = 0.01


class Coverage:
    """What was seen in how many seeds."""

    def __init__(self) -> None:
        self.seeds = 0
        self.times: Counter[str] = Counter()

    def add(self, seen: Iterable[str]) -> None:
        """One more seed."""
        self.seeds += 1
        self.times.update(seen)

    def missing(self, expected: Iterable[str]) -> list[str]:
        """What happens in less than a seed of a hundred."""
        return sorted(name for name in expected if self.times[name] < self.seeds * LEAST_SHARE)

    def told(self, expected: Iterable[str]) -> str:
        """A line for everything, the rarest first."""
        names = sorted({*expected, *self.times}, key=lambda name: (self.times[name], name))
        return "\n".join(f"{100 * self.times[name] / max(1, self.seeds):6.1f} %  {name}" for name in names)

    # Several processes share a folder; each writes files of its own.

    def write(self, file: Path) -> None:
        part = file.with_suffix(".part")
        part.write_text(json.dumps({"seeds": self.seeds, "times": self.times}))
        part.replace(file)

    @classmethod
    def of(cls, files: Iterable[Path]) -> Coverage:
        """All of them together."""
        whole = cls()
        for file in files:
            one = json.loads(file.read_text())
            whole.seeds += one["seeds"]
            whole.times.update(one["times"])
        return whole
