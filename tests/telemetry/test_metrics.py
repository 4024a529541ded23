"""The exposition as a Prometheus server reads it: names, labels and numbers."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

import pytest
import trio
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry import families
from gateway.telemetry.exposition import Form, expose, parts_of
from gateway.telemetry.merge import merge, tell
from gateway.telemetry.metrics import Metrics, RequestSeries
from gateway.telemetry.scrape import ActorFigures
from tests.telemetry.everything import everything


def plain(metrics: Metrics, model: str = "gpt-4o") -> RequestSeries:
    """Those of an ordinary request."""
    return metrics.series("openai", model, "chat/completions", 200, False)


CONTRACT = {
    "llm_request_duration_seconds": ("histogram", {"provider", "model", "endpoint", "stream"}),
    "llm_request": ("counter", {"provider", "model", "endpoint", "status"}),
    "llm_tokens": ("counter", {"provider", "model", "type"}),
    "llm_errors": ("counter", {"provider", "type"}),
    "circuit_breaker_state": ("gauge", {"provider", "model"}),
    "circuit_breaker_failures": ("counter", {"provider", "model"}),
    "retry_attempts": ("counter", {"provider", "operation"}),
    "llm_time_to_first_token_seconds": ("histogram", {"provider", "endpoint"}),
    "gateway_overhead_seconds": ("histogram", {"provider", "endpoint"}),
    "gateway_in_flight": ("gauge", {"actor"}),
    "gateway_concurrency_limit": ("gauge", {"actor"}),
    "gateway_waiting": ("gauge", {"actor"}),
    "gateway_memory_bytes": ("gauge", {"actor"}),
    "gateway_actor_mailbox_depth": ("gauge", {"actor"}),
    "gateway_actor_restarts": ("counter", {"actor"}),
    "gateway_disconnect_to_upstream_closed_seconds": ("histogram", {"endpoint"}),
    "gateway_store_seconds": ("histogram", {"operation"}),
    "gateway_store_unanswered": ("counter", {"operation"}),
    "gateway_store_mode": ("gauge", set()),
    "gateway_service_seconds": ("histogram", {"service", "operation", "outcome"}),
    "gateway_memory_pressure": ("gauge", set()),
    "gateway_tasks": ("gauge", set()),
    "gateway_tool_seconds": ("histogram", {"tool", "outcome"}),
    "gateway_spans": ("counter", {"outcome"}),
    "gateway_cache": ("counter", {"endpoint", "result"}),
    "llm_cost_usd": ("counter", {"provider", "model"}),
    "llm_unpriced_calls": ("counter", {"provider", "model"}),
}
"""The table that dashboards rely on; the parser takes `_total` off a counter's name."""


def anything(model: str) -> bool:
    return True


def read(metrics: Metrics) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text(metrics))}


def text(metrics: Metrics) -> str:
    return trio.run(expose, parts_of(metrics.now())).decode()


async def merged(metrics: Metrics, form: Form = Form.TEXT) -> bytes:
    """The same with another worker's, who has counted other things."""
    return await expose(await merge("0", await tell(metrics.now()), {"1": await tell(everything().now())}), form)


def request(metrics: Metrics, model: str, seconds: float) -> None:
    series = plain(metrics, model)
    series.requests.value += 1
    series.duration.observe(seconds)


def value(metrics: Metrics, sample_name: str, **labels: str) -> float | None:
    for family in read(metrics).values():
        for sample in family.samples:
            if sample.name == sample_name and sample.labels == labels:
                return float(sample.value)
    return None


def test_names_types_and_labels_are_the_contract() -> None:
    """Exactly the table: nothing missing, nothing beside it."""
    metrics = everything()
    found = {
        name: (family.type, set().union(*(set(sample.labels) for sample in family.samples)) - {"le"})
        for name, family in read(metrics).items()
    }
    assert found == CONTRACT


