"""What services beside the gateway and tools do, as log lines and numbers; the observer hands their facts on."""

from __future__ import annotations

from actors.events import ErrandCrashed, ErrandEnded
from actors.shortage import HOST
from gateway.neighbour import ToolRan
from gateway.telemetry.kinds import kind_of
from gateway.telemetry.logs import MAX_TEXT, Logs, render_crash, rounded
from gateway.telemetry.metrics import Metrics


class ServiceFacts:
    """Takes those facts; never blocks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def speak_through(self, logs: Logs) -> None:
        """From here on its lines keep to the levels of `logs` as they are now."""
        self._service = logs.get("actors.service")
        self._tools = logs.get("gateway.orchestrator")
        self._context = logs.get("gateway.context")

    def errand_ended(self, event: ErrandEnded) -> None:
        """A service was asked: no line each, its breaker has one when it moves."""
        service, operation, seconds, failure, _ = event
        outcome = "ok" if failure is None else kind_of(failure)
        self._metrics.observe_service(service, operation, outcome, seconds)
        if failure is not None and failure.blames_provider:
            self._metrics.count_breaker_failure(service, HOST)

    def errand_crashed(self, event: ErrandCrashed) -> None:
        service, operation, error = event
        self._service.error("errand crashed", service=service, operation=operation, crash=render_crash(error))

    def tool_ran(self, ran: ToolRan) -> None:
        seconds, failure = ran.ended_at - ran.began_at, ran.failure
        outcome = "ok" if failure is None else kind_of(failure)
        self._metrics.observe_tool(ran.tool, outcome, seconds)
        self._tools.info(
            "tool ran",
            correlation_id=ran.request_id[:MAX_TEXT],
            tool=ran.tool,
            turn=ran.turn,
            outcome=outcome,
            seconds=rounded(seconds),
        )

    def odd_context_mode(self, value: str) -> None:
        """A client sent an X-CMS-Mode that is none; said once for each."""
        self._context.warning("unknown X-CMS-Mode", mode=value, taken_for="auto")
