"""ProviderActor: one provider's admission, waiters, calls in flight and settlement.

Attempts come in through the mailbox. Each is admitted (see `admission`), set among the waiters, or refused; an
admitted one runs as a task of its own in this actor's nursery. Success answers the asker directly; a failure goes
back to the router as a report. A crash inside one call is that call's own. When the actor itself dies, everything
queued and in flight is answered ActorDied before anything else happens.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import trio

from actors.actor import Actor, Told
from actors.admission import Admission, Hold, ProviderSettings
from actors.attempt import Attempt, Outcome, Work
from actors.control import Command, Drain, Heed, MoveBreaker, Pause, Relimit, Resume
from actors.crew import Crew
from actors.errors import (
    Blame,
    CallCrashed,
    DeadlineExceeded,
    Failure,
    Left,
    TimedOut,
    Unavailable,
)
from actors.events import (
    AttemptEnded,
    BreakerMoved,
    CallCrash,
    CoolingDown,
    KeyMoved,
    LateSettlement,
    Observe,
    Refused,
    Retried,
)
from actors.letters import Answered, Broken, Clock, Failed, Report, Rotated
from actors.mailbox import DEFAULT_CAPACITY, DEFAULT_CAPACITY_BYTES, Mailbox
from actors.overdue import Overdue
from actors.policy.breaker import Move, Phase
from actors.policy.bucket import NewBucket, local_bucket
from actors.queue import Queue
from actors.standing import Standing
from actors.waiters import Waiters

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_OK: Final = Outcome.OK


Warn = Callable[[str, str, float], None]
"""Takes (provider, model or "*", seconds for which its breaker is open now)."""


def keep_to_oneself(provider: str, model: str, for_s: float) -> None:
    """For a worker that shares nothing."""


class ProviderActor(Actor[Attempt]):
    """One provider as an actor; a fresh object after every restart."""

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        work: Work,
        report: Callable[[Report], None],
        clock: Clock,
        random: random.Random,
        observe: Observe,
        new_bucket: NewBucket = local_bucket,
        warn: Warn = keep_to_oneself,
        mailbox_capacity: int = DEFAULT_CAPACITY,
        mailbox_bytes: int = DEFAULT_CAPACITY_BYTES,
    ) -> None:
        """`report` takes what comes back to the router, `warn` whose breaker has opened; neither may raise or block."""
        mailbox: Mailbox[Attempt] = Mailbox(
            settings.name, clock=clock, capacity=mailbox_capacity, capacity_bytes=mailbox_bytes
        )
        super().__init__(settings.name, mailbox, clock=clock, observe=observe)
        self.settings = settings
        self.admission = Admission(
            settings, now=clock(), random=random, on_move=self._breaker_moved, new_bucket=new_bucket
        )
        self.waiters = Waiters(
            max_count=settings.max_waiting,
            max_bytes=settings.max_waiting_bytes,
            kept_for_high=settings.kept_for_high,
        )
        self._queue = Queue(self, self.waiters, self.admission, self._timers, clock)
        self._work = work
        self._report = report
        self._warn = warn
        self._in_flight: dict[Attempt, Hold] = {}
        self._overdue = Overdue(self._in_flight.keys(), self._timers, clock)
        self._last_word: tuple[float, float | None, float | None] | None = None
        """When an attempt last said something of the provider, when that had been sent, and accepted."""
        self._crew = Crew(self._serve)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def standing(self) -> Standing:
        """How the provider is, as far as its last call and its breakers tell."""
        condition = self.admission.breakers.condition(self._clock())
        if self._last_word is None:
            return Standing(condition if condition == "down" else "unknown")
        told_at, sent_at, accepted_at = self._last_word
        latency_s = None if sent_at is None or accepted_at is None else accepted_at - sent_at
        return Standing(condition, self._clock() - told_at, latency_s)

    def offer(self, attempt: Attempt) -> None:
        """Puts an attempt into the mailbox. Raises Overloaded, ActorDied."""
        self.mailbox.post(attempt, attempt.call.size_bytes)

    def stop(self) -> None:
        """Another one takes its place: it answers all that it has been sent, then `run` returns."""
        self._leave()

    # The Keeper of those that wait or work here.

    def grow(self, attempt: Attempt, more_bytes: int) -> None:
        """Charges what an attempt at work has come to hold."""
        hold = self._in_flight.get(attempt)
        if hold is not None:
            self.admission.grow(hold, more_bytes)

    def content_came(self, attempt: Attempt) -> None:
        """An attempt at work has begun to answer."""
        hold = self._in_flight.get(attempt)
        if hold is not None:
            self.admission.content_came(hold, attempt, self._clock())
            assert attempt.call.relay is not None, "only streamed calls commit"
            attempt.call.relay.charge_to(self.admission.account_relay)
            if self.waiters.count and self.settings.gradient is not None:
                self._queue.serve()  # the first content may have raised the limit

    def withdraw(self, attempt: Attempt) -> None:
        """The asker of a waiting attempt has gone."""
        if self.waiters.leave(attempt):
            self._finish(attempt, Outcome.LEFT)
            self._queue.left()
            if self._leaving:
                self._end_if_idle()

    # Admission.

    def _handle(self, attempt: Attempt) -> None:
        if attempt.dismissed:
            self._finish(attempt, Outcome.LEFT)
            if self._leaving:
                self._end_if_idle()
            return
        try:
            if not self._accepting:
                raise Unavailable(f"{self.name} is draining")
            if self.waiters.count:
                self._queue.join(attempt)
                return
            verdict = self.admission.admit(attempt, self._clock())
            if isinstance(verdict, Hold):
                self.start(attempt, verdict)
            else:
                self._queue.begin(attempt, verdict)
        except Failure as failure:
            self.refuse(attempt, failure)

    def refuse(self, attempt: Attempt, failure: Failure) -> None:
        """There is no room for this one."""
        self._observe(Refused(self.name, attempt.call, failure))
        self._fail(attempt, failure)
        if self._leaving:
            self._end_if_idle()

    # Calls in flight.

    def start(self, attempt: Attempt, hold: Hold) -> None:
        """This one's turn has come: a task for it."""
        assert self._nursery is not None, "letters are read while the actor runs"
        self._in_flight[attempt] = hold
        attempt.keeper = self
        self._crew.start(self._nursery, attempt)

    async def _serve(self, attempt: Attempt, scope: trio.CancelScope) -> bool:
        """One call: runs the work, gives back what it held, answers the asker or the router.

        Whether `scope` may serve another call.
        """
        value: Any = None
        failure: Failure | None = None
        left = False
        try:
            attempt.begin(scope, self._overdue)
            if attempt.operation != "first":  # one that was refused, at the door or in the queue, asked nobody again
                self._observe(Retried(attempt.call, attempt, attempt.delay_s, attempt.because))
            value = await self._work(attempt)
        except Failure as known:
            failure = known
        except Left:
            failure = self._why_stopped(attempt) if attempt.stopped else None
            left = failure is None
        except Exception as bug:  # a call's crash is its own: the actor and its siblings live on
            failure = self._crashed(attempt, bug)
        except BaseException:
            if not attempt.stopped:
                self._bury()  # the actor is being cancelled
            failure = self._why_stopped(attempt)
            left = failure is None
            raise
        finally:
            self._conclude(attempt, value, failure, left)
        return not attempt.stopped

    def _conclude(self, attempt: Attempt, value: Any, failure: Failure | None, left: bool) -> None:
        """The end of a call's work: gives back permits, tokens and bytes, tells the breakers; no await in here."""
        hold, now = self._in_flight.pop(attempt), self._clock()
        answers = failure is None and not left and attempt.outcome is None
        blame = None if failure is None else self._blame(attempt, failure, now)
        if answers:
            self.admission.content_came(hold, attempt, now)
        self.admission.settle(hold, attempt, blame, now)
        if attempt.accepted_at is not None or blame is not None:
            self._last_word = now, attempt.sent_at, attempt.accepted_at
        if failure is not None or hold.key_tried or len(attempt.call.attempts) > 1:
            self._settle_key(attempt, hold, failure, now)
        if answers:
            self._answer(attempt, value)
        elif attempt.outcome is None:  # else the actor was buried meanwhile: this attempt has been answered
            self._answer_nothing(attempt, failure)
        if self.waiters.count and not self.buried:
            self._queue.serve()
        if self._draining:
            self._tell_drained()
        if self._leaving:
            self._end_if_idle()

    def _blame(self, attempt: Attempt, failure: Failure, now: float) -> Blame | None:
        """Whom the breakers hear of; where the provider asks for less, an adaptive limit does so too."""
        blame = attempt.blame(failure, now)
        throttled = failure.throttled and failure.concerns_key
        if throttled or (blame is Blame.MODEL and isinstance(failure, TimedOut | DeadlineExceeded)):
            self.admission.asked_for_less()
        return blame

    def _settle_key(self, attempt: Attempt, hold: Hold, failure: Failure | None, now: float) -> None:
        keys, model = self.admission.keys, attempt.candidate.model
        if failure is not None and failure.throttled and failure.concerns_key:
            seconds = keys.cool_down(attempt.key, model, failure, now)
            self._observe(CoolingDown(self.name, model, attempt.key, seconds, now))
        for move in keys.settle(attempt, hold.key_tried, failure, now):
            self._observe(KeyMoved(self.name, move.key, move.model, move.revoked, now))

    def _answer(self, attempt: Attempt, value: Any) -> None:
        """The work is done: the asker gets the answer, or its stream the end, unless another attempt was first."""
        call = attempt.call
        if call.relay is None:
            delivered = call.reply.settle(Answered(value, attempt))
            if delivered and len(call.attempts) > 1:
                attempt.cancel_others()
        elif attempt.content_at is None:
            self._fail(attempt, self._crashed(attempt, RuntimeError("a streamed call ended without any content")))
            return
        else:
            delivered = call.relay.end(attempt.number)
        if not delivered:
            self._observe(LateSettlement(attempt))
        self._finish(attempt, _OK if delivered else Outcome.SUPERSEDED)

    def _answer_nothing(self, attempt: Attempt, failure: Failure | None) -> None:
        """It has failed, or is of no use to anybody any more."""
        if failure is not None:
            self._fail(attempt, failure)
        else:
            late = not attempt.call.left or (attempt.dismissed and attempt.beaten)
            self._finish(attempt, Outcome.SUPERSEDED if late else Outcome.LEFT)

    def _fail(self, attempt: Attempt, failure: Failure) -> None:
        if attempt.content_at is None:
            self._finish(attempt, Outcome.FAILED, failure)
            rotates = failure.concerns_key and self.admission.keys.has_another(attempt, self._clock())
            self._report(Rotated(attempt, failure) if rotates else Failed(attempt, failure))
        else:
            self._finish(attempt, Outcome.BROKEN, failure)
            self._report(Broken(attempt, failure))

    def _finish(self, attempt: Attempt, outcome: Outcome, failure: Failure | None = None) -> None:
        attempt.end(outcome, failure)
        self._observe(AttemptEnded(attempt))

    def _why_stopped(self, attempt: Attempt) -> Failure | None:
        """What the attempt's scope was cancelled for; None where its answer is of no use to anybody any more."""
        if attempt.dismissed or attempt.outcome is not None:
            return None
        if self._clock() >= attempt.call.deadline:
            return attempt.out_of_time(self.name)
        return TimedOut(attempt.stage, f"{self.name} took too long ({attempt.stage.value})")

    def _crashed(self, attempt: Attempt, bug: Exception) -> CallCrashed:
        crash = CallCrashed("The gateway failed to handle this request.")
        crash.__cause__ = bug
        self._observe(CallCrash(self.name, attempt.call, bug))
        return crash

    # The end.

    def _is_empty(self) -> bool:
        return not self._in_flight and not len(self.waiters)

    def _tell_all(self, letters: Sequence[Attempt]) -> Told:
        queued = [*letters, *self.waiters.clear()]
        in_flight = list(self._in_flight)
        for attempt in (*queued, *in_flight):
            if attempt.outcome is None:
                if attempt.call.left:
                    self._finish(attempt, Outcome.LEFT)
                else:
                    self._fail(attempt, self._death())
        return Told(len(queued), len(in_flight))

    # For those who look.

    def view(self) -> dict[str, Any]:
        """This actor's detail in /admin/actors."""
        now = self._clock()
        return {
            **self.admission.view(now),
            "in_flight": [
                {
                    "id": attempt.call.id,
                    "model": attempt.candidate.model,
                    "stage": attempt.stage.value,
                    "age_s": now - attempt.call.arrived_at,
                    "deadline_in_s": attempt.call.deadline - now,
                }
                for attempt in self._in_flight
            ],
            "waiting": len(self.waiters),
        }

    def _breaker_moved(self, model: str, move: Move, failures: int) -> None:
        if self.buried:
            return  # a fresh actor stands here with fresh breakers: what the calls of a dead one settle says nothing
        now = self._clock()
        self._observe(BreakerMoved(self.name, model, move.before, move.after, failures, now))
        if move.after is Phase.OPEN and (for_s := self.admission.breakers.opens_in_s(model, now)) > 0:
            self._warn(self.name, model, for_s)

    # What operators and other workers ask for.

    @property
    def state(self) -> str:
        return "paused" if self._accepting and self.admission.concurrency.paused else super().state

    def pause(self) -> None:
        """From here on whoever comes waits, until it is told otherwise."""
        self._accepting = True
        self.admission.concurrency.pause(True)

    def take_no_calls(self) -> None:
        """From here on whoever comes is sent elsewhere, until it is told otherwise."""
        self._accepting = False

    def _carry_out(self, command: Command) -> None:
        match command:
            case Heed(model, for_s):
                self._told(model, self.admission.breakers.heed(model, for_s, self._clock()))
                return
            case MoveBreaker():
                self._move_breakers(command)
            case Relimit(settings, reply):
                self.admission.relimit(settings, self._clock())
                self.settings = settings
                reply.settle(None)
            case Pause(reply):
                self.pause()
                reply.settle(None)
            case Drain() | Resume():
                self.admission.concurrency.pause(False)
                super()._carry_out(command)
            case _:
                super()._carry_out(command)
        if self.waiters.count and not self.buried:
            self._queue.serve()  # there may be room now, or no hope any more

    def _move_breakers(self, command: MoveBreaker) -> None:
        now = self._clock()
        phase = Phase.OPEN if command.to == "open" else Phase.CLOSED
        for model in self.admission.breakers.names if command.to == "reset" else [command.model]:
            self._told(model, self.admission.breakers.force(model, phase, now, command.for_s))
        command.reply.settle(None)

    def _told(self, model: str, move: Move | None) -> None:
        """Somebody else has moved a breaker. Other workers and hosts hear of that from whoever it was, not from us."""
        if move is not None:
            self._observe(BreakerMoved(self.name, model, move.before, move.after, 0, self._clock()))
