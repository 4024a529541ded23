"""RouterActor: client limits, candidates, and one deadline spent over attempts, fallbacks, hedges and recovery.

The router does not wait. A call that comes in becomes an Attempt forwarded to a provider actor, which answers the
asker directly; only failures come back, and the router decides what follows. Backoffs and hedges stand in a timer
heap. `ask` and `leave` are the askers' side: they run in the asker's task and are what settles a call for good.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from actors.actor import Actor, Told
from actors.attempt import Attempt, Outcome
from actors.client_account import ClientLimits
from actors.clients import Clients
from actors.control import CancelCall, Command
from actors.errors import ActorDied, CallCrashed, Cancelled, DeadlineExceeded, Failure, Unavailable
from actors.events import AttemptEnded, CallCrash, LateSettlement, Observe
from actors.guests import ForgetClient, nobody_minds
from actors.letters import Answered, Broken, Call, Candidate, Clock, Report, Rotated
from actors.mailbox import DEFAULT_CAPACITY, DEFAULT_CAPACITY_BYTES, Mailbox
from actors.plan import Plan, hedge_due
from actors.policy.bucket import NewBucket, local_bucket
from actors.policy.retry_budget import BudgetTerms
from actors.policy.retry_plan import Again, Next, RetrySettings, decide
from actors.retry_funds import RetryFunds

NAME = "router"
ROTATE = "rotate"
"""The operation of an attempt with another key of the same provider."""

Resolve = Callable[[Call], Sequence[Candidate]]
"""Who can serve a call, best first. Raises Failure where nobody can."""


class Provider(Protocol):
    """What the router needs of a provider actor."""

    def offer(self, attempt: Attempt) -> None:
        """Takes an attempt. Raises Overloaded, ActorDied."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """How the router spends a call's deadline."""

    retry: RetrySettings = RetrySettings()
    budget: BudgetTerms = BudgetTerms()
    resume: bool = True
    """Let another candidate go on with an answer that broke in the middle."""
    clients: Mapping[str, ClientLimits] = field(default_factory=dict)


