"""Looks at every gateway after every step of the scheduler: books that must balance and bounds that must hold then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import trio

from actors.admission import ROOM_LOOK_S, Hold
from actors.attempt import Attempt
from actors.letters import Broken, Failed, Rotated
from actors.mailbox import Mailbox
from actors.provider import ProviderActor
from actors.router import RouterActor
from actors.shortage import MEMORY, PERMITS
from tests.memory_network import MemoryNetwork
from tests.sim.evidence import Evidence, Life

MOST_COMPLAINTS: Final = 5


class Complaints:
    """What is seen to be wrong while a run goes on, as promise and words; an instrument must not raise."""

    def __init__(self, kept: list[tuple[int, str]]) -> None:
        self._kept = kept

    @property
    def enough(self) -> bool:
        return len(self._kept) >= MOST_COMPLAINTS

    def add(self, promise: int, words: str) -> None:
        self._kept.append((promise, f"at {trio.current_time():g}: {words}"))

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Who looks and stumbles has seen nothing: Trio would take an instrument away that raises, and go on."""
        try:
            yield
        except Exception as bug:
            self.add(5, f"who looks has stumbled: {bug!r}")

    def leftovers(self, books: Iterable[tuple[str, float]], *, whose: str = "") -> None:
        """Everything in `books` has to be nothing."""
        for what, left in books:
            if left:
                self.add(5, f"{whose}all is quiet, and of {what} {left:g} are left")


