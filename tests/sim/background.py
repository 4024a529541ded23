"""Those who ask for a response in the background by its id: until it has ended, or to end it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import h11
import trio

from gateway.store.actor import BACKOFF_MAX_S
from gateway.store.ownership import LIFE_S
from gateway.world import Stream
from tests.sim.dialects import said
from tests.sim.history import End, Heard, Work
from tests.sim.town import CLIENT_KEYS

Connect = Callable[[int], Awaitable[Stream]]
"""To a worker. Raises OSError."""
ENDS: Final = frozenset({"completed", "failed", "cancelled", "incomplete"})
READ_BYTES: Final = 64 * 1024
LOOK_EVERY_S: Final = 0.7
MOST_LOOKS: Final = 12
ORPHANED_S: Final = BACKOFF_MAX_S + LIFE_S + 2.0
"""By then a response whose worker has gone is seen to have failed, also where the store has to be found again first."""


class Follower:
    """Looks after the responses of one client."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def follow(self, work: Work) -> None:
        """Until it has ended, or for some looks; wants it cancelled when its client does."""
        cancels_after_s = work.heard.ask.cancels_after_s
        await self._pry(work)
        for look in range(MOST_LOOKS):
            if cancels_after_s is not None and look * LOOK_EVERY_S >= cancels_after_s and work.cancelled_at is None:
                await self.cancel(work)
            await self.look(work)
            if work.ended_at is not None:
                return
            await trio.sleep(LOOK_EVERY_S)

    async def look(self, work: Work) -> None:
        """Once."""
        shown = await self._ask(work, "GET", "")
        if shown is None:
            return
        status, document = shown
        if status != 200:
            work.status = str(status)
            return
        work.status = document["status"]
        if work.status in ENDS and work.ended_at is None:
            work.ended_at = trio.current_time()
            work.found = _found(work, document)

    async def _pry(self, work: Work) -> None:
        """Somebody else asks for it."""
        (stranger,) = set(CLIENT_KEYS) - {work.heard.client.key}
        shown = await self._ask(work, "GET", "", key=stranger)
        work.seen_by_others = shown is not None and shown[0] == 200

    async def cancel(self, work: Work) -> None:
        answered = await self._ask(work, "POST", "/cancel")
        if answered is None or answered[0] != 200:
            return
        if answered[1]["status"] in ENDS:
            work.cancelled_at = trio.current_time()
        else:
            work.unheeded = True

    async def _ask(self, work: Work, method: str, what: str, *, key: str = "") -> tuple[int, Any] | None:
        """On a connection of its own; None where that ends under it."""
        client = work.heard.client
        work.looks += 1
        fields = [
            ("host", "localhost"),
            ("authorization", f"Bearer {key or client.key}"),
            ("x-request-id", f"{work.heard.id}-look-{work.looks}"),
            ("content-length", "0"),
        ]
        http = h11.Connection(h11.CLIENT)
        request = h11.Request(method=method, target=f"/v1/responses/{work.id}{what}", headers=fields)
        wire = http.send(request) + http.send(h11.EndOfMessage())  # type: ignore[operator]
        try:
            line = await self._connect(client.worker)
        except OSError:
            return None
        try:
            line.send_nowait(wire)
            return await _heard(line, http)
        except (OSError, trio.ClosedResourceError, h11.RemoteProtocolError):
            return None
        finally:
            line.close(abort=True)


async def follow_to_the_end(works: Iterable[Work], connect: Connect, longest_s: float) -> None:
    """Looks after each until it has ended, or would have to have."""
    follower = Follower(connect)
    for work in works:
        gives_up_at = max(trio.current_time(), work.began_at + longest_s) + ORPHANED_S
        while work.ended_at is None and trio.current_time() <= gives_up_at:
            await follower.look(work)
            if work.status == "404":
                break
            if work.ended_at is None:
                await trio.sleep(1.0)


async def _heard(line: Stream, http: h11.Connection) -> tuple[int, Any]:
    status, body = 0, b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            try:
                http.receive_data(line.receive_nowait(READ_BYTES))
            except trio.WouldBlock:
                await line.wait_readable()
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return status, json.loads(body)


def _found(work: Work, document: Any) -> Heard:
    """What it says, for whoever judges answers."""
    asked = work.heard
    found = Heard(asked.id, asked.client, asked.ask, asked.asked_at, told=asked.told)
    if document["status"] == "completed":
        told = said(replace(asked.ask, streamed=False), json.dumps(document).encode())
        found.text, found.thought, found.signatures, found.calls = told.text, told.thought, told.signatures, told.calls
        found.usage = told.usage
        found.close(End.OK, trio.current_time())
        assert told.whole, f"{work.id} is completed and not whole"
        return found
    found.code = str((document.get("error") or {}).get("code") or "")
    found.close(End.ERROR, trio.current_time())
    return found
