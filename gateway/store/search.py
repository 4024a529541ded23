"""Looks whether somebody runs a store at the usual place, where nobody has said."""

from __future__ import annotations

from typing import Final

import trio

from gateway.config.store_address import StoreAddress
from gateway.store.actor import StorePlace
from gateway.world import Connect

USUAL_PLACE: Final = ("localhost", 6379)
LOOK_S: Final = 0.05


class StoreSearch:
    """Looks once: what it has found holds for as long as the gateway lives."""

    def __init__(self, address: StoreAddress | None, connect: Connect, *, variable: str, named_by: str = "") -> None:
        """`named_by` says whose word an `address` is; empty: the `variable`'s."""
        self._connect = connect
        self._variable = variable
        self._found: StorePlace | None = None
        if address is not None:
            self._found = StorePlace(None if address.kind == "memory" else address, named_by or f"{variable} says so")

    async def __call__(self) -> StorePlace:
        if self._found is None:
            host, port = USUAL_PLACE
            if await _answers(self._connect, host, port):
                because = f"{self._variable} is not set, and one answers at {host}:{port}"
                self._found = StorePlace(StoreAddress(kind="server", hosts=(USUAL_PLACE,)), because)
            else:
                because = f"{self._variable} is not set, and none answers at {host}:{port}"
                self._found = StorePlace(None, because)
        return self._found


async def _answers(connect: Connect, host: str, port: int) -> bool:
    """Whether a store there takes commands from everybody; it has 50 ms to say so."""
    with trio.move_on_after(LOOK_S):
        try:
            stream = await connect(host, port)
        except OSError:
            return False
        try:
            stream.send_nowait(b"PING\r\n")
            await stream.wait_readable()
            return stream.receive_nowait(64).startswith(b"+PONG")
        except (OSError, trio.WouldBlock):
            return False
        finally:
            stream.close()
    return False
