"""Looks at every gateway after every step of the scheduler: books that must balance and bounds that must hold then.

An instrument must not raise, so what it sees is kept for the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import trio

from actors.provider import ProviderActor
from tests.memory_network import MemoryNetwork
from tests.sim.evidence import Evidence, Life
from tests.sim.town import HOUSES

MOST_COMPLAINTS = 5


class Watch(trio.abc.Instrument):
    """Watches one run."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._watching = False
        self.complaints: list[tuple[int, str]] = []
        """Promise and words."""

    def begin(self) -> None:
        self._watching = True

    def before_io_wait(self, timeout: float) -> None:
        """Everybody who could run has run."""
        if not self._watching or len(self.complaints) >= MOST_COMPLAINTS:
            return
        now = trio.current_time()
        for life in self._evidence.lives:
            if life.running.ended_at is None:
                self._look_at(life, now)

    def _look_at(self, life: Life, now: float) -> None:
        gateway = life.running.gateway
        ingress = gateway.ingress
        if not 0 <= ingress.used <= ingress.limit:
            self._complain(6, f"ingress holds {ingress.used} of {ingress.limit} bytes")
        actors = gateway.actors
        for name in HOUSES:
            actor = actors.provider(name)
            if actor is not None:
                self._look_at_provider(actor, now)
        router = actors.router()
        if router is not None and router.mailbox.statistics().depth > 4096:
            self._complain(6, "the router's mailbox is fuller than full")

    def _look_at_provider(self, actor: ProviderActor, now: float) -> None:
        flying = actor._in_flight
        admission = actor.admission
        concurrency = admission.concurrency
        if concurrency.used != len(flying):
            self._complain(5, f"{actor.name}: {len(flying)} calls hold {concurrency.used} permits")
        if concurrency.used > actor.settings.max_concurrent:
            self._complain(6, f"{actor.name}: {concurrency.used} calls at a time")
        if actor.waiters.count > actor.settings.max_waiting:
            self._complain(6, f"{actor.name}: {actor.waiters.count} wait")
        if not flying and not actor.waiters.count:
            return
        if admission.memory.used < sum(hold.bytes for hold in flying.values()):
            self._complain(5, f"{actor.name}: less memory is charged than its calls hold")
        for attempt in flying:
            if now > attempt.due and not attempt.stopped:
                self._complain(4, f"{actor.name}: attempt of {attempt.call.id} runs {now - attempt.due:g} s too long")
        for attempt in actor.waiters:
            if now > attempt.call.deadline:
                self._complain(4, f"{actor.name}: {attempt.call.id} waits beyond its deadline")
            if attempt.call.left:
                self._complain(3, f"{actor.name}: {attempt.call.id} waits though its asker has gone")

    # At the end.

    def check_rest(self, present: Iterable[Life]) -> None:
        """Nothing is under way any more: every book is at its baseline."""
        for life in present:
            for what, left in _left_over(life):
                if left:
                    self._complain(5, f"worker {life.worker} is at rest, and of {what} {left} are left")

    def check_end(self, network: MemoryNetwork) -> None:
        """Everybody was told to stop a second ago."""
        for life in self._evidence.lives:
            if life.running.ended_at is None:
                self._complain(18, f"worker {life.worker} has not ended")
        if network.open_streams():
            self._complain(5, f"{network.open_streams()} ends of connections are left open")
        self._watching = False

    def _complain(self, promise: int, words: str) -> None:
        self.complaints.append((promise, f"at {trio.current_time():g}: {words}"))


def _left_over(life: Life) -> Iterator[tuple[str, float]]:
    """Everything that must be nothing when nobody is there."""
    gateway = life.running.gateway
    for name in gateway.config.providers:
        actor = gateway.actors.provider(name)
        if actor is None:
            yield f"{name}'s absence", 1
            continue
        mailbox, waiters, admission = actor.mailbox.statistics(), actor.waiters, actor.admission
        yield f"{name}'s calls in flight", actor.in_flight
        yield f"{name}'s waiters", waiters.count + waiters.bytes
        yield f"{name}'s permits", admission.concurrency.used
        yield f"{name}'s memory", admission.memory.used
        yield f"{name}'s mailbox", mailbox.depth + mailbox.bytes
        again = actor._queue._next_try  # one, for a queue that is empty by now
        yield f"{name}'s timers", len(actor._timers) - (again is not None and again.pending)
    router = gateway.actors.router()
    if router is None:
        yield "the router's absence", 1
    else:
        figures, mailbox = router.view(), router.mailbox.statistics()
        yield "the router's calls", figures["in_flight"]
        yield "the router's timers", figures["timers"]
        yield "the router's mailbox", mailbox.depth + mailbox.bytes
        for client, account in figures["clients"].items():
            yield f"{client}'s permits", account["concurrent"] or 0
    yield "ingress bytes", gateway.ingress.used
    yield "attempts whose clients have gone", gateway.observer.abandoned
    for origin, pool in gateway.upstream.statistics().items():
        yield f"busy connections to {origin}", pool.busy + pool.connecting
    for call in life.calls:
        yield "a relay's bytes", 0 if call.relay is None else call.relay.held_bytes
