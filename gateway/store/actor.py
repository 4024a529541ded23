"""The store's actor: carries the commands of many askers to Redis in one round trip, and keeps the way there open.

connected ── a round trip fails, or takes longer than 0.1 s ──▶ degraded ── a probing write works ──▶ connected

While it is degraded nothing is sent but probes, with a growing pause: whoever asks hears so at once. Not every way to
fail is silence: a server that is out of memory or read-only refuses the probe, as it is a write.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import trio

from actors.actor import Actor, Told
from actors.events import Observe
from actors.letters import Clock
from actors.mailbox import Mailbox
from actors.policy.backoff import exponential_s
from actors.standing import Standing
from gateway.config.store_address import StoreAddress
from gateway.store.line import STOOD_STILL_S, Command, Mode, OnUnanswered, StoreLine, unavailable
from gateway.store.script import command_name
from gateway.world import RedisDown, RedisExecutor, RedisRefused, Words

NAME: Final = "store"
BATCH: Final = 256
"""Commands in one round trip."""
CAPACITY: Final = 4096
CAPACITY_BYTES: Final = 64 * 1024 * 1024
ROUND_TRIP_S: Final = 0.09
"""Less than what a command may take: who asks into a silence is to find the others warned already."""
FIRST_PROBE_S: Final = 2.0
"""What connecting at the start may take: a cluster is asked for its slots, and redis-py is imported."""
PROBE_S: Final = 2.0
BACKOFF_BASE_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
PROBE_TTL_MS: Final = 10_000
CLUSTER_PROBES: Final = 64
"""Keys that a cluster is probed with: so many that each of its servers has one of them to keep."""
PROBING: Final = "probe"
NOT_IN_TIME: Final = "no answer in time"


_STATES: Final = {Mode.STARTING: "unknown", Mode.MEMORY: "off", Mode.CONNECTED: "up", Mode.DEGRADED: "down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReports:
    """Whom the actor tells; none of it may raise or block."""

    on_moved: Callable[[str, str, str], None]
    """(mode before, mode after, because)"""
    on_answered: Callable[[str, float], None]
    """(operation, seconds from asking to the reply)"""
    on_refused: Callable[[str, str, str], None]
    """(operation, script or command, reason)"""
    on_unanswered: OnUnanswered


class StorePlace(NamedTuple):
    """Where the store is, None where there is none, and who says so."""

    address: StoreAddress | None
    because: str


class StoreActor(Actor[Command]):
    """Serves a StoreLine; a fresh object after every restart. Where there is no store it has no work."""

    def __init__(
        self,
        line: StoreLine,
        find: Callable[[], Awaitable[StorePlace]],
        open_redis: Callable[[StoreAddress], RedisExecutor],
        *,
        probe_key: str,
        clock: Clock,
        random: random.Random,
        observe: Observe,
        reports: StoreReports,
    ) -> None:
        mailbox: Mailbox[Command] = Mailbox(NAME, clock=clock, capacity=CAPACITY, capacity_bytes=CAPACITY_BYTES)
        super().__init__(NAME, mailbox, clock=clock, observe=observe)
        self._line = line
        self._find = find
        self._open_redis = open_redis
        self._probe_key = probe_key
        self._place = StorePlace(None, "")
        self._redis: RedisExecutor | None = None
        self._random = random
        self._reports = reports
        self._tries = 0
        """Probes in a row that have failed."""
        self._reason = ""
        self._under_way: Sequence[Command] = ()
        self._told: tuple[float, float] | None = None
        """When the last round trip was over, and what it took."""
        self._round_trips = 0
        self._commands = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until stopped; ready once it is known whether the store answers."""
        self._line.attach(self.mailbox, self._reports.on_unanswered)
        try:
            self._place = await self._find()
            if self._place.address is None:
                self._move(Mode.MEMORY, self._place.because)
            else:
                self._redis = self._open_redis(self._place.address)
                await self._try_to_connect(FIRST_PROBE_S)
            await super().run(task_status=task_status)
        finally:
            self._line.detach(self.mailbox)
            if self._line.mode is Mode.CONNECTED:
                self._end_connection()
            if self._redis is not None:
                with trio.CancelScope(shield=True, deadline=self._clock() + ROUND_TRIP_S):
                    await self._redis.close()

    def stop(self) -> None:
        """Everybody gives back what they hold; when all has been sent and answered, it ends."""
        self._line.leave()
        self._leave()

    def standing(self) -> Standing:
        """How the store is: its mode, and what the last round trip took."""
        state = _STATES[self._line.mode]
        if self._told is None:
            return Standing(state)
        told_at, latency_s = self._told
        return Standing(state, self._clock() - told_at, latency_s)

    def view(self) -> dict[str, Any]:
        """This actor's detail in /admin/actors."""
        return {
            "mode": self._line.mode.value,
            "address": None if self._place.address is None else str(self._place.address),
            "because": self._reason,
            "since_s": self._clock() - self._line.moved_at,
            "round_trips": self._round_trips,
            "commands": self._commands,
            "failed_probes": self._tries,
        }

    # Commands.

    async def _read_mail(self) -> None:
        with self._last_words():
            while True:
                await self.mailbox.wait()
                batch = self._batch()
                if batch:
                    await self._carry(batch)
                if self._leaving:
                    self._end_if_idle()

    def _batch(self) -> list[Command]:
        """The next commands that somebody still waits for."""
        batch: list[Command] = []
        now = self._clock()
        while len(batch) < BATCH and (command := self.mailbox.take()) is not None:
            if self._line.mode is Mode.CONNECTED and command.deadline > now:
                batch.append(command)
            else:
                command.done(unavailable())
        return batch

    async def _carry(self, batch: Sequence[Command]) -> None:
        """One round trip."""
        self._under_way = batch
        try:
            replies = await self._execute_in_time([command.words for command in batch])
        except RedisDown as down:
            self._lose(down.reason)
            replies = [unavailable()] * len(batch)
        self._under_way = ()
        now = self._clock()
        for command, reply in zip(batch, replies, strict=True):
            self._reports.on_answered(command.operation, now - command.asked_at)
            if isinstance(reply, RedisRefused):
                self._reports.on_refused(command.operation, command_name(command.words), reply.reason)
            command.done(reply)

    async def _execute_in_time(self, commands: Sequence[Words]) -> list[Any]:
        """Raises RedisDown. What only this process was too late for is done again, once: every command may be."""
        try:
            return await self._execute(commands, ROUND_TRIP_S)
        except RedisDown as down:
            stood_still = self._told is not None and self._told[1] > ROUND_TRIP_S + STOOD_STILL_S
            if not stood_still or down.reason != NOT_IN_TIME:
                raise
        return await self._execute(commands, ROUND_TRIP_S)

    async def _execute(self, commands: Sequence[Words], limit_s: float) -> list[Any]:
        """Raises RedisDown, after `limit_s` at the latest."""
        assert self._redis is not None, "without a store nothing is sent"
        self._round_trips += 1
        self._commands += len(commands)
        began = self._clock()
        try:
            with trio.move_on_after(limit_s):
                return await self._redis.execute(commands)
            raise RedisDown(NOT_IN_TIME)
        finally:
            now = self._clock()
            self._told = now, now - began

    def _handle(self, letter: Command) -> None:
        raise AssertionError("letters are read in batches")

    # The way there.

    def _lose(self, reason: str) -> None:
        self._move(Mode.DEGRADED, reason)
        self._tries = 0
        self._probe_later()

    def _probe_later(self) -> None:
        self._tries += 1
        pause_s = exponential_s(self._tries, base_s=BACKOFF_BASE_S, max_s=BACKOFF_MAX_S, random=self._random, least=0.5)
        self._timers.at(self._clock() + pause_s, self._start_probe)

    def _start_probe(self) -> None:
        assert self._nursery is not None, "timers go off while the actor runs"
        self._nursery.start_soon(self._try_to_connect, PROBE_S, name=f"{self.name}/probe")

    async def _try_to_connect(self, limit_s: float) -> None:
        try:
            replies = await self._execute(self._probes(), limit_s)
            if any(isinstance(reply, RedisRefused) for reply in replies):
                raise RedisDown("the probing write was refused")
        except RedisDown as down:
            if self._line.mode is not Mode.DEGRADED:
                self._move(Mode.DEGRADED, down.reason)
            self._reason = down.reason
            self._probe_later()
        else:
            self._tries = 0
            self._move(Mode.CONNECTED, self._place.because)

    def _probes(self) -> list[Words]:
        """Writes; a cluster is there when all of it is, or it would be lost again with the next key out of reach."""
        keys = [self._probe_key]
        if self._place.address is not None and self._place.address.kind == "cluster":
            keys = [f"{self._probe_key}:{number}" for number in range(CLUSTER_PROBES)]
        return [("SET", key, "1", "PX", PROBE_TTL_MS) for key in keys]

    def _move(self, mode: Mode, reason: str) -> None:
        before, self._reason = self._line.mode, reason
        self._reports.on_moved(before.value, mode.value, reason)
        self._line.move(mode)

    # The end.

    def _end_connection(self) -> None:
        """Nobody reaches the store through this actor any more; told as trouble where nobody has asked for it."""
        if self._leaving:
            self._line.move(Mode.DEGRADED)
        else:
            self._move(Mode.DEGRADED, "its actor has ended")

    def _is_empty(self) -> bool:
        return not self._under_way

    def _tell_all(self, letters: Sequence[Command]) -> Told:
        under_way, self._under_way = self._under_way, ()
        for command in (*letters, *under_way):
            command.done(unavailable())
        return Told(len(letters), len(under_way))
