"""The gateway's end of the shared store: who has something to ask holds this; the actor that serves it may restart.

Commands of many askers go into one round trip. What has become of a command is unknown when its asker was cancelled
or the store went silent: so every command is one that may be done twice.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final

import trio

from actors.errors import Failure
from actors.letters import Clock
from actors.mailbox import Mailbox
from actors.reply import Reply
from gateway.errors import StoreRefused, StoreUnavailable
from gateway.world import RedisRefused, Words

COMMAND_S: Final = 0.1
"""What a command may take, waiting included."""
STOOD_STILL_S: Final = 0.02
"""Whoever notices so much later that its time is over had a gateway that did not get on, be the store as it may."""
RETRY_AFTER_S: Final = 1.0


class Mode(enum.Enum):
    """How the store is."""

    STARTING = "starting"
    MEMORY = "memory"
    """There is none: each process keeps its own."""
    CONNECTED = "connected"
    DEGRADED = "degraded"
    """There is one, but it cannot be used now."""


OnUnanswered = Callable[[str, bool], None]
"""(operation, whether the store was taken to be there): whoever asked and waited goes without; must not raise."""


def _untold(_operation: str, _was_connected: bool) -> None:
    """Before anybody serves the line."""


class Command:
    """One command on its way; `done` takes its reply or why there is none, once, and must not raise."""

    __slots__ = ("asked_at", "deadline", "done", "operation", "words")

    def __init__(
        self, operation: str, words: Words, done: Callable[[object], object], *, asked_at: float, deadline: float
    ) -> None:
        self.operation = operation
        """For the metrics: what it is for."""
        self.words = words
        self.done = done
        self.asked_at = asked_at
        self.deadline = deadline

    @property
    def size_bytes(self) -> int:
        return sum(len(word) for word in self.words if isinstance(word, str | bytes))


class StoreLine:
    """Takes commands for as long as the gateway lives."""

    def __init__(self, clock: Clock) -> None:
        self.mode = Mode.STARTING
        self.moved_at = clock()
        """When it came into this mode."""
        self._clock = clock
        self._mailbox: Mailbox[Command] | None = None
        self._on_unanswered: OnUnanswered = _untold
        self._listeners: list[Callable[[Mode], None]] = []
        self._leavers: list[Callable[[], None]] = []

    def on_move(self, listener: Callable[[Mode], None]) -> None:
        """From now on `listener` is told of every new mode; it must not raise."""
        self._listeners.append(listener)

    def on_leave(self, listener: Callable[[], None]) -> None:
        """`listener` is told that the gateway ends, while last commands can still be sent; it must not raise."""
        self._leavers.append(listener)

    def send(self, operation: str, words: Words, done: Callable[[object], object]) -> None:
        """Sends without waiting. Raises StoreUnavailable, and then `done` is not called.

        `done` gets the reply, a RedisRefused, or a StoreUnavailable.
        """
        mailbox = self._mailbox
        if mailbox is None or self.mode is not Mode.CONNECTED:
            raise unavailable()
        now = self._clock()
        command = Command(operation, words, done, asked_at=now, deadline=now + COMMAND_S)
        try:
            mailbox.post(command, command.size_bytes)
        except Failure as failure:  # full, or its actor has just died
            raise unavailable() from failure

    async def ask(self, operation: str, *words: Any) -> Any:
        """The reply to one command. Raises StoreUnavailable, within 0.1 s at the latest; StoreRefused is one.

        Where this process stood still meanwhile, its actor asks the store once more, and that is waited for.
        """
        reply: Reply[object] = Reply()
        was_connected = self.mode is Mode.CONNECTED
        try:
            self.send(operation, words, reply.settle)
            return await self._reply_in_time(reply)
        except StoreUnavailable:
            self._on_unanswered(operation, was_connected)
            raise

    async def _reply_in_time(self, reply: Reply[object]) -> Any:
        for _ in range(2):
            due = self._clock() + COMMAND_S
            with trio.move_on_after(COMMAND_S):
                answer = await reply.wait()
                if isinstance(answer, StoreUnavailable):
                    raise answer
                if isinstance(answer, RedisRefused):
                    raise _refused() from RuntimeError(answer.reason)
                return answer
            if self._clock() < due + STOOD_STILL_S:
                break
        raise unavailable()

    # For the actor that serves it.

    def attach(self, mailbox: Mailbox[Command], on_unanswered: OnUnanswered) -> None:
        self._mailbox = mailbox
        self._on_unanswered = on_unanswered

    def detach(self, mailbox: Mailbox[Command]) -> None:
        if self._mailbox is mailbox:
            self._mailbox = None

    def move(self, mode: Mode) -> None:
        """Tells everybody of a new mode."""
        self.mode = mode
        self.moved_at = self._clock()
        for listener in self._listeners:
            listener(mode)

    def leave(self) -> None:
        """Tells everybody that the gateway ends."""
        for listener in self._leavers:
            listener()


def unavailable() -> StoreUnavailable:
    """Out of reach, or so slow that it comes to the same."""
    return StoreUnavailable("The gateway's store cannot be reached at the moment.", retry_after=RETRY_AFTER_S)


def _refused() -> StoreRefused:
    return StoreRefused(
        "The gateway's store answered with an error, of which the gateway's log tells more.", retry_after=RETRY_AFTER_S
    )
