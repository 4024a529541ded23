"""The report as a Markdown table: medians over the rounds, and their ratio to the floor's."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench.subjects import FLOOR, GATEWAY

NONE = "-"
COLUMNS = (
    "",
    "CPU µs/request",
    "requests/s",
    "CPU µs/event at {} streams",
    "added latency ms p50 / p99",
    "RSS MB at rest",
    "KB/idle stream",
    "first answer s",
)
LIMITS = {"cpu_us_per_request": 2.4, "cpu_us_per_event": 1.2}
"""How many times the floor's the gateway may cost."""
TRANSLATION_LIMITS = {"us_per_request": 150.0, "us_per_event": 40.0, "stall_ms": 20.0}
"""What a translation may add to a pass-through, and how long it may keep others from their turn."""


def render(report: dict[str, Any]) -> str:
    """The machine, the table, the ratios, and who is missing."""
    plan, subjects = report["plan"], report["subjects"]
    measured = [figures for figures in subjects if figures["p50_ms"]]
    direct = next(figures for figures in subjects if not figures["first_answer_s"] and figures["p50_ms"])
    streams = [str(number) for number in plan["streams"]]
    lines = [
        f"{report['machine']}; one core for the proxy, one for the load; medians of {plan['rounds']} rounds.",
        "",
        "| " + " | ".join(column.format(" / ".join(streams)) for column in COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
    ]
    lines += [row(figures, direct, streams) for figures in measured if figures is not direct]
    lines += ["", f"Upstream itself: p50 {number(direct['p50_ms'], 3)} ms, p99 {number(direct['p99_ms'], 3)} ms."]
    lines += ratios(measured, streams)
    lines += [f"{figures['name']}: {figures['missing']}" for figures in subjects if figures["missing"]]
    return "\n".join(lines) + "\n"


def render_translation(costs: list[dict[str, Any]]) -> str:
    """What each target costs on top of a pass-through, beside what it may cost."""
    limits = [f"{most:,.0f}" for most in TRANSLATION_LIMITS.values()]
    lines = [
        "| {} | {} (at most {}) | {} (at most {}) | {} (at most {}) |".format(
            "translation, on top of a pass-through",
            *("CPU µs/request of 2 KB", limits[0], "CPU µs/event", limits[1], "longest stall ms at 1 MB", limits[2]),
        ),
        "|---|---|---|---|",
    ]
    for its in costs:
        cells = [number(its[key], 1) for key in TRANSLATION_LIMITS]
        lines.append(f"| chat → {its['name']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def row(figures: dict[str, Any], direct: dict[str, Any], streams: list[str]) -> str:
    """One proxy."""
    added = [
        f"{median(figures[key]) - median(direct[key]):.2f}" if figures[key] else NONE for key in ("p50_ms", "p99_ms")
    ]
    cells = [
        figures["name"],
        number(figures["cpu_us_per_request"]),
        number(figures["requests_per_second"]),
        " / ".join(number(figures["cpu_us_per_event"].get(count, [])) for count in streams),
        " / ".join(added),
        number(figures["rest_mb"]),
        number(figures["kb_per_idle_stream"], 1),
        number(figures["first_answer_s"], 2),
    ]
    return "| " + " | ".join(cells) + " |"


def ratios(measured: list[dict[str, Any]], streams: list[str]) -> list[str]:
    """The gateway over the floor, round by round, beside what it may be."""
    by_name = {figures["name"]: figures for figures in measured}
    gateway, floor = by_name.get(GATEWAY), by_name.get(FLOOR)
    if gateway is None or floor is None:
        return []
    request = ratio(gateway["cpu_us_per_request"], floor["cpu_us_per_request"])
    events = [ratio(gateway["cpu_us_per_event"].get(n, []), floor["cpu_us_per_event"].get(n, [])) for n in streams]
    per_request, per_event = LIMITS["cpu_us_per_request"], LIMITS["cpu_us_per_event"]
    return [
        f"Gateway / floor per request: {request} (at most {per_request}).",
        f"Gateway / floor per event: {' / '.join(events)} (at most {per_event}).",
    ]


def ratio(ours: list[float], theirs: list[float]) -> str:
    """The median of the rounds' ratios: each compares what was measured within the same minute."""
    rounds = [one / other for one, other in zip(ours, theirs, strict=False) if other]
    return f"{median(rounds):.2f}" if rounds else NONE


def number(rounds: list[float], digits: int = 0) -> str:
    return f"{median(rounds):,.{digits}f}" if rounds else NONE
