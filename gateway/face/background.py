"""Responses that run in the background: asked for at once, answered into the store, polled by GET.

Each is one worker's work. The others know of it from the store: that it lives, and how it stands; those behind the
same port can also ask it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

import msgspec
import trio

from actors.errors import ActorDied, CallCrashed, Failure, Overloaded, Unavailable
from gateway.dialects.codec import Frame
from gateway.dialects.mistakes import unreadable
from gateway.dialects.responses.echo import echo_of
from gateway.dialects.responses.errors import failed_response
from gateway.dialects.responses.event_log import EventLog
from gateway.dialects.responses.kept import RESPONSE_PREFIX, Kept, with_members
from gateway.dialects.responses.output_items import response_object
from gateway.errors import InvalidRequest, StoreUnavailable, describe
from gateway.face.api import OnCrash
from gateway.face.followed_events import FollowedLog, Since
from gateway.face.lasting_tasks import LastingTasks
from gateway.face.response_life import Prepared, ResponseLife
from gateway.store.ownership import BEAT_EVERY_S, Ownership

LOOK_EVERY_S: Final = 0.1
HEED_LOOKS: Final = 30
"""Looks for the end of what another worker was asked to stop: three seconds' worth."""
PATIENCE_S: Final = 120.0
"""For a store that is away when an answer is there, and paid for."""

Ask = Callable[[], Awaitable[bytes]]
"""Asks the model and returns its whole answer. Raises Failure."""

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


class Siblings(Protocol):
    """The workers behind the same port."""

    async def runs(self, response_id: str, owner: str) -> bool:
        """Whether one of them is at work on it."""
        ...

    async def cancel(self, response_id: str, owner: str) -> bool:
        """The same; its work has ended then."""
        ...


class _Work:
    """One response on its way."""

    __slots__ = ("ended", "events", "scope")

    def __init__(self, events: FollowedLog | None) -> None:
        self.events = events
        self.scope = trio.CancelScope()
        self.ended = trio.Event()


class _LaterLog:
    """A log that is read once it is whole."""

    def __init__(self, read: Callable[[], Awaitable[EventLog]]) -> None:
        self._read = read
        self._log: EventLog | None = None

    async def since(self, number: int) -> tuple[bytes, int]:
        if self._log is None:
            self._log = await self._read()
        return self._log.since(number)


