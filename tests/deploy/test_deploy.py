"""Dashboards and alerts ask for nothing that is not exported: what is renamed is seen here, not at night."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.exposition import expose
from gateway.telemetry.merge import merge, tell
from tests.telemetry.everything import everything

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMISED = {
    "llm_request_duration_seconds_bucket",
    "llm_request_total",
    "llm_tokens_total",
    "llm_errors_total",
    "llm_cost_usd_total",
    "circuit_breaker_state",
    "circuit_breaker_failures_total",
    "retry_attempts_total",
    "llm_time_to_first_token_seconds_bucket",
    "gateway_overhead_seconds_bucket",
    "gateway_in_flight",
    "gateway_waiting",
    "gateway_memory_bytes",
    "gateway_memory_pressure",
    "gateway_actor_mailbox_depth",
    "gateway_actor_restarts_total",
    "gateway_disconnect_to_upstream_closed_seconds_bucket",
    "gateway_store_seconds_bucket",
    "gateway_store_mode",
    "gateway_worker_up",
    "gateway_spans_total",
}
TARGET = {"job", "instance"}
"""Labels that Prometheus itself gives."""
AGGREGATED = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
RANGE = re.compile(r"\[[^\]]*\]")
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(\s*\()?")
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


class Asked(NamedTuple):
    """One expression, where it stands, and what stands beside it."""

    where: str
    promql: str
    shown: str = ""
    """Texts in which labels of the result are named."""


@cache
def exported() -> dict[str, set[str]]:
    """Every sample's name with its labels, as several workers export them."""

    async def scrape() -> bytes:
        metrics = everything()
        return await expose(await merge("0", await tell(metrics.now()), {"1": await tell(metrics.now())}))

    found: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(trio.run(scrape).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def panels() -> Iterator[dict[str, Any]]:
    yield from json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))["panels"]


def expressions() -> Iterator[Asked]:
    for panel in panels():
        for target in panel.get("targets", []):
            yield Asked(f"panel {panel['title']}", target["expr"], target["legendFormat"])
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield Asked(f"alert {rule['alert']}", rule["expr"], " ".join(rule["annotations"].values()))
    for variable in json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            assert variable["query"]["query"] == variable["definition"]
            yield Asked(f"variable {variable['name']}", f"sum by ({label}) ({selector})")


ALL = list(expressions())


def metrics_in(promql: str) -> dict[str, set[str]]:
    """The metrics that an expression names, each with the labels that it is selected by."""
    found: dict[str, set[str]] = {}
    for name, matchers, called in SELECTOR.findall(RANGE.sub("", AGGREGATED.sub(" ", TEXT.sub('""', promql)))):
        if not called and name not in WORDS:
            found.setdefault(name, set()).update(MATCHER.findall(matchers))
    return found


def test_an_expression_is_taken_apart_as_meant() -> None:
    promql = 'histogram_quantile(0.9, sum by (a, le) (rate(x_bucket{b=~"$b|by (c)", d!="1"}[5m]))) / on (a) y > 0.2'
    assert metrics_in(promql) == {"x_bucket": {"b", "d"}, "y": set()}


@pytest.mark.parametrize("asked", ALL, ids=lambda asked: asked.where)
def test_every_expression_asks_for_what_is_exported(asked: Asked) -> None:
    """Names, labels that select, labels that group, and labels that titles and legends show."""
    metrics = metrics_in(asked.promql)
    assert metrics
    assert metrics.keys() <= exported().keys()
    for name, selected in metrics.items():
        assert selected <= exported()[name] | TARGET, name
    grouped = {label.strip() for group in AGGREGATED.findall(asked.promql) for label in group.split(",")}
    for name in metrics:
        assert grouped - TARGET <= exported()[name], name
    shown = {*re.findall(r"\$labels\.(\w+)", asked.shown), *re.findall(r"\{\{(\w+)\}\}", asked.shown)}
    assert shown <= (grouped or TARGET)


def test_a_dashboard_can_be_imported() -> None:
    """Every panel has an id of its own, a place beside the others, a data source that is chosen, and a description."""
    placed: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        at = panel["gridPos"]
        area = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not area & placed, panel["title"]
        assert at["x"] + at["w"] <= 24
        placed |= area
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"


def test_what_operators_were_promised_is_seen_somewhere() -> None:
    """In a panel or an alert: whatever comes with every gateway."""
    used = {name for asked in ALL for name in metrics_in(asked.promql)}
    assert exported().keys() >= PROMISED
    assert used >= PROMISED


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's prometheus) is not installed")
@pytest.mark.parametrize(
    "command",
    [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml"), ("check", "config", "prometheus.yml")],
    ids=" ".join,
)
def test_prometheus_own_tool_takes_them(command: tuple[str, ...]) -> None:
    check = subprocess.run(["promtool", *command], cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
