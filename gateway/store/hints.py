"""Breakers that have opened are told to the other workers and hosts, and theirs are heard, once a second.

A hint is heeded once, by those whose own breaker is shut; it opens, never closes. Each worker's own probe finds out
when the provider is well again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import trio

from actors.letters import Clock
from gateway.errors import StoreUnavailable
from gateway.store.line import Mode, StoreLine
from gateway.store.script import read_script

OPERATION: Final = "hint"
EVERY_S: Final = 1.0
MOST: Final = 64
"""Own hints that wait to be told; in an outage of everything the others notice by themselves."""
FORGET_AFTER_S: Final = 120.0


class Hint(msgspec.Struct, frozen=True, array_like=True):
    """A breaker that has opened somewhere."""

    id: str
    provider: str
    model: str
    """"*" is the provider's host."""


class _Own(NamedTuple):
    hint: bytes
    until: float


Deliver = Callable[[str, str, float], None]
"""Takes (provider, model or "*", seconds for which it is open); must not raise."""


class HintBoard:
    """A supervised child with a rhythm of its own; `warn` may be called at any time."""

    def __init__(
        self, line: StoreLine, deliver: Deliver, *, prefix: str, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._line = line
        self._deliver = deliver
        self._key = f"{prefix}:breakers"
        self._clock = clock
        self._new_id = new_id
        self._script = read_script("gateway.store", "hints.lua")
        self._encode = msgspec.json.Encoder().encode
        self._decoder = msgspec.json.Decoder(Hint)
        self._own: dict[str, _Own] = {}
        """Not yet told, by id."""
        self._known: dict[str, float] = {}
        """Hints that need no heed any more, with when they can be forgotten."""
        self._news = trio.Event()
        self._told = 0
        self._heard = 0

    def warn(self, provider: str, model: str, for_s: float) -> None:
        """A breaker has opened here."""
        if self._line.mode is not Mode.CONNECTED or len(self._own) >= MOST:
            return
        hint = Hint(self._new_id(), provider, model)
        now = self._clock()
        self._own[hint.id] = _Own(self._encode(hint), now + for_s)
        self._known[hint.id] = now + FORGET_AFTER_S
        self._news.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tells and hears for ever."""
        task_status.started()
        if self._line.mode is Mode.MEMORY:
            await trio.sleep_forever()
        while True:
            self._exchange()
            with trio.move_on_after(EVERY_S):
                await self._news.wait()
            self._news = trio.Event()

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return {"told": self._told, "heard": self._heard}

    def _exchange(self) -> None:
        now = self._clock()
        self._known = {known: until for known, until in self._known.items() if until > now}
        self._own = {known: own for known, own in self._own.items() if own.until > now}
        told = tuple(self._own)
        own = [part for hint, until in self._own.values() for part in (hint, math.ceil((until - now) * 1000))]
        try:
            self._line.send(OPERATION, ("EVAL", self._script, 1, self._key, *own), partial(self._hear, told))
        except StoreUnavailable:
            return  # in a second again

    def _hear(self, told: tuple[str, ...], reply: object) -> None:
        if not isinstance(reply, list):
            return
        for hint_id in told:
            self._told += self._own.pop(hint_id, None) is not None
        now = self._clock()
        for text, left_ms in zip(reply[::2], reply[1::2], strict=True):
            try:
                hint = self._decoder.decode(text)
            except msgspec.MsgspecError:
                continue  # another version's
            if hint.id not in self._known:
                self._known[hint.id] = now + FORGET_AFTER_S
                self._heard += 1
                self._deliver(hint.provider, hint.model, float(left_ms) / 1000)