class RouterActor(Actor[Call | Report]):
    """The one actor that every model call passes; a fresh object after every restart."""

    def __init__(
        self,
        settings: RouterSettings,
        *,
        resolve: Resolve,
        provider: Callable[[str], Provider | None],
        clock: Clock,
        random: random.Random,
        observe: Observe,
        new_bucket: NewBucket = local_bucket,
        forget_client: ForgetClient = nobody_minds,
        mailbox_capacity: int = DEFAULT_CAPACITY,
        mailbox_bytes: int = DEFAULT_CAPACITY_BYTES,
        max_calls: int = 65536,
    ) -> None:
        """`provider` gives the actor of that name as it runs now, or None. `max_calls` bounds the calls in flight."""
        mailbox: Mailbox[Call | Report] = Mailbox(
            NAME,
            clock=clock,
            capacity=mailbox_capacity,
            capacity_bytes=mailbox_bytes,
            # Each call in flight has at most two live attempts, and each of those reports once.
            reserved=2 * max_calls,
        )
        super().__init__(NAME, mailbox, clock=clock, observe=observe)
        self.settings = settings
        self.late = 0
        self._max_calls = max_calls
        self._resolve = resolve
        self._provider = provider
        self._random = random
        self._calls: dict[Call, Plan] = {}
        self._funds = RetryFunds(settings.budget)
        self._clients = Clients(settings.clients, clock(), new_bucket, forget_client)

    def configure(self, settings: RouterSettings) -> None:
        """From here on these hold; a client whose limits stay as they are keeps its account."""
        self._clients.configure(settings.clients, self._clock())
        self._funds.configure(settings.budget)
        self.settings = settings

    # The askers' side.

    def ask(self, call: Call) -> Awaitable[Answered]:
        """The call's answer; for a streamed call its head, once the first content has come. Raises Failure.

        Whoever asks also calls `leave`, in a `finally`, when it has all it wanted.
        """
        self.mailbox.post(call, call.size_bytes)
        return call.reply.wait()

    def charge(self, call: Call) -> None:
        """An answer that asks nobody is one of its client's requests all the same. Raises RateLimited."""
        self._clients.charge(call, self._clock())

    def leave(self, call: Call) -> None:
        """The asker has its answer, or has gone: whatever is still under way for this call stops now."""
        if not call.left:
            call.abandon()
            self._forget(call)

    # The providers' side.

    def report(self, report: Report) -> None:
        """A provider gives an attempt back. Never refused: the places for reports are reserved."""
        try:
            self.mailbox.post_reserved(report)
        except ActorDied as death:
            give_up(report.attempt.call, death)

    def _handle(self, letter: Call | Report) -> None:
        if isinstance(letter, Call):
            self._begin(letter)
            return
        attempt, failure = letter
        plan = self._calls.get(attempt.call)
        if plan is None or attempt.call.left:
            self.late += 1
            self._observe(LateSettlement(attempt))
            return
        self._funds.collect(plan)
        if isinstance(letter, Broken):
            self._broken(plan, attempt, failure)
        elif isinstance(letter, Rotated):
            self._rotated(plan, attempt, failure)
        else:
            self._failed(plan, attempt, failure)

    # A call comes in.

    def _begin(self, call: Call) -> None:
        if call.left:
            return
        try:
            if not self._accepting:
                raise Unavailable("the gateway is draining")
            if len(self._calls) >= self._max_calls:
                raise Unavailable(f"the gateway has {self._max_calls} calls in flight already", retry_after=1.0)
            candidates = self._candidates(call) if call.candidates is None else call.candidates
            account = self._clients.admit(call, self._clock())
        except Failure as failure:
            call.reply.fail(failure)
            return
        plan = self._calls[call] = Plan(call, candidates, candidates[0], account)
        self._launch(plan, "first")

    def _candidates(self, call: Call) -> Sequence[Candidate]:
        """No client input may reach a restart: what the resolver does not foresee is this call's own crash."""
        try:
            return self._resolve(call)
        except Failure:
            raise
        except Exception as bug:
            self._observe(CallCrash(self.name, call, bug))
            raise CallCrashed("The gateway failed to route this request.") from bug

    # Attempts.

    def _launch(self, plan: Plan, operation: str, *, because: Failure | None = None, delay_s: float = 0.0) -> None:
        """Forwards a new attempt to the plan's current candidate."""
        call = plan.call
        if call.deadline <= self._clock():
            self._conclude(plan, DeadlineExceeded("The time for this request was over before anybody could be asked."))
            return
        candidate = plan.candidate
        attempt = Attempt(call, candidate, self._clock, operation)
        if len(plan.candidates) > 1:
            attempt.recoverable = call.relay is not None and self.settings.resume and plan.has_successor
            attempt.backed = plan.has_next(None)
        call.attempts.append(attempt)
        if operation == "first":
            plan.tries, plan.unpaid = 1, attempt
        else:
            attempt.because, attempt.delay_s, attempt.progress = because, delay_s, plan.delivered
            if operation != ROTATE:
                plan.tries += 1
                if plan.tries == 1 and operation != "hedge":
                    plan.unpaid = attempt
        provider = self._provider(candidate.provider)
        try:
            if provider is None:
                raise ActorDied(f"{candidate.provider} is not running at the moment")
            provider.offer(attempt)
        except Failure as failure:
            attempt.end(Outcome.FAILED, failure)
            self._observe(AttemptEnded(attempt))
            self._failed(plan, attempt, failure)
            return
        if attempt.backed:
            self._arm_hedge(plan, attempt)

    def _rotated(self, plan: Plan, attempt: Attempt, failure: Failure) -> None:
        """The provider wants another key than this attempt's, and has one: it is asked again at once.

        Neither counted among the candidate's attempts nor paid for by the retry budget: there are at most as many of
        these as keys, and the key that was refused is set aside or cools down for all calls alike.
        """
        plan.ended(attempt, failure)
        if plan.has_live_attempts or plan.backoff_pending:
            return  # a hedge is still running: its outcome decides
        if attempt.candidate is plan.candidate:
            self._launch(plan, ROTATE, because=failure)
        else:
            self._follow(plan, failure)

    def _failed(self, plan: Plan, attempt: Attempt, failure: Failure) -> None:
        """An attempt ended without content: again, elsewhere, or the end."""
        if attempt.scope is None:
            self._funds.take_back(plan, attempt)
        plan.ended(attempt, failure)
        if plan.has_live_attempts or plan.backoff_pending:
            return  # a hedge is still running: its outcome decides
        self._follow(plan, failure)

    def _follow(self, plan: Plan, failure: Failure) -> None:
        decision = decide(
            failure=failure,
            tries=plan.tries,
            has_next=plan.has_next(failure),
            budget_left=self._funds.of(plan.candidate.provider).balance >= 1.0,
            now=self._clock(),
            deadline=plan.call.deadline,
            settings=self.settings.retry,
            random=self._random,
        )
        match decision:
            case Again(delay_s) if plan.delivered is None or plan.candidate.resumes:
                self._funds.of(plan.candidate.provider).spend()
                self._launch_later(plan, delay_s, failure)
            case Next():
                plan.advance(failure)
                self._launch(plan, "fallback" if plan.delivered is None else "resume", because=failure)
            case _:
                self._conclude(plan, plan.worst or failure)

    def _launch_later(self, plan: Plan, delay_s: float, because: Failure) -> None:
        operation = "retry" if plan.delivered is None else "resume"
        if delay_s <= 0:
            self._launch(plan, operation, because=because)
            return
        plan.backoff = self._timers.at(
            self._clock() + delay_s,
            lambda: self._launch(plan, operation, because=because, delay_s=delay_s),
        )

    def _broken(self, plan: Plan, attempt: Attempt, failure: Failure) -> None:
        """A committed stream broke: another candidate goes on with it, or the asker is told the truth."""
        plan.ended(attempt, failure)
        relay = plan.call.relay
        assert relay is not None, "only streams break"
        resumes = self.settings.resume and failure.retryable and attempt.delivered is not None
        if not (resumes and plan.advance_to_resume(attempt.candidate, attempt.delivered)):
            self._conclude(plan, failure)
            return
        relay.reopen()
        self._launch(plan, "resume", because=failure)

    def _conclude(self, plan: Plan, failure: Failure) -> None:
        plan.cancel_timers()
        give_up(plan.call, plan.broken or failure)

    # Hedges.

    def _arm_hedge(self, plan: Plan, attempt: Attempt) -> None:
        if plan.hedged or plan.delivered is not None:
            return
        if plan.hedge is not None:
            plan.hedge.cancel()  # it was the attempt's before
        plan.hedge = self._timers.at(hedge_due(attempt, self._clock()), lambda: self._consider_hedge(plan, attempt))

    def _consider_hedge(self, plan: Plan, attempt: Attempt) -> None:
        """Starts the next candidate beside one that has been silent for long enough."""
        if attempt.outcome is not None or attempt.content_at is not None or plan.call.left:
            return
        now = self._clock()
        due = hedge_due(attempt, now)
        if due > now:
            plan.hedge = self._timers.at(due, lambda: self._consider_hedge(plan, attempt))
            return
        self._funds.collect(plan)
        following = plan.following(None)
        if following is not None and self._funds.of(plan.candidates[following].provider).spend():
            plan.hedged = True
            plan.move_to(following)
            self._launch(plan, "hedge")

    # What operators ask for.

    def calls(self) -> list[Call]:
        """What is under way, the oldest first; to be looked at only."""
        return list(self._calls)

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, CancelCall):
            command.reply.settle(self._cancel(command.id))
        else:
            super()._carry_out(command)

    def _cancel(self, id: str) -> bool:
        """Tells the asker, and does at once what its leaving would do."""
        found = next((call for call in self._calls if call.id == id), None)
        if found is None:
            return False
        give_up(found, Cancelled("An operator has cancelled this request."))
        self.leave(found)
        return True

    # The end of a call, and of the actor.

    def _forget(self, call: Call) -> None:
        plan = self._calls.pop(call, None)
        if plan is not None:
            if plan.unpaid is not None:
                self._funds.collect(plan)
            if plan.hedge is not None or plan.backoff is not None:
                plan.cancel_timers()
            if plan.account is not None:
                plan.account.settle(call.tokens, call.spent_tokens, self._clock())
            if self._draining:
                self._tell_drained()

    def _is_empty(self) -> bool:
        return not self._calls

    def _tell_all(self, letters: Sequence[Call | Report]) -> Told:
        calls = {*self._calls, *(letter if isinstance(letter, Call) else letter.attempt.call for letter in letters)}
        for call in sorted(calls, key=lambda call: (call.arrived_at, call.id)):
            give_up(call, self._death())
        for plan in self._calls.values():
            plan.cancel_timers()
        return Told(len(letters), len(self._calls))

    def view(self) -> dict[str, Any]:
        """This actor's detail in /admin/actors; of the clients those that have limits."""
        now = self._clock()
        return {
            "in_flight": len(self._calls),
            "late": self.late,
            "timers": len(self._timers),
            "retry_budgets": self._funds.view(),
            "clients": self._clients.view(now),
        }


def give_up(call: Call, failure: Failure) -> None:
    """Tells the asker: by its reply, or through the relay where the answer had begun."""
    if call.left:
        return
    if not call.reply.fail(failure) and call.relay is not None:
        call.relay.fail(failure)
