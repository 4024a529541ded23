"""Fuzzes every place that reads bytes from outside, led by coverage: `make fuzz`, where atheris is installed.

atheris (https://github.com/google/atheris) is no dependency: it has no wheel for every Python and system.
`make fuzz` tries to install it; without it the readers are still met by hypothesis, in `make test`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Final

SECONDS: Final = 30


def main(arguments: Sequence[str]) -> int:
    """`[SECONDS]` fuzzes each reader for so long; `--one NAME SECONDS` one of them in this process."""
    try:
        import atheris
    except ImportError:
        sys.stdout.write("atheris is not installed here, and cannot be installed for this Python: nothing was fuzzed\n")
        return 2
    if arguments[:1] == ["--one"]:
        with atheris.instrument_imports(include=["gateway"]):
            from tests.sim.openings import OPENINGS
        read, _ = OPENINGS[arguments[1]]
        atheris.Setup([sys.argv[0], f"-max_total_time={arguments[2]}", "-max_len=4096", "-verbosity=0"], read)
        atheris.Fuzz()
        return 0
    from tests.sim.openings import OPENINGS

    failed = []
    for name in OPENINGS:
        seconds = arguments[0] if arguments else str(SECONDS)
        done = subprocess.run([sys.executable, "-m", "tests.sim.fuzz", "--one", name, seconds], check=False)
        sys.stdout.write(f"{name}: {'ok' if done.returncode == 0 else 'a bug'}\n")
        failed += [name] if done.returncode else []
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
