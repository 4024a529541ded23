"""Turns facts into log lines and numbers: the one place where what happens becomes what is seen.

Actors and the face state facts and know of no log and no metric. Neither a key nor a word of a message gets from here
into a line: failures are named by kind, crashes by type and frames. What a fact becomes stands in the file of those
that it is about: requests, providers, services, the process.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.attempt import Attempt
from actors.events import (
    ActorBuried,
    AttemptEnded,
    BreakerMoved,
    CallCrash,
    CoolingDown,
    ErrandCrashed,
    ErrandEnded,
    ErrandLeft,
    KeyMoved,
    LateSettlement,
    Refused,
    Retried,
)
from actors.memory_monitor import PressureMoved
from actors.supervision import ChildStarted, ChildStopped, Escalating, Restarted
from gateway.neighbour import ToolRan
from gateway.providers.model_lists import ListMoved
from gateway.telemetry.logs import Logs, render_crash
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.process_facts import ProcessFacts
from gateway.telemetry.provider_facts import ProviderFacts
from gateway.telemetry.record import RequestRecord
from gateway.telemetry.request_facts import Bill, RequestFacts, Tracer
from gateway.telemetry.service_facts import ServiceFacts
from gateway.telemetry.span_queue import ExportMoved, SpansDropped, SpansExported


def bills_nobody(_attempt: Attempt) -> None:
    """For those who keep no books."""


class Observer:
    """Takes every fact of one gateway, on its event loop's thread; never raises, never blocks."""

    def __init__(self, logs: Logs, metrics: Metrics, bill: Bill = bills_nobody) -> None:
        """`bill` is told of every attempt that has ended, before anybody else reads what it cost."""
        self._metrics = metrics
        self._requests = RequestFacts(metrics, bill)
        self._providers = ProviderFacts(metrics)
        self._process = ProcessFacts(metrics)
        self.services = ServiceFacts(metrics)
        self.watch: Callable[[object], None] | None = None
        """Is told of every fact that does not come with every request."""
        self._tracer: Tracer | None = None
        self.speak_through(logs)

    def trace_with(self, tracer: Tracer) -> None:
        """From here on requests and tools leave traces."""
        self._tracer = self._requests.tracer = tracer

    def speak_through(self, logs: Logs) -> None:
        """From here on its lines keep to the levels of `logs` as they are now."""
        for facts in (self._requests, self._providers, self._process, self.services):
            facts.speak_through(logs)
        self._own = logs.get(__name__)

    @property
    def awaited(self) -> int:
        """How many attempts still run whose requests are over."""
        return self._requests.awaited

    def take(self, event: object) -> None:
        """An actor's fact; the actors' `Observe`."""
        try:
            if isinstance(event, AttemptEnded):  # the one that comes with every request
                self._requests.attempt_ended(event.attempt)
            else:
                self._take_rare(event)
                if self.watch is not None:
                    self.watch(event)
        except Exception as bug:  # the actor that states a fact must not die of it
            self._not_observed(event, bug)

    def request_ended(self, record: RequestRecord) -> None:
        """A request is over: its line and its numbers, as soon as its last attempt is."""
        try:
            self._requests.request_ended(record)
        except Exception as bug:  # the answer must not be lost for its line
            self._not_observed(record, bug)

    def request_crashed(self, bug: Exception, request_id: str) -> None:
        """The face's own code raised what nobody expected while it served this request."""
        self._requests.request_crashed(bug, request_id)

    def tool_ran(self, ran: ToolRan) -> None:
        """A tool was run: its line, its figure and its span."""
        self.services.tool_ran(ran)
        if self._tracer is not None:
            self._tracer.tool_ran(ran)

    def store_moved(self, before: str, after: str, because: str) -> None:
        """The shared store came, went, or is not used at all."""
        self._process.store_moved(before, after, because)

    def store_answered(self, operation: str, seconds: float) -> None:
        self._metrics.observe_store(operation, seconds)

    def store_refused(self, operation: str, command: str, because: str) -> None:
        """The store answered a script or a command with an error."""
        self._process.store_refused(operation, command, because)

    def store_unanswered(self, operation: str, was_connected: bool) -> None:
        """Whoever asked the store and waited goes without an answer: a client gets a 503, or does without."""
        self._process.store_unanswered(operation, was_connected)

    def _take_rare(self, event: object) -> None:
        match event:
            case Retried():
                self._requests.retried(event)
            case CallCrash():
                self._requests.call_crashed(event)
            case LateSettlement():
                self._requests.settled_late(event)
            case Refused():
                self._requests.refused(event)
            case BreakerMoved():
                self._providers.breaker_moved(event)
            case CoolingDown():
                self._providers.cools_down(event)
            case KeyMoved():
                self._providers.key_moved(event)
            case ListMoved():
                self._providers.list_moved(event)
            case ErrandEnded():
                self.services.errand_ended(event)
            case ErrandLeft():
                self._requests.errand_left(event)
            case ErrandCrashed():
                self.services.errand_crashed(event)
            case ActorBuried():
                self._process.actor_buried(event)
            case PressureMoved():
                self._process.pressure_moved(event)
            case ChildStarted() | ChildStopped() | Restarted() | Escalating():
                self._process.supervised(event)
            case SpansExported(spans):
                self._metrics.count_spans("exported", spans)
            case SpansDropped(spans, because):
                self._metrics.count_spans(because, spans)
            case ExportMoved():
                self._process.export_moved(event)

    def _not_observed(self, fact: object, bug: Exception) -> None:
        self._own.error("a fact could not be observed", kind=type(fact).__name__, crash=render_crash(bug))
