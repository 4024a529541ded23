"""Carries out operators' orders on one worker, and keeps what of them outlasts an actor.

What an actor owns it changes itself: orders reach it as letters of its control channel. Kept here is what its
successor has to know, and another worker that starts later: whether a provider takes calls (until an operator says
otherwise), and changed limits (until the settings are read again). Breakers start closed, as after every restart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import msgspec
import trio

from actors.actor import Actor
from actors.admission import ProviderSettings
from actors.buckets import RateLimits
from actors.control import CancelCall, Drain, MoveBreaker, Pause, Relimit, Resume
from actors.errors import ActorDied, Overloaded
from actors.provider import ProviderActor
from actors.reply import Reply
from actors.supervisor import NoSuchChild, OrderRefused, Supervisor
from gateway.admin.orders import AnyOrder, Breaker, Cancel, InForce, Intake, Limits, LogLevels, Restart, SetIntake
from gateway.assembly.tree import FACE, ROOT, SIBLINGS, ActorTree
from gateway.errors import Conflict, NotFound
from gateway.telemetry.logs import Logs

ANSWER_S: Final = 5.0
"""What an actor gets to answer a letter: it reads its control channel whatever else it does."""
RESTART_S: Final = 30.0
_CARRIERS: Final = frozenset({ROOT, FACE, SIBLINGS})
"""What carries the order itself, and would have to end before it could answer."""

T = TypeVar("T")


class Steward:
    """One worker's."""

    def __init__(
        self,
        actors: ActorTree,
        logs: Logs,
        *,
        configured: Callable[[str], ProviderSettings | None],
        on_levels: Callable[[], None],
    ) -> None:
        """`configured` is what the settings say of a provider, None where they have none of that name."""
        self._actors = actors
        self._logs = logs
        self._configured = configured
        self._on_levels = on_levels
        self._intakes: dict[str, Intake] = {}
        self._limits: dict[tuple[str, str | None], Limits] = {}
        """By provider and model: what differs from the settings."""

    async def carry_out(self, order: AnyOrder) -> None:
        """Raises NotFound, Conflict; ActorDied, Overloaded where the actor is not there or does not answer."""
        match order:
            case Breaker():
                to: Any = {"open": "open", "close": "closed", "reset": "reset"}[order.action]
                breaker = MoveBreaker(to=to, model=order.model, for_s=order.open_s)
                await _told(self._provider(order.provider), breaker, breaker.reply)
            case SetIntake():
                await self._set_intake(order.provider, order.intake)
            case Limits():
                await self._relimit(order)
            case LogLevels():
                self._set_levels(order)
            case Restart(name=name):
                await self._restart(name)
            case Cancel(id=id):
                await self._cancel(id)

    # For actors that start.

    def settings_of(self, configured: ProviderSettings) -> ProviderSettings:
        """As the provider's actor is to have them now."""
        for order in self._limits.values():
            if order.provider == configured.name:
                configured = _limited(configured, order)
        return configured

    def prepare(self, actor: ProviderActor) -> ProviderActor:
        """A provider's actor that has not begun yet takes calls, or not, as its predecessor did."""
        match self._intakes.get(actor.name):
            case "paused":
                actor.pause()
            case "drained":
                actor.take_no_calls()
        return actor

    # For a reload.

    def forget_limits(self) -> list[str]:
        """The settings hold again: the providers whose actors do not know that yet."""
        changed = sorted({provider for provider, _ in self._limits})
        self._limits.clear()
        return changed

    async def restore_limits(self, provider: str) -> None:
        """Those of the settings. Raises as `carry_out` does."""
        letter = Relimit(self._settings(provider))
        await _told(self._provider(provider), letter, letter.reply)

    # For those who look, and for workers that start later.

    def in_force(self) -> InForce:
        """What operators have changed and the settings do not say."""
        return InForce([*self._limits.values()], dict(self._intakes))

    def adopt(self, in_force: InForce) -> None:
        """As it is at another worker; before the actors start."""
        self._intakes |= in_force.intakes
        self._limits |= {(order.provider, order.model): order for order in in_force.limits}

    # Orders.

    async def _set_intake(self, name: str, intake: Intake) -> None:
        actor = self._provider(name)
        self._intakes.pop(name, None)
        if intake != "open":
            self._intakes[name] = intake
        if intake == "drained":
            actor.control.post(Drain())  # answered when its last call is over, which nobody waits for
        else:
            letter = Pause() if intake == "paused" else Resume()
            await _told(actor, letter, letter.reply)

    async def _relimit(self, order: Limits) -> None:
        letter = Relimit(_limited(self._settings(order.provider), order))
        await _told(self._provider(order.provider), letter, letter.reply)
        place = order.provider, order.model
        self._limits[place] = _merged(self._limits.get(place, order), order)

    def _set_levels(self, order: LogLevels) -> None:
        level, levels = self._logs.levels
        merged = {**levels, **order.levels}
        self._logs.set_levels(
            level if order.level is msgspec.UNSET else order.level,
            {module: name for module, name in merged.items() if name is not None},
        )
        self._on_levels()

    async def _restart(self, name: str) -> None:
        if name in _CARRIERS:
            raise Conflict(f"{name} cannot be restarted by a request that it serves: restart the process.")
        for supervisor in self._actors.supervisors():
            if any(child.name == name for child in supervisor.children()):
                await _within(RESTART_S, _restarted(supervisor, name), f"{name} is still restarting")
                return
        raise NotFound(f"There is no actor '{name}' here.")

    async def _cancel(self, id: str) -> None:
        router = self._actors.router()
        if router is None:
            raise ActorDied("the router is not running at the moment")
        letter = CancelCall(id)
        if not await _told(router, letter, letter.reply):
            raise NotFound(f"No request in flight has the id '{id}'.")

    def _settings(self, name: str) -> ProviderSettings:
        configured = self._configured(name)
        if configured is None:
            raise NotFound(f"There is no provider '{name}' here.")
        return self.settings_of(configured)

    def _provider(self, name: str) -> ProviderActor:
        self._settings(name)
        actor = self._actors.provider(name)
        if actor is None:
            raise ActorDied(f"{name} is not running at the moment")
        return actor