def test_a_histogram_counts_a_bound_itself_in_its_bucket() -> None:
    """`le` means less or equal; buckets are cumulative and the last one is the count."""
    metrics = Metrics(anything)
    duration = plain(metrics).duration
    for seconds in (0.05, 0.1, 0.11, 600, 601):
        duration.observe(seconds)
    labels = {"provider": "openai", "model": "gpt-4o", "endpoint": "chat/completions", "stream": "false"}
    name = "llm_request_duration_seconds"
    assert value(metrics, f"{name}_bucket", **labels, le="0.1") == 2
    assert value(metrics, f"{name}_bucket", **labels, le="0.25") == 3
    assert value(metrics, f"{name}_bucket", **labels, le="600.0") == 4
    assert value(metrics, f"{name}_bucket", **labels, le="+Inf") == 5
    assert value(metrics, f"{name}_count", **labels) == 5
    assert value(metrics, f"{name}_sum", **labels) == pytest.approx(1201.26)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("llm_time_to_first_token_seconds", "0.05", "60.0"),
        ("llm_request_duration_seconds", "0.1", "600.0"),
        ("gateway_overhead_seconds", "5e-05", "0.1"),
    ],
)
def test_buckets_reach_from_the_fastest_to_the_slowest_there_are(name: str, first: str, last: str) -> None:
    """As a server reads them, in rising order; no step is wider than three times the bound below it."""
    bounds = [sample.labels["le"] for sample in read(everything())[name].samples if "le" in sample.labels]
    assert (bounds[0], bounds[-2:]) == (first, [last, "+Inf"])
    seconds = [float(bound) for bound in bounds[:-1]]
    assert all(low < high <= 3 * low for low, high in pairwise(seconds))


def test_a_model_nobody_knows_counts_as_other() -> None:
    """Clients invent names; each would be a series for ever."""
    metrics = Metrics(lambda model: model == "gpt-4o")
    for number in range(100):
        plain(metrics, f"made-up-{number}").requests.value += 1
        metrics.count_breaker_failure("openai", f"made-up-{number}")
    plain(metrics).requests.value += 1
    labels = {"provider": "openai", "endpoint": "chat/completions", "status": "200"}
    assert value(metrics, "llm_request_total", **labels, model="other") == 100
    assert value(metrics, "llm_request_total", **labels, model="gpt-4o") == 1
    assert value(metrics, "circuit_breaker_failures_total", provider="openai", model="other") == 100
    assert "made-up" not in text(metrics)


def test_a_request_without_a_model_or_a_provider_has_labels_too() -> None:
    """An empty label would be the same as none."""
    metrics = Metrics(anything)
    metrics.series("none", "", "chat/completions", 401, False).requests.value += 1
    labels = {"provider": "none", "model": "none", "endpoint": "chat/completions", "status": "401"}
    assert value(metrics, "llm_request_total", **labels) == 1


def test_label_values_are_escaped() -> None:
    """A quote or a line break in a name does not break the exposition."""
    metrics = Metrics(anything)
    plain(metrics, 'a"b\\c\nd').requests.value += 1
    (sample,) = read(metrics)["llm_request"].samples
    assert sample.labels["model"] == 'a"b\\c\nd'


def test_the_number_of_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound everything new counts under `other`, and nothing is lost."""
    monkeypatch.setattr(families, "MAX_CHILDREN", 3)
    metrics = Metrics(anything)
    for number in range(10):
        metrics.count_error("openai", f"kind-{number}")
    samples = read(metrics)["llm_errors"].samples
    assert len(samples) == 4
    assert sum(sample.value for sample in samples) == 10
    assert value(metrics, "llm_errors_total", provider="other", type="other") == 7


def test_two_gateways_in_one_process_do_not_see_each_other() -> None:
    """Each has its own registry, and the default one stays empty of ours."""
    one, two = Metrics(anything), Metrics(anything)
    one.count_retry("openai", "hedge")
    assert value(one, "retry_attempts_total", provider="openai", operation="hedge") == 1
    assert value(two, "retry_attempts_total", provider="openai", operation="hedge") is None


def test_a_provider_that_starts_anew_has_closed_breakers() -> None:
    """Its neighbour's stay as they are."""
    metrics = Metrics(anything)
    metrics.set_breaker("openai", "gpt-4o", 2)
    metrics.set_breaker("openai", "*", 1)
    metrics.set_breaker("google", "*", 2)
    metrics.close_breakers("openai")
    assert value(metrics, "circuit_breaker_state", provider="openai", model="gpt-4o") == 0
    assert value(metrics, "circuit_breaker_state", provider="openai", model="*") == 0
    assert value(metrics, "circuit_breaker_state", provider="google", model="*") == 2


