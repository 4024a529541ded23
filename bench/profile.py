"""Where the gateway's CPU time goes: py-spy looks at it 250 times a second while it is asked as in the bench.

python -m bench.profile    needs wrk, nginx and py-spy (`pip install py-spy`)

Each sample counts for its innermost Python frame: a system call for whoever makes it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import measure
from bench.load import start_nginx
from bench.processes import Cores, free_port
from bench.run import Started, running, start, start_streams
from bench.subjects import CHAT_PATH, MODEL, all_subjects

MISSING: Final = 2
"""The exit code where the machine lacks what this needs."""
PROGRAMS: Final = ("wrk", "nginx", "taskset", "py-spy")
RATE: Final = 250
SECONDS: Final = 10
STREAMS: Final = 40
PARTS: Final = (
    "gateway/edge",
    "gateway/face",
    "gateway/calls",
    "gateway/dialects",
    "gateway/telemetry",
    "gateway",
    "actors",
    "trio",
)
"""Whose code a sample may be found in; what is none of theirs is the rest."""
_WAITING: Final = ("WorkerThread", "EpollIOManager.get_events", "run (trio/_core/_run.py:")
"""How frames begin in which nothing is done; the last is Trio's loop, which waits for input in no frame of its own."""
_FRAME: Final = re.compile(r"\((?P<path>[^()]*?)(?::\d+)?\)$")


def main() -> int:
    cores = Cores.choose()
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if lacking or cores is None:
        sys.stderr.write(f"the profile needs {', '.join(lacking) or 'two cores'}\n")
        return MISSING
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="profile-")))
        started = started_gateway(cores, folder, stack)
        for what, target, load in (
            ("a request", started.plain, lambda: measure.unary(started.plain, SECONDS + 1, cores)),
            ("a streamed event", started.streaming, lambda: stream_for_long(started, cores)),
        ):
            sys.stdout.write(f"{what}: {told(shares(stacks_under(load, target.running.pid, folder)))}\n")
    return 0


def started_gateway(cores: Cores, folder: Path, stack: ExitStack) -> Started:
    """The gateway as the bench starts it. Raises RuntimeError where it does not answer."""
    nginx_port, streams_port = free_port(), free_port()
    upstream = stack.enter_context(running(start_nginx(folder, nginx_port, MODEL, cores)))
    upstream.wait_until_it_answers(nginx_port, CHAT_PATH, 10)
    stack.enter_context(running(start_streams(streams_port, cores, folder)))
    started = start(all_subjects()[0], (nginx_port, streams_port), cores, folder, stack)
    if not isinstance(started, Started):
        raise RuntimeError(started.missing)
    return started


def stream_for_long(started: Started, cores: Cores) -> None:
    for _ in range(SECONDS // 2 + 1):  # each takes two seconds
        measure.streaming(started.streaming, STREAMS, cores)


def stacks_under(load: Callable[[], object], pid: int, folder: Path) -> list[str]:
    """What process `pid` does under `load`: a line a stack, with how often it was seen."""
    raw = folder / "stacks"
    command = ["py-spy", "record", "--pid", str(pid), "--rate", str(RATE), "--duration", str(SECONDS)]
    with subprocess.Popen([*command, "--format", "raw", "--output", str(raw)], stdout=subprocess.DEVNULL) as spy:
        load()
        spy.wait()
    return raw.read_text().splitlines()


def shares(stacks: Iterable[str]) -> dict[str, float]:
    """Each part's share of the samples in which something was done, the largest first."""
    seen: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        innermost = stack.rpartition(";")[2]
        if not innermost.startswith(_WAITING):
            seen[part_of(innermost)] += int(count)
    return {part: count / seen.total() for part, count in seen.most_common()}


def part_of(frame: str) -> str:
    """Whose code `frame` ("function (path:line)") is."""
    found = _FRAME.search(frame)
    path = f"/{found['path']}" if found else ""
    return next((part for part in PARTS if f"/{part}/" in path), "the rest")


def told(found: dict[str, float]) -> str:
    return ", ".join(f"{part} {share:.0%}" for part, share in found.items())


if __name__ == "__main__":
    raise SystemExit(main())