async def _told(actor: Actor[Any], letter: Any, reply: Reply[T]) -> T:
    """The actor's answer to a letter. Raises Overloaded, ActorDied."""
    actor.control.post(letter)
    return await _within(ANSWER_S, reply.wait(), f"{actor.name} does not answer")


async def _within(limit_s: float, answer: Awaitable[T], otherwise: str) -> T:
    with trio.move_on_after(limit_s):
        return await answer
    raise Overloaded(otherwise)


async def _restarted(supervisor: Supervisor, name: str) -> None:
    try:
        await supervisor.restart(name)
    except NoSuchChild:
        raise NotFound(f"There is no actor '{name}' here.") from None
    except OrderRefused as refused:
        raise Conflict(f"{name} did not start again: {refused}.") from None


def _merged(before: Limits, after: Limits) -> Limits:
    """Both orders in one; what the later one leaves out stays."""
    given = {name: getattr(after, name) for name in after.__struct_fields__}
    return msgspec.structs.replace(
        before, **{name: value for name, value in given.items() if value is not msgspec.UNSET}
    )


def _limited(settings: ProviderSettings, order: Limits) -> ProviderSettings:
    given: Mapping[str, float | None] = {
        name: float(value) or None
        for name in ("requests_per_minute", "tokens_per_minute")
        if (value := getattr(order, name)) is not msgspec.UNSET
    }
    if order.model is None:
        most = settings.max_concurrent if order.max_concurrent is msgspec.UNSET else order.max_concurrent
        return replace(settings, limits=replace(settings.limits, **given), max_concurrent=most)
    models = {**settings.model_limits}
    models[order.model] = replace(models.get(order.model, RateLimits()), **given)
    return replace(settings, model_limits={model: of for model, of in models.items() if of != RateLimits()})
