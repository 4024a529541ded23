"""What /metrics says, as numbers."""

from __future__ import annotations

from tests.sockets.processes import GatewayProcess

Samples = dict[tuple[str, str], float]
"""Every sample by its name and its labels as they are written."""


def samples(gateway: GatewayProcess) -> Samples:
    found = {}
    for line in gateway.text("/metrics").splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            found[name, labels.rstrip("}")] = float(value)
    return found


def disconnects(gateway: GatewayProcess, endpoint: str) -> tuple[float, float]:
    """How many clients of `endpoint` left, and how long all of their upstream calls together took to end."""
    name, label = "gateway_disconnect_to_upstream_closed_seconds", f'endpoint="{endpoint}"'
    scraped = samples(gateway)
    return _sum_of(scraped, f"{name}_count", label), _sum_of(scraped, f"{name}_sum", label)


def total(gateway: GatewayProcess, name: str, *labels: str) -> float:
    """The sum of the samples of that name that have all these labels, each as `name="value"`."""
    return _sum_of(samples(gateway), name, *labels)


def _sum_of(scraped: Samples, name: str, *labels: str) -> float:
    return sum(value for (found, has), value in scraped.items() if found == name and all(x in has for x in labels))