class BackgroundResponses(LastingTasks):
    """The responses that run now, each a task in a nursery of its own; at most `limit` at a time."""

    def __init__(
        self,
        life: ResponseLife,
        ownership: Ownership,
        *,
        limit: int,
        on_crash: OnCrash,
        siblings: Siblings | None = None,
    ) -> None:
        super().__init__()
        self._life = life
        self._ownership = ownership
        self._limit = limit
        self._on_crash = on_crash
        self._siblings = siblings
        self._work: dict[tuple[str, str], _Work] = {}

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return {"running": len(self._work), "limit": self._limit}

    def new_log(self, prepared: Prepared, frame: Frame) -> FollowedLog:
        """Where the events of a response that is streamed are written down."""
        return FollowedLog(EventLog({"id": RESPONSE_PREFIX + frame.id, "background": True, **prepared.shown}))

    async def start(self, prepared: Prepared, frame: Frame, ask: Ask, events: FollowedLog | None = None) -> bytes:
        """Starts the work and returns the response as it stands: queued. `ask` writes `events`, but for their ends.

        Raises Overloaded, Unavailable, StoreUnavailable.
        """
        queued = _queued(prepared, frame)
        if len(self._work) >= self._limit:
            raise Overloaded(f"{self._limit} responses are running in the background already.")
        if self._nursery is None:
            raise Unavailable("The gateway starts nothing in the background now.")
        nursery, work = self._nursery, _Work(events)
        key = (prepared.owner, str(queued["id"]))
        self._work[key] = work
        try:
            await self._ownership.beat(key[1], prepared.owner)
            await self._life.keep(prepared, _raw(queued))
            if events is not None:
                events.say("response.created", response=queued)
                events.say("response.queued", response=queued)
                await self._life.keep_events(key[1], prepared.owner, events.log)
            nursery.start_soon(self._run, work, key, prepared, queued, ask, name=f"background {key[1]}")
        except BaseException:
            del self._work[key]
            raise
        return _encode(queued)

    async def cancel(self, response_id: str, owner: str) -> None:
        """Stops the work; returns when the store says so, or when the worker that runs it does not heed for 3 s.

        Nothing happens where it has ended. Raises StoreUnavailable.
        """
        if await self.cancel_here(response_id, owner):
            return
        if self._siblings is not None and await self._siblings.cancel(response_id, owner):
            return
        if await self._runs_elsewhere(response_id, owner):
            await self._ownership.ask_to_cancel(response_id, owner)
            for _ in range(HEED_LOOKS):
                await trio.sleep(LOOK_EVERY_S)
                if not await self._runs_elsewhere(response_id, owner):
                    break

    async def cancel_here(self, response_id: str, owner: str) -> bool:
        """Stops it where it runs in this process; returns whether it did when the store says so."""
        work = self._work.get((owner, response_id))
        if work is None:
            return False
        work.scope.cancel()
        await work.ended.wait()
        return True

    def runs_here(self, response_id: str, owner: str) -> bool:
        return (owner, response_id) in self._work

    async def follow(self, kept: Kept, owner: str) -> Since:
        """The events of a response, from wherever they are kept. Raises InvalidRequest, StoreUnavailable.

        Those of one that another worker runs come once it has ended.
        """
        response_id = kept.head.id
        work = self._work.get((owner, response_id))
        if work is not None and work.events is not None:
            return work.events.since
        if await self._life.events(response_id, owner) is None:
            message = "Events are kept of responses that are made with 'background' and 'stream': leave out 'stream'."
            raise InvalidRequest(message, param="stream")
        return _LaterLog(partial(self._whole_log, response_id, owner)).since

    async def _whole_log(self, response_id: str, owner: str) -> EventLog:
        """Waits for the end of it. Raises NotFound, StoreUnavailable."""
        while True:
            kept = await self._life.get(response_id, owner)
            log = await self._life.events(response_id, owner)
            if log is not None and log.ended:
                return log
            now = msgspec.Raw(await self.standing(kept, owner))
            if not _is_under_way(Kept(now, [])):  # its worker has died, or has found no place for the events
                log = log or EventLog()
                log.end(now)
                return log
            await trio.sleep(LOOK_EVERY_S)

    async def standing(self, kept: Kept, owner: str) -> bytes:
        """The response as it stands: one whose worker has died has failed. Raises StoreUnavailable."""
        head = kept.head
        if not _is_under_way(kept) or self.runs_here(head.id, owner) or await self._lives(head.id, owner):
            return bytes(kept.response)
        gone = ActorDied("The worker that ran this response has gone.")
        return _encode(failed_response(_members_decoder.decode(kept.response), describe(gone)))

    async def _runs_elsewhere(self, response_id: str, owner: str) -> bool:
        kept = await self._life.find(response_id, owner)
        return kept is not None and _is_under_way(kept) and await self._ownership.lives(response_id, owner)

    async def _lives(self, response_id: str, owner: str) -> bool:
        if await self._ownership.lives(response_id, owner):
            return True
        return self._siblings is not None and await self._siblings.runs(response_id, owner)

    async def _run(
        self, work: _Work, key: tuple[str, str], prepared: Prepared, queued: dict[str, object], ask: Ask
    ) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._beat, work, key)
                outcome = _raw({**queued, "status": "cancelled"})
                with work.scope:
                    with suppress(StoreUnavailable):
                        await self._life.keep(prepared, _raw({**queued, "status": "in_progress"}))
                    outcome = await self._outcome(prepared, queued, ask)
                await self._keep(prepared, outcome, key[1])
                if work.events is not None:
                    work.events.end(outcome)
                    with suppress(StoreUnavailable):
                        await self._life.keep_events(key[1], prepared.owner, work.events.log)
                nursery.cancel_scope.cancel()
        finally:
            del self._work[key]
            work.ended.set()

    async def _beat(self, work: _Work, key: tuple[str, str]) -> None:
        """Tells the others that this worker is at work, and hears whether somebody wants it to stop."""
        owner, response_id = key
        while True:
            await trio.sleep(BEAT_EVERY_S)
            with suppress(StoreUnavailable):
                if await self._ownership.beat(response_id, owner):
                    work.scope.cancel()

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

    async def _keep(self, prepared: Prepared, response: msgspec.Raw, response_id: str) -> None:
        """Waits for a store that is away; one that does not come back in time costs this response, and nobody else."""
        gives_up_at = trio.current_time() + PATIENCE_S
        while True:
            try:
                await self._life.keep(prepared, response)
                return
            except StoreUnavailable as failure:
                if trio.current_time() >= gives_up_at:
                    self._on_crash(failure, response_id)
                    return
            except Failure as failure:
                self._on_crash(failure, response_id)
                return
            await trio.sleep(LOOK_EVERY_S)


def _is_under_way(kept: Kept) -> bool:
    head = kept.head
    return bool(head.background) and head.status in ("queued", "in_progress")


def _queued(prepared: Prepared, frame: Frame) -> dict[str, object]:
    try:
        echo = echo_of(_members_decoder.decode(prepared.body))
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    response = response_object(frame, model=prepared.request.model, status="queued", output=[], echo=echo)
    return {**response, "background": True, **prepared.shown}


def _raw(document: dict[str, object]) -> msgspec.Raw:
    return msgspec.Raw(_encode(document))
