"""Measures the gateway beside others on this machine: `python -m bench --help`. The method is in README.md here."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.processes import Cores
from bench.run import Plan, run
from bench.subjects import all_subjects
from bench.table import render, render_translation

MISSING = 2
"""The exit code where the machine lacks what the bench needs."""
PROGRAMS = {"wrk": "wrk", "nginx": "nginx-light", "taskset": "util-linux"}
"""What is needed, and the Debian package that has it."""


def main() -> int:
    options = arguments()
    cores = Cores.choose()
    if lack := lacking(cores):
        sys.stderr.write(lack + "\n")
        return MISSING
    assert cores is not None
    wanted = [
        subject for subject in all_subjects() if any(part.lower() in subject.name.lower() for part in options.only)
    ]
    plan = Plan(
        rounds=options.rounds,
        seconds=options.seconds,
        streams=tuple(options.streams),
        idle_streams=options.idle_streams,
    )
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        report = run(wanted, plan, cores, folder, say)
    report["translation"] = json.loads(alone("bench.translation", cores))
    sys.stdout.write(render(report))
    sys.stdout.write(f"Actor protocol alone: {float(alone('bench.protocol', cores)):.0f} µs CPU a call (at most 35).\n")
    tracing = json.loads(alone("bench.tracing", cores))
    sys.stdout.write(
        f"Tracing a request: {tracing['unsampled']:.0f} µs CPU where it is not sampled (at most 10), "
        f"{tracing['sampled']:.0f} where it is, and {tracing['encoded']:.0f} to encode it.\n"
    )
    sys.stdout.write("\n" + render_translation(report["translation"]))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def alone(module: str, cores: Cores) -> str:
    """What a measurement without a network says, in a process of its own on the proxy's core."""
    command = ["taskset", "-c", str(cores.subject), sys.executable, "-m", module]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def say(text: str) -> None:
    """Progress, beside the table on standard output."""
    sys.stderr.write(text + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description="Measures the gateway beside other proxies, in one run.")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 21), metavar="1..20")
    parser.add_argument("--seconds", type=int, default=3, choices=range(1, 61), metavar="1..60", help="of one burst")
    parser.add_argument("--streams", type=int, nargs="+", default=[10, 40, 200], help="concurrent streams")
    parser.add_argument("--idle-streams", type=int, default=500)
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of those to measure")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--keep", type=Path, help="a folder for the processes' logs")
    return parser.parse_args()


def lacking(cores: Cores | None) -> str:
    """What the machine lacks, with what to do about it; nothing where it has all."""
    absent = [
        f"{program} (Debian package {package})" for program, package in PROGRAMS.items() if not shutil.which(program)
    ]
    if absent:
        return f"the bench needs {', '.join(absent)}: apt-get install {' '.join(sorted(PROGRAMS.values()))}"
    return "" if cores is not None else "the bench needs two cores: one for the proxy, one for the load"


if __name__ == "__main__":
    raise SystemExit(main())
