"""Responses that run in the background: asked for at once, answered into the store, polled by GET."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import trio

from actors.errors import CallCrashed, Failure, Overloaded, Unavailable
from gateway.dialects.codec import Frame
from gateway.dialects.mistakes import unreadable
from gateway.dialects.responses.echo import echo_of
from gateway.dialects.responses.errors import failed_response
from gateway.dialects.responses.kept import with_members
from gateway.dialects.responses.output_items import response_object
from gateway.errors import describe
from gateway.face.api import OnCrash
from gateway.face.response_life import Prepared, ResponseLife

Ask = Callable[[], Awaitable[bytes]]
"""Asks the model and returns its whole answer. Raises Failure."""

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


class _Work:
    """One response on its way."""

    __slots__ = ("ended", "scope")

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.ended = trio.Event()


class BackgroundResponses:
    """The responses that run now, each a task in a nursery of its own; at most `limit` at a time."""

    def __init__(self, life: ResponseLife, *, limit: int, on_crash: OnCrash) -> None:
        self._life = life
        self._limit = limit
        self._on_crash = on_crash
        self._nursery: trio.Nursery | None = None
        self._stopped = trio.Event()
        self._work: dict[tuple[str, str], _Work] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Holds the tasks; once stopped until the last has ended, or until it is cancelled, which ends them."""
        self._stopped = trio.Event()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await self._stopped.wait()
                self._nursery = None
        finally:
            self._nursery = None

    def stop(self) -> None:
        """Nothing new is started."""
        self._stopped.set()

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return {"running": len(self._work), "limit": self._limit}

    async def start(self, prepared: Prepared, frame: Frame, ask: Ask) -> bytes:
        """Starts the work and returns the response as it stands: queued. Raises Overloaded, Unavailable."""
        queued = _queued(prepared, frame)
        if len(self._work) >= self._limit:
            raise Overloaded(f"{self._limit} responses are running in the background already.")
        if self._nursery is None:
            raise Unavailable("The gateway starts nothing in the background now.")
        nursery, work = self._nursery, _Work()
        key = (prepared.owner, str(queued["id"]))
        self._work[key] = work
        try:
            await self._life.keep(prepared, _raw(queued))
            nursery.start_soon(self._run, work, key, prepared, queued, ask, name=f"background {key[1]}")
        except BaseException:
            del self._work[key]
            raise
        return _encode(queued)

    async def cancel(self, response_id: str, owner: str) -> None:
        """Stops the work; returns when the store says so. Nothing happens where it has ended or runs elsewhere."""
        work = self._work.get((owner, response_id))
        if work is not None:
            work.scope.cancel()
            await work.ended.wait()

    async def _run(
        self, work: _Work, key: tuple[str, str], prepared: Prepared, queued: dict[str, object], ask: Ask
    ) -> None:
        try:
            outcome = _raw({**queued, "status": "cancelled"})
            with work.scope:
                await self._life.keep(prepared, _raw({**queued, "status": "in_progress"}))
                outcome = await self._outcome(prepared, queued, ask)
            await self._keep_outcome(prepared, outcome, key[1])
        finally:
            del self._work[key]
            work.ended.set()

    async def _outcome(self, prepared: Prepared, queued: dict[str, object], ask: Ask) -> msgspec.Raw:
        """What became of it, under the name that the client knows."""
        try:
            return with_members(await ask(), id=queued["id"], background=True, **prepared.shown)
        except Failure as failure:
            return _raw(failed_response(queued, describe(failure)))
        except Exception as bug:  # one response's crash is its own
            self._on_crash(bug, str(queued["id"]))
            crash = CallCrashed("The gateway failed to handle this response.")
            return _raw(failed_response(queued, describe(crash)))

    async def _keep_outcome(self, prepared: Prepared, outcome: msgspec.Raw, response_id: str) -> None:
        """A store that fails now costs this response, and nobody else."""
        try:
            await self._life.keep(prepared, outcome)
        except Failure as failure:
            self._on_crash(failure, response_id)


def _queued(prepared: Prepared, frame: Frame) -> dict[str, object]:
    try:
        echo = echo_of(_members_decoder.decode(prepared.body))
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    response = response_object(frame, model=prepared.request.model, status="queued", output=[], echo=echo)
    return {**response, "background": True, **prepared.shown}


def _raw(document: dict[str, object]) -> msgspec.Raw:
    return msgspec.Raw(_encode(document))