class Watch(trio.abc.Instrument):
    """Watches one run of whole gateways."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._watching = False
        self._complaints = Complaints(evidence.complaints)

    def begin(self) -> None:
        self._watching = True

    def before_io_wait(self, timeout: float) -> None:
        """Everybody who could run has run."""
        if not self._watching or self._complaints.enough:
            return
        with self._complaints.looking():
            now = trio.current_time()
            for life in self._evidence.lives:
                if life.running.ended_at is None:
                    self._look_at(life, now)

    def _look_at(self, life: Life, now: float) -> None:
        gateway = life.running.gateway
        ingress = gateway.ingress
        if not 0 <= ingress.used <= ingress.limit:
            self._complaints.add(6, f"ingress holds {ingress.used} of {ingress.limit} bytes")
        for actor in gateway.actors._providers.values():  # whoever has been asked anything
            if (actor._in_flight or actor.waiters.count or actor.admission.concurrency.used) and not actor.buried:
                look_at_provider(actor, now, self._complaints)

    # At the end.

    def check_rest(self, present: Iterable[Life]) -> None:
        """Nothing is under way any more: every book is at its baseline."""
        for life in present:
            self._complaints.leftovers(_left_over(life), whose=f"worker {life.worker}: ")

    def check_end(self, network: MemoryNetwork) -> None:
        """Everybody was told to stop a second ago."""
        for life in self._evidence.lives:
            if life.running.ended_at is None:
                self._complaints.add(18, f"worker {life.worker} has not ended")
        if network.open_streams():
            self._complaints.add(5, f"{network.open_streams()} ends of connections are left open")
        self._watching = False


def look_at_provider(actor: ProviderActor, now: float, complaints: Complaints) -> None:
    """Books that must balance and bounds that must hold at any moment."""
    flying, waiters, concurrency = actor._in_flight, actor.waiters, actor.admission.concurrency
    if actor.mailbox._letters:
        look_at_mailbox(actor.mailbox, complaints)
    if not (flying or waiters.count or concurrency.used):
        return
    if concurrency.used != len(flying):
        complaints.add(5, f"{actor.name}: {len(flying)} calls hold {concurrency.used} permits")
    if concurrency.used > actor.settings.max_concurrent:
        complaints.add(6, f"{actor.name}: {concurrency.used} calls at a time")
    if waiters.count > actor.settings.max_waiting or waiters.bytes > actor.settings.max_waiting_bytes:
        complaints.add(6, f"{actor.name}: {waiters.count} wait with {waiters.bytes} bytes")
    if actor.admission.memory.used < sum(map(_bytes_of, flying.items())):
        complaints.add(5, f"{actor.name}: less memory is charged than its calls hold")
    if waiters.count and _waits_in_vain(actor, waiters.first(), now):
        complaints.add(11, f"{actor.name}: {waiters.count} wait though there is room")
    for attempt in flying:
        if now > attempt.due and not attempt.stopped:
            complaints.add(4, f"{actor.name}: an attempt of {attempt.call.id} runs {now - attempt.due:g} s too long")
        if attempt.dismissed and attempt.scope is not None and not attempt.stopped:
            complaints.add(3, f"{actor.name}: an attempt of {attempt.call.id} that nobody wants is not stopped")
    for attempt in waiters:
        if now > attempt.call.deadline:
            complaints.add(4, f"{actor.name}: {attempt.call.id} waits beyond its deadline")
        if attempt.call.left:
            complaints.add(3, f"{actor.name}: {attempt.call.id} waits though its asker has gone")


def look_at_mailbox(mailbox: Mailbox[Any], complaints: Complaints) -> None:
    """Nobody stands in a place that there is not; reports have places of their own behind those."""
    for place, (letter, _, _) in enumerate(mailbox._letters):
        if place >= mailbox._capacity and not isinstance(letter, Failed | Broken | Rotated):
            complaints.add(6, f"a letter stands in place {place + 1} of the mailbox of {mailbox._owner}")


def _bytes_of(flying: tuple[Attempt, Hold]) -> int:
    attempt, hold = flying
    relay = attempt.call.relay
    return hold.bytes + (0 if relay is None or attempt.content_at is None else relay.held_bytes)


def _waits_in_vain(actor: ProviderActor, first: Attempt, now: float) -> bool:
    """There is what it says that it waits for, and nobody is about to look."""
    again, admission = actor._queue._next_try, actor.admission
    soon_s = ROOM_LOOK_S if first.waiting_for == MEMORY else 0.0
    if again is not None and again.pending and again.when <= now + soon_s:
        return False
    if first.waiting_for == MEMORY:
        stream_bytes = 0 if first.call.relay is None else actor.settings.stream_bytes
        return admission.memory.has_room(first.call.size_bytes + stream_bytes)
    return first.waiting_for == PERMITS and admission.concurrency.used < admission.concurrency.ordinary


def left_over_at_provider(actor: ProviderActor) -> Iterator[tuple[str, float]]:
    """What must be nothing at a provider when nobody asks it."""
    name, mailbox, waiters, admission = actor.name, actor.mailbox.statistics(), actor.waiters, actor.admission
    again = actor._queue._next_try  # one, for a queue that is empty by now
    yield f"{name}'s calls in flight", actor.in_flight
    yield f"{name}'s waiters", waiters.count + waiters.bytes
    yield f"{name}'s permits", admission.concurrency.used
    yield f"{name}'s memory", admission.memory.used
    yield f"{name}'s mailbox", mailbox.depth + mailbox.bytes
    for model, breaker in admission.view(trio.current_time())["breakers"].items():
        yield f"the probe of {name}'s breaker of {model}", breaker["state"] == "half_open"
    kept = (again is not None and again.pending) + actor._overdue.is_set
    yield f"{name}'s timers", len(actor._timers) - kept


def left_over_at_router(router: RouterActor) -> Iterator[tuple[str, float]]:
    """The same at a router."""
    figures, mailbox = router.view(), router.mailbox.statistics()
    yield "the router's calls", figures["in_flight"]
    yield "the router's timers", figures["timers"]
    yield "the router's mailbox", mailbox.depth + mailbox.bytes
    for client, account in figures["clients"].items():
        yield f"{client}'s permits", account["concurrent"] or 0


def _left_over(life: Life) -> Iterator[tuple[str, float]]:
    """The same at a whole gateway."""
    gateway = life.running.gateway
    for name in gateway.config.providers:
        actor = gateway.actors.provider(name)
        if actor is None:
            yield f"{name}'s absence", 1
        else:
            yield from left_over_at_provider(actor)
    router = gateway.actors.router()
    if router is None:
        yield "the router's absence", 1
    else:
        yield from left_over_at_router(router)
    yield "ingress bytes", gateway.ingress.used
    yield "attempts of requests that are over", gateway.observer.awaited
    yield "budgets that are held", sum(gateway.accounting.spend.view()["held"].values())
    yield "answers that are read along", gateway._flights.view()["in_flight"]
    for origin, pool in gateway.upstream.statistics().items():
        yield f"busy connections to {origin}", pool.busy + pool.connecting
    for call in life.calls:
        yield "a relay's bytes", 0 if call.relay is None else call.relay.held_bytes
