"""The breakers of one provider: one of its host and one of each model, asked and told together."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import msgspec

from actors.errors import Blame, Unavailable
from actors.policy.breaker import Breaker, BreakerSettings, Move, Permit, Phase
from actors.shortage import HOST, MAX_RETRY_AFTER_S

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_CLOSED: Final = Phase.CLOSED
_MODEL: Final = Blame.MODEL


MAX_BREAKERS: Final = 1024

OnMove = Callable[[str, Move, int], None]
"""Told of every move that calls cause: model or "*", the move, consecutive failures."""


class Pass(msgspec.Struct, eq=False):
    """One call's permits, of the host's breaker and of its model's."""

    model: str
    breaker: Breaker
    """Kept here because it may be forgotten meanwhile."""
    host_permit: Permit
    permit: Permit
    succeeded: bool = False
    """The first content has come."""


class Breakers:
    """Models are what clients call them: their breakers are made when asked for, and the quiet ones forgotten."""

    def __init__(self, provider: str, settings: BreakerSettings, random: Random, on_move: OnMove) -> None:
        self._provider = provider
        self._settings = settings
        self._random = random
        self._on_move = on_move
        self._host = Breaker(settings, random)
        self._models: dict[str, Breaker] = {}

    # Calls.

    def check(self, model: str, now: float) -> Breaker:
        """The model's breaker, which lets through who asks it now, as the host's does. Raises Unavailable."""
        breaker = self._models.get(model) or self._new_breaker(model)
        if not (self._host.phase is breaker.phase is _CLOSED):
            self._refuse_if_open(self._host, f"{self._provider} is not reachable at the moment", now)
            self._refuse_if_open(breaker, f"{model} at {self._provider} is failing at the moment", now)
        return breaker

    def enter(self, model: str, breaker: Breaker, now: float) -> tuple[Permit, Permit]:
        """Takes the host's permit and that of `breaker`, which has been checked in this very step."""
        host = self._host
        if host.phase is breaker.phase is _CLOSED:
            return Permit(host.era), Permit(breaker.era)
        return self._permit(HOST, host, now), self._permit(model, breaker, now)

    def succeeded(self, call: Pass, now: float) -> None:
        """The first content has come; to be told once. A later break still counts as a failure."""
        call.succeeded = True
        host, breaker = self._host, call.breaker
        if (move := host.succeeded(call.host_permit, now)) is not None:
            self._on_move(HOST, move, host.failures)
        if (move := breaker.succeeded(call.permit, now)) is not None:
            self._on_move(call.model, move, breaker.failures)

    def ended(self, call: Pass, blame: Blame | None, now: float) -> None:
        """The call is over. `blame` is None where nothing was learned, NOBODY where the host did answer."""
        if call.succeeded and blame is not _MODEL:
            return  # what it had to say was said when the content came
        host, breaker = self._host, call.breaker
        if blame is Blame.HOST:
            host_move, move = host.failed(call.host_permit, now), breaker.abandoned(call.permit, now)
        elif blame is _MODEL:
            host_move = None if call.succeeded else host.succeeded(call.host_permit, now)
            move = breaker.failed(call.permit, now)
        elif blame is Blame.NOBODY:
            host_move, move = host.succeeded(call.host_permit, now), breaker.abandoned(call.permit, now)
        else:
            host_move, move = host.abandoned(call.host_permit, now), breaker.abandoned(call.permit, now)
        if host_move is not None:
            self._on_move(HOST, host_move, host.failures)
        if move is not None:
            self._on_move(call.model, move, breaker.failures)

    def _refuse_if_open(self, breaker: Breaker, message: str, now: float) -> None:
        retry_after = breaker.refuses(now)
        if retry_after is not None:
            raise Unavailable(message, retry_after=min(retry_after, MAX_RETRY_AFTER_S))

    def _permit(self, model: str, breaker: Breaker, now: float) -> Permit:
        before = breaker.phase
        permit = breaker.admit(now)
        assert permit is not None, "the breaker was asked in this very step"
        if breaker.phase is not before:
            self._on_move(model, Move(before, breaker.phase), breaker.failures)
        return permit

    # Other workers and operators.

    def heed(self, model: str, for_s: float, now: float) -> Move | None:
        """Another worker's breaker of `model` ("*": of the host) has opened: whether this one has moved with it."""
        return self._breaker_of(model).hinted(for_s, now)

    def force(self, model: str, phase: Phase, now: float, for_s: float | None = None) -> Move | None:
        """An operator moves the breaker of `model` ("*": of the host): whether that changes its phase."""
        return self._breaker_of(model).force(phase, now, for_s)

    def opens_in_s(self, model: str, now: float) -> float:
        """Seconds until the breaker of `model` ("*": of the host) lets a probe through; 0 where it is not open."""
        breaker = self._host if model == HOST else self._models.get(model)
        return 0.0 if breaker is None else breaker.opens_in_s(now)

    def condition(self, now: float) -> str:
        """up; down while the host's breaker keeps everybody out; degraded where one waits for a probe, or a model's is.

        Whose time is over may well be there again, and nobody would find out where a gateway that is not ready is sent
        no request.
        """
        if self._host.opens_in_s(now) > 0:
            return "down"
        closed = all(breaker.phase is _CLOSED for breaker in (self._host, *self._models.values()))
        return "up" if closed else "degraded"

    @property
    def names(self) -> list[str]:
        """The models that have a breaker, and "*" for the host."""
        return [HOST, *self._models]

    def view(self, now: float) -> dict[str, Any]:
        """As /admin/actors shows them."""
        return {
            model: {
                "state": breaker.phase.value,
                "failures": breaker.failures,
                "opens_in_s": breaker.opens_in_s(now),
            }
            for model, breaker in {HOST: self._host, **self._models}.items()
        }

    # Which there are.

    def _breaker_of(self, model: str) -> Breaker:
        return self._host if model == HOST else self._models.get(model) or self._new_breaker(model)

    def _new_breaker(self, model: str) -> Breaker:
        if len(self._models) >= MAX_BREAKERS:
            self._forget_quiet_ones()
        breaker = self._models[model] = Breaker(self._settings, self._random)
        return breaker

    def _forget_quiet_ones(self) -> None:
        """Model names come from clients: their breakers must not grow without end. A quiet one says nothing."""
        noisy = [
            (model, breaker)
            for model, breaker in self._models.items()
            if breaker.phase is not _CLOSED or breaker.failures
        ]
        self._models = dict(noisy[-MAX_BREAKERS // 2 :])
