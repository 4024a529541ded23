"""Whose key it is that a client shows: looked up in the shared store once, then known here until it changes.

Once a second a worker asks which keys have changed: a key that is revoked is refused by all of them within two
seconds. While the store is away those that are known go on, and of all others nobody can say.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, TypeVar

import msgspec
import trio

from actors.letters import Clock
from gateway.errors import StoreRefused, StoreUnavailable
from gateway.keys.caller import Caller, caller_of
from gateway.keys.registry import KeyRecord, Places, script
from gateway.store.line import Mode, StoreLine

OPERATION: Final = "client_key"
HEAR_EVERY_S: Final = 1.0
OVERLAP_MS: Final = 5_000
"""What is asked for again, since a store that fails over may go back in time a little."""
MOST: Final = 10_000
"""Keys that are known; the one that has not been used for longest goes first."""
UNKNOWN_S: Final = 2.0
"""For so long a key that nobody knows is not asked for again."""
MOST_UNKNOWN: Final = 1000
"""Of those; guesses, however many, take no place of a key's that is known."""
EVERYTHING: Final = b"*"
"""In place of names: too many have changed to be told."""
DEAF_S: Final = 1800.0
"""After so long without news all have to be looked up again; the store remembers changes for twice as long."""

T = TypeVar("T")


class KeyBook:
    """Also a supervised child, which hears of changes."""

    def __init__(self, line: StoreLine, *, prefix: str, clock: Clock) -> None:
        self._line = line
        self._clock = clock
        self._places = Places(prefix)
        self._find_script = script("keys_find.lua")
        self._changed_script = script("keys_changed.lua")
        self._decode = msgspec.json.Decoder(KeyRecord).decode
        self._known: OrderedDict[bytes, Caller] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        """What is nobody's key, and until when that is taken for granted."""
        self._heard_ms = -1
        self._heard_at = clock()

    async def find(self, digest: bytes) -> Caller | None:
        """Whose key has this SHA-256; None where it is nobody's. Raises StoreUnavailable where nobody can say."""
        caller = self._known.get(digest)
        if caller is not None:
            self._known.move_to_end(digest)
            return caller
        if self._unknown.get(digest, 0.0) > self._clock():
            return None
        match self._line.mode:
            case Mode.MEMORY:
                return None
            case Mode.CONNECTED:
                return await self._look_up(digest)
            case _:
                raise _nobody_can_say()

    async def _look_up(self, digest: bytes) -> Caller | None:
        name = digest.hex()
        try:
            text = await self._line.ask(
                OPERATION, "EVAL", self._find_script, 2, self._places.records, self._places.digests, name
            )
        except StoreUnavailable as away:
            raise _nobody_can_say(away) from away
        caller = None if text is None else _caller(self._decode(text), name)
        if caller is None:
            _keep(self._unknown, digest, self._clock() + UNKNOWN_S, MOST_UNKNOWN)
        else:
            _keep(self._known, digest, caller, MOST)
        return caller

    # What changes.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hears of changes for ever."""
        task_status.started()
        if self._line.mode is Mode.MEMORY:
            await trio.sleep_forever()
        while True:
            self.ask_for_changes()
            await trio.sleep(HEAR_EVERY_S)

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return {
            "known": len(self._known),
            "heard_s": self._clock() - self._heard_at,
        }

    def ask_for_changes(self) -> None:
        since = self._heard_ms if self._heard_ms < 0 else max(0, self._heard_ms - OVERLAP_MS)
        try:
            self._line.send(OPERATION, ("EVAL", self._changed_script, 1, self._places.changed, since), self._hear)
        except StoreUnavailable:
            return  # in a second again

    def _hear(self, reply: object) -> None:
        if not isinstance(reply, list):
            return
        now = self._clock()
        forgets_all = now - self._heard_at > DEAF_S or reply[1:] == [EVERYTHING]
        self._heard_ms, self._heard_at = int(reply[0]), now
        if forgets_all:
            self._known.clear()
            self._unknown.clear()
            return
        for digest in (bytes.fromhex(name.decode()) for name in reply[1:]):
            self._known.pop(digest, None)
            self._unknown.pop(digest, None)


def _keep(kept: OrderedDict[bytes, T], digest: bytes, what: T, most: int) -> None:
    kept[digest] = what
    kept.move_to_end(digest)
    if len(kept) > most:
        kept.popitem(last=False)


def _caller(record: KeyRecord, name: str) -> Caller | None:
    secret = record.opened_by(name)
    if secret is None:
        return None
    caller, until = caller_of(record.client_key(secret), from_store=True), secret.until
    return caller if until is None else msgspec.structs.replace(caller, expires_at=min(caller.expires_at, until))


def _nobody_can_say(because: StoreUnavailable | None = None) -> StoreUnavailable:
    knows, let_in = "The store that knows client keys", "only those used before get in"
    if isinstance(because, StoreRefused):
        return StoreRefused(f"{knows} answered with an error: {let_in}.", retry_after=1.0)
    return StoreUnavailable(f"{knows} cannot be reached at the moment: {let_in}.", retry_after=1.0)