def test_a_figure_an_actor_does_not_have_is_left_out() -> None:
    """A router has a mailbox, but no memory budget."""
    metrics = Metrics(anything, lambda: [ActorFigures("router", mailbox_depth=7, restarts=1)])
    assert value(metrics, "gateway_actor_mailbox_depth", actor="router") == 7
    assert value(metrics, "gateway_actor_restarts_total", actor="router") == 1
    assert value(metrics, "gateway_memory_bytes", actor="router") is None


def test_a_scrape_walks_over_a_copy_of_the_children() -> None:
    """Walking over the dictionary itself would fail as soon as the loop adds a series."""
    family = families.Counters("a", "b", ("c",))
    before = family.children()
    family.child("new").value += 1
    assert before == {}


async def test_a_scrape_beside_a_loop_that_counts_is_whole() -> None:
    """Others have their turn after each part; new series are seen or not, and every histogram adds up."""
    metrics = Metrics(anything, lambda: [ActorFigures("router", mailbox_depth=turns, restarts=0)])
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            request(metrics, f"model-{turns % 700}", 0.2)
            await trio.lowlevel.checkpoint()

    for number in range(500):
        request(metrics, f"model-{number}", 0.2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        body = await expose(parts_of(metrics.now()))
        nursery.cancel_scope.cancel()

    assert turns > 500 * 17 // families.PART_SAMPLES
    found = {family.name: family for family in text_string_to_metric_families(body.decode())}
    assert found["gateway_actor_mailbox_depth"].samples[0].value == 0, "actors are read when a scrape begins"
    samples = found["llm_request_duration_seconds"].samples
    totals = {sample.labels["model"]: sample.value for sample in samples if sample.name.endswith("_count")}
    last = {sample.labels["model"]: sample.value for sample in samples if sample.labels.get("le") == "+Inf"}
    assert len(totals) >= 500
    assert totals == last


def test_no_part_of_a_family_is_large() -> None:
    metrics = Metrics(anything)
    for number in range(1000):
        request(metrics, f"model-{number}", 0.2)
    assert max(len(part.samples) for part in metrics.collect()) <= families.PART_SAMPLES


def test_what_is_written_is_what_the_client_library_would_write() -> None:
    """Sample by sample, with names and values that have to be escaped."""
    metrics = everything()
    request(metrics, 'a"b\\c\nd', 1e-7)
    theirs = text_string_to_metric_families(generate_latest(metrics.now()).decode())
    assert read(metrics) == {family.name: family for family in theirs}


def test_an_exemplar_names_the_last_trace_in_its_bucket() -> None:
    """In OpenMetrics, which alone has them; `# EOF` and all, as its own parser wants it."""
    metrics = Metrics(anything, exemplars=True)
    series = plain(metrics)
    for seconds, trace in ((0.2, "a" * 32), (0.21, "b" * 32), (400, "c" * 32)):
        series.duration.observe(seconds)
        series.exemplify(seconds, None, trace)
    for body in (trio.run(expose, parts_of(metrics), Form.OPENMETRICS), trio.run(merged, metrics, Form.OPENMETRICS)):
        found = {
            sample.labels["le"]: (sample.exemplar.labels["trace_id"], sample.exemplar.value)
            for family in openmetrics_families(body.decode())
            for sample in family.samples
            if sample.exemplar is not None
        }
        assert found == {"0.25": ("b" * 32, 0.21), "600.0": ("c" * 32, 400)}
    assert "trace_id" not in text(metrics)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's prometheus) is not installed")
def test_prometheus_own_tool_finds_nothing_to_complain_of() -> None:
    """Of form, and of style, with one worker and with several."""
    for body in (text(everything()), trio.run(merged, everything()).decode()):
        check = subprocess.run(
            ["promtool", "check", "metrics"], input=body, capture_output=True, text=True, check=False
        )
        assert (check.returncode, check.stdout, check.stderr) == (0, "", "")
