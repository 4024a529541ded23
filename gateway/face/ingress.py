"""Request bodies on their way in: read within a limit, and held against one budget for the whole process.

From the moment a call stands in a mailbox, the mailbox, the waiters and the provider's budget count its bytes; until
then they are the ingress budget's.
"""

from __future__ import annotations

from typing import Protocol

from gateway.errors import BodyTooLarge, MemoryPressure
from gateway.exchange import Request

RETRY_AFTER_S = 1.0


class Budget(Protocol):
    """What is needed of `actors.policy.memory_budget.MemoryBudget`."""

    def reserve(self, size_bytes: int) -> bool:
        """Takes `size_bytes` if they fit."""
        ...

    def release(self, size_bytes: int) -> None: ...


class Ingress:
    """Reads bodies of at most `limit_bytes`, charged to `budget`."""

    __slots__ = ("_budget", "_limit_bytes")

    def __init__(self, budget: Budget, limit_bytes: int) -> None:
        self._budget = budget
        self._limit_bytes = limit_bytes

    def open(self) -> Intake:
        """For one request; whoever opens it releases it in a `finally`."""
        return Intake(self._budget, self._limit_bytes)


class Intake:
    """The bytes of one body in the budget."""

    __slots__ = ("_budget", "_held_bytes", "_limit_bytes")

    def __init__(self, budget: Budget, limit_bytes: int) -> None:
        self._budget = budget
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    async def read(self, request: Request) -> bytes:
        """The whole body. Raises BodyTooLarge, MemoryPressure, and what `receive_body` raises."""
        self._hold(_announced(request))
        piece, more = await request.receive_body()
        self._hold(len(piece))
        if not more:
            return piece
        pieces = [piece]
        size = len(piece)
        while more:
            piece, more = await request.receive_body()
            pieces.append(piece)
            size += len(piece)
            self._hold(size)
        return b"".join(pieces)

    def release(self) -> None:
        """Gives everything back; harmless twice."""
        held, self._held_bytes = self._held_bytes, 0
        if held:
            self._budget.release(held)

    def _hold(self, size_bytes: int) -> None:
        """Grows what is held to `size_bytes`: all at once where the length was announced, piece by piece otherwise."""
        more = size_bytes - self._held_bytes
        if more <= 0:
            return
        if size_bytes > self._limit_bytes:
            raise BodyTooLarge(f"The body of the request is larger than {self._limit_bytes} bytes.")
        if not self._budget.reserve(more):
            raise MemoryPressure("Too many large requests at once; try again.", retry_after=RETRY_AFTER_S)
        self._held_bytes = size_bytes


def _announced(request: Request) -> int:
    """The length that the client announced; 0 where it did not, or nonsense (the engine has its own view of that)."""
    length = request.header(b"content-length")
    return int(length) if length is not None and length.isdigit() else 0
