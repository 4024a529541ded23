"""Takes operators' orders: each is carried out here, told to the other workers, logged with who and what, and answered.

An order that makes no sense here (nobody of that name) goes no further. One that another worker could not carry out, or
did not hear of, is said in the answer: an order is not a transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from actors.errors import Failure
from gateway.admin.asking import (
    json_answer,
    last_part,
    operator_of,
    part_before_last,
    read_body,
    read_object,
    understood,
)
from gateway.admin.orders import AnyOrder, Breaker, Cancel, Given, Limits, LogLevels, Restart, SetIntake
from gateway.admin.precedence import Precedence
from gateway.errors import InvalidRequest, NotFound, describe
from gateway.exchange import Answer, Request
from gateway.ids import worker_of

DONE: Final = "done"
ABSENT: Final = "absent"
"""A worker that did not answer in time: whether it has carried the order out nobody knows."""
SUPERSEDED: Final = "superseded"
"""A worker that had heard of a later order about the same thing, which holds there."""
INTAKES: Final = {"resume": "open", "pause": "paused", "drain": "drained"}

CarryOut = Callable[[AnyOrder], Awaitable[None]]
"""Does what is ordered on this worker. Raises Failure."""
TellSiblings = Callable[[Given, "str | None"], Awaitable[Mapping[str, str | None]]]
"""Has the other workers (or the one of that name) do the same: what each says, None for who is absent."""
Note = Callable[[str, Mapping[str, Any]], None]
"""Takes what has been done (or refused) by whom, for the log and for those who watch; must not raise."""


class OrderDesk:
    """The handlers of everything that changes anything."""

    def __init__(
        self,
        carry_out: CarryOut,
        *,
        note: Note,
        note_obeyed: Note,
        worker: str,
        wall_clock: Callable[[], float],
        tell_siblings: TellSiblings | None,
    ) -> None:
        """`note_obeyed` takes what was ordered at another worker, which has noted it."""
        self._precedence = Precedence(worker, wall_clock)
        self._carry_out = carry_out
        self._note = note
        self._note_obeyed = note_obeyed
        self._worker = worker
        self._tell_siblings = tell_siblings

    # The handlers.

    async def set_intake(self, request: Request) -> Answer:
        """POST /admin/providers/{name}/drain, pause, resume."""
        await read_body(request, _Nothing)
        intake: Any = INTAKES[last_part(request)]
        return await self._give(SetIntake(provider=part_before_last(request), intake=intake), request)

    async def move_breaker(self, request: Request) -> Answer:
        """POST /admin/providers/{name}/breaker."""
        return await self._give(await self._for_provider(request, Breaker), request)

    async def change_limits(self, request: Request) -> Answer:
        """PATCH /admin/providers/{name}/limits."""
        limits = await self._for_provider(request, Limits)
        if limits.model is not None and limits.max_concurrent is not msgspec.UNSET:
            raise InvalidRequest("Invalid 'max_concurrent': it is a provider's, not a model's.", param="max_concurrent")
        return await self._give(limits, request)

    async def set_log_levels(self, request: Request) -> Answer:
        """PATCH /admin/log-levels."""
        return await self._give(await read_body(request, LogLevels), request)

    async def restart(self, request: Request) -> Answer:
        """POST /admin/actors/{name}/restart."""
        await read_body(request, _Nothing)
        return await self._give(Restart(name=part_before_last(request)), request)

    async def cancel(self, request: Request) -> Answer:
        """DELETE /admin/requests/{id}: at the worker that the id names."""
        order, number = Cancel(id=last_part(request)), worker_of(last_part(request))
        if number is None or str(number) == self._worker or self._tell_siblings is None:
            return await self._give(order, request, everywhere=False)
        by = operator_of(request)
        said = await self._tell_siblings(Given(order=order, by=by, stamp=self._precedence.stamp()), str(number))
        outcome = said.get(str(number), "")
        if outcome != DONE and outcome is not None:
            refused = f"No request in flight has the id '{order.id}'."
            self._note(by, {**_plain(order), "refused": refused})
            raise NotFound(refused)
        self._note(by, _plain(order))
        return self._answer(order, by, {str(number): outcome or ABSENT})

    # Among workers.

    async def obey(self, given: Given) -> str:
        """Another worker's operator wants this: what came of it."""
        if not self._precedence.take(given):
            return SUPERSEDED
        try:
            await self._carry_out(given.order)
        except Failure as failure:
            return describe(failure).message
        self._note_obeyed(given.by, _plain(given.order))
        return DONE

    async def _for_provider(self, request: Request, kind: type[Any]) -> Any:
        """The order in a body, to the provider that the path names."""
        body = await read_object(request)
        for name in {"provider", "order"} & body.keys():
            raise InvalidRequest(f"Invalid '{name}': the path says it.", param=name)
        return understood({**body, "provider": part_before_last(request)}, kind)

    async def _give(self, order: AnyOrder, request: Request, *, everywhere: bool = True) -> Answer:
        by = operator_of(request)
        given = Given(order=order, by=by, stamp=self._precedence.stamp())
        self._precedence.take(given)
        try:
            await self._carry_out(order)
        except Failure as failure:
            self._note(by, {**_plain(order), "refused": describe(failure).message})
            raise
        outcomes: dict[str, str] = {self._worker: DONE}
        if everywhere and self._tell_siblings is not None:
            said = await self._tell_siblings(given, None)
            outcomes |= {worker: ABSENT if outcome is None else outcome for worker, outcome in said.items()}
        self._note(by, _plain(order))
        return self._answer(order, by, outcomes)

    def _answer(self, order: AnyOrder, by: str, outcomes: Mapping[str, str]) -> Answer:
        return json_answer({**_plain(order), "by": by, "workers": outcomes})


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The body of what needs none."""


def _plain(order: AnyOrder) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(order)
    return plain
