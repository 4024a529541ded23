"""Request bodies on their way in: read within a limit, and held against one budget for the whole process.

From the moment a call stands in a mailbox, the mailbox, the waiters and the provider's budget count its bytes; until
then they are the ingress budget's.
"""

from __future__ import annotations

from math import inf
from typing import Protocol

import trio

from actors.errors import DeadlineExceeded
from gateway.dialects.structure import check_structure
from gateway.errors import BodyTooLarge, MemoryPressure
from gateway.exchange import Request
from gateway.unhurried import unhurried

RETRY_AFTER_S = 1.0


class Budget(Protocol):
    """What is needed of `actors.policy.memory_budget.MemoryBudget`."""

    def has_room(self, size_bytes: int) -> bool:
        """Whether `reserve` would take `size_bytes`."""
        ...

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

    def check(self, body: bytes) -> None:
        """For a body that the engine has whole. Raises BodyTooLarge, MemoryPressure.

        Nothing is held on return, as with `read`: see there.
        """
        size = len(body)
        if size > self._limit_bytes or not self._budget.has_room(size):
            self.let_go(self.hold(size, 0))  # which says why not

    async def read(self, request: Request, until: float = inf) -> bytes:
        """The whole body, which has to have come by `until`.

        Raises BodyTooLarge, MemoryPressure, DeadlineExceeded, and what `receive_body` raises.
        """
        with trio.CancelScope(deadline=until):
            return await self._read(request)
        raise DeadlineExceeded("The time that the client allows was over before the body of its request had come.")

    async def _read(self, request: Request) -> bytes:
        """As `read`.

        What it held is given back as it returns: its caller hands the body on before it awaits anything else, so that
        nobody sees a moment in which the bytes are not counted.
        """
        pieces: list[bytes] = []
        size = held = 0
        announced = _announced(request)
        if announced:
            held = self.hold(announced, 0)
        try:
            while True:
                piece, more = await request.receive_body()
                size += len(piece)
                if size > held:
                    held = self.hold(size, held)
                if not more and not pieces:
                    return piece
                pieces.append(piece)
                if not more:
                    return b"".join(pieces)
        finally:
            self.let_go(held)

    async def survey(self, body: bytes, most_values: int) -> None:
        """Refuses a body whose decoding would hold all others up, and holds nobody up itself.

        Raises InvalidRequest, MemoryPressure.
        """
        held = self.hold(len(body), 0)
        try:
            await unhurried(check_structure(body, most_values))
        finally:
            self.let_go(held)

    def hold(self, size_bytes: int, held: int) -> int:
        """Grows what is held to `size_bytes`: all at once where the length was announced, piece by piece otherwise.

        Returns what is held from then on, for `let_go`. Raises BodyTooLarge, MemoryPressure.
        """
        if size_bytes > self._limit_bytes:
            raise BodyTooLarge(f"The body of the request is larger than {self._limit_bytes} bytes.")
        if not self._budget.reserve(size_bytes - held):
            raise MemoryPressure(
                "The gateway has no memory to spare for this request now; try again.", retry_after=RETRY_AFTER_S
            )
        return size_bytes

    def let_go(self, held: int) -> None:
        """Gives back what `hold` took."""
        self._budget.release(held)


def _announced(request: Request) -> int:
    """The length that the client announced; 0 where it did not, or nonsense (the engine has its own view of that)."""
    length = request.fields.get(b"content-length")
    return int(length) if length is not None and length.isdigit() else 0
