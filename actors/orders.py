"""What reaches a supervisor's own task: facts from its other tasks, and orders from whoever holds it, in one queue."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from actors.errors import ActorDied, Overloaded
from actors.reply import Reply

F = TypeVar("F")

MAX_ORDERS = 64


class OrderRefused(Exception):
    """What was asked for makes no sense here; subclasses say why."""


class Order:
    """Something to be done by the queue's owner, and the answer to whoever waits for it."""

    __slots__ = ("_act", "reply")

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self._act = act
        self.reply: Reply[None] = Reply()

    async def carry_out(self) -> None:
        """Does it and answers. What is not OrderRefused ends the owner too, and goes on to it."""
        try:
            await self._act()
        except OrderRefused as refusal:
            self.reply.fail(refusal)
        except BaseException:
            self.drop()
            raise
        else:
            self.reply.settle(None)

    def drop(self) -> None:
        """Answers that it will not be done."""
        self.reply.fail(ActorDied("the supervisor has stopped"))


class Orders(Generic[F]):
    """A queue that one task reads: facts of type F, which are never refused, and at most MAX_ORDERS orders."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        # The owner's facts are bounded by the owner, the orders here.
        self._sender, self._receiver = trio.open_memory_channel[F | Order](math.inf)
        self._waiting = 0
        self._open = False

    def open(self) -> None:
        """From here on orders are taken."""
        self._open = True

    def post(self, fact: F) -> None:
        """Puts a fact in."""
        self._sender.send_nowait(fact)

    async def ask(self, act: Callable[[], Awaitable[None]]) -> None:
        """Has `act` done by the owner and waits for it. Raises what it raises, ActorDied, Overloaded."""
        if not self._open:
            raise ActorDied(f"{self._owner} is not running")
        if self._waiting >= MAX_ORDERS:
            raise Overloaded(f"{self._owner} has {MAX_ORDERS} orders to carry out")
        order = Order(act)
        self._waiting += 1
        self._sender.send_nowait(order)
        await order.reply.wait()

    async def receive(self) -> F | Order:
        """The next fact or order. A cancelled receive takes none."""
        note = await self._receiver.receive()
        if isinstance(note, Order):
            self._waiting -= 1
        return note

    def close(self) -> None:
        """Takes no more orders, and drops those that wait."""
        self._open = False
        while self._waiting:
            note = self._receiver.receive_nowait()
            if isinstance(note, Order):
                self._waiting -= 1
                note.drop()
