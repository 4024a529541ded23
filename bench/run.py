"""One run: everybody is started, then measured in interleaved rounds, so that a slow minute hits all alike."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import machine, measure
from bench.load import start_nginx, write_wrk_script
from bench.measure import Target
from bench.processes import Cores, Running, free_port
from bench.subjects import CHAT_PATH, KEY, MODEL, Subject

SETTLE_S = 1
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: int
    """Of one burst of unary requests."""
    streams: tuple[int, ...]
    idle_streams: int


@dataclass(slots=True)
class Figures:
    """What was measured of one subject; a list has one figure a round."""

    name: str
    missing: str = ""
    """Why there are no figures, or not all of them."""
    first_answer_s: list[float] = field(default_factory=list)
    rest_mb: list[float] = field(default_factory=list)
    cpu_us_per_request: list[float] = field(default_factory=list)
    requests_per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us_per_event: dict[str, list[float]] = field(default_factory=dict)
    stream_seconds: dict[str, list[float]] = field(default_factory=dict)
    kb_per_idle_stream: list[float] = field(default_factory=list)


class Started:
    """A subject with one process in front of nginx and one in front of the streaming upstream."""

    def __init__(self, subject: Subject, plain: Target, streaming: Target) -> None:
        self.plain = plain
        self.streaming = streaming
        self.figures = Figures(subject.name)


def run(subjects: list[Subject], plan: Plan, cores: Cores, folder: Path, say: Say) -> dict[str, Any]:
    """The whole run; what it returns is the report as JSON has it."""
    direct = Figures("upstream itself")
    all_figures = [direct]
    with ExitStack() as stack:
        nginx_port, streams_port = free_port(), free_port()
        upstream = stack.enter_context(running(start_nginx(folder, nginx_port, MODEL, cores)))
        upstream.wait_until_it_answers(nginx_port, CHAT_PATH, 10)
        stack.enter_context(running(start_streams(streams_port, cores, folder)))
        everybody = []
        for subject in subjects:
            say(f"starting {subject.name}")
            started = start(subject, (nginx_port, streams_port), cores, folder, stack)
            all_figures.append(started if isinstance(started, Figures) else started.figures)
            if isinstance(started, Started):
                everybody.append(started)
        direct_script = write_wrk_script(folder / "direct.lua", MODEL, KEY)
        for number in range(1, plan.rounds + 1):
            say(f"round {number} of {plan.rounds}")
            note_latency(direct, measure.latency(nginx_port, direct_script, plan.seconds, cores))
            for started in everybody:
                say(f"  {started.figures.name}")
                measure_round(started, plan, cores)
        for started in everybody:
            measure_idle(started, plan, cores)
    return {
        "machine": machine.describe(),
        "plan": asdict(plan),
        "subjects": [asdict(figures) for figures in all_figures],
    }


def start(
    subject: Subject, upstream_ports: tuple[int, int], cores: Cores, folder: Path, stack: ExitStack
) -> Started | Figures:
    """Both processes of a subject, or figures that say why there are none."""
    if subject.missing:
        return Figures(subject.name, missing=subject.missing)
    targets, first_answers_s, rest_mb = [], [], []
    script = write_wrk_script(folder / f"{slug(subject)}.lua", subject.model, subject.key)
    for upstream_port in upstream_ports:
        port = free_port()
        own_folder = folder / f"{slug(subject)}-{port}"
        own_folder.mkdir()
        launch = subject.launch(port, upstream_port, own_folder)
        process = Running.start(
            slug(subject), launch.command, core=cores.subject, folder=own_folder, environ=launch.environ
        )
        stack.enter_context(running(process))
        try:
            first_answers_s.append(
                process.wait_until_it_answers(
                    port, CHAT_PATH, subject.start_limit_s, (subject.first_question(), subject.key)
                )
            )
        except RuntimeError as error:
            return Figures(subject.name, missing=str(error))
        rest_mb.append(process.resident_bytes() / 2**20)
        targets.append(Target(process, port, subject.model, subject.key, script))
    started = Started(subject, *targets)
    started.figures.first_answer_s = first_answers_s
    started.figures.rest_mb = rest_mb
    measure.unary(started.plain, SETTLE_S, cores)
    return started


def measure_round(started: Started, plan: Plan, cores: Cores) -> None:
    """One burst of each kind; a burst that fails ends this subject's figures of that kind, and says so."""
    figures = started.figures
    try:
        unary = measure.unary(started.plain, plan.seconds, cores)
        figures.cpu_us_per_request.append(unary.cpu_us_per_request)
        figures.requests_per_second.append(unary.requests_per_second)
        port, script = started.plain.port, started.plain.script
        note_latency(figures, measure.latency(port, script, plan.seconds, cores))
        cost_us = 0.0
        for streams in plan.streams:
            if measure.saturates(cost_us, streams):
                break
            burst = measure.streaming(started.streaming, streams, cores)
            cost_us = burst.cpu_us_per_event
            figures.cpu_us_per_event.setdefault(str(streams), []).append(cost_us)
            figures.stream_seconds.setdefault(str(streams), []).append(burst.seconds)
    except RuntimeError as error:
        figures.missing = str(error)


def measure_idle(started: Started, plan: Plan, cores: Cores) -> None:
    try:
        grown = measure.bytes_per_idle_stream(started.streaming, plan.idle_streams, cores)
        started.figures.kb_per_idle_stream.append(grown / 1024)
    except RuntimeError as error:
        started.figures.missing = str(error)


def note_latency(figures: Figures, latency: measure.Latency) -> None:
    figures.p50_ms.append(latency.p50_ms)
    figures.p99_ms.append(latency.p99_ms)


def start_streams(port: int, cores: Cores, folder: Path) -> Running:
    """The streaming upstream."""
    command = [sys.executable, "-m", "bench.upstream", str(port)]
    process = Running.start("streams", command, core=cores.load, folder=folder)
    process.wait_until_it_answers(port, CHAT_PATH, 10)
    return process


@contextmanager
def running(process: Running) -> Iterator[Running]:
    """Ends the process in the end, whatever happened."""
    try:
        yield process
    finally:
        process.stop()


def slug(subject: Subject) -> str:
    """The subject's name as a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", subject.name.lower()).strip("-")
