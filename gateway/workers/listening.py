"""The sockets of the worker slots: one each on the same port, among which the kernel spreads the connections."""

from __future__ import annotations

import socket

from gateway.edge.sockets import bind


async def bind_slots(host: str, port: int, count: int) -> list[socket.socket]:
    """So many sockets that share a port (0 takes any free one); each is listened on by its worker once that serves.

    Raises OSError, also where somebody else has the port: SO_REUSEPORT alone would share it with them.
    """
    if port:
        (await bind(host, port)).close()
    slots: list[socket.socket] = []
    try:
        for _ in range(count):
            slots.append(await bind(host, port, reuse_port=True))
            port = slots[0].getsockname()[1]
    except OSError:
        for slot in slots:
            slot.close()
        raise
    return slots
