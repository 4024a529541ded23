"""Serves until a signal: the production World, nursery order, listening, drain."""

from __future__ import annotations

import gc
import os
import random
import resource
import secrets
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final, TypeVar

import trio

from actors.life import describe
from actors.supervisor import Escalated
from gateway import __version__
from gateway.config import Config
from gateway.edge.read_poll import ReadPoll, open_read_poll
from gateway.edge.sockets import connect, listen
from gateway.telemetry.process import MemoryRelief, ResidentMemory
from gateway.telemetry.sink import BufferedLog
from gateway.wiring import Gateway, build
from gateway.world import Listener, World

SERVED: Final = 0
GAVE_UP: Final = 1
MAX_THREADS: Final = 8
STDOUT: Final = 1
GC_THRESHOLDS: Final = (20_000, 20, 50)

T = TypeVar("T")


def run(config: Config) -> int:
    """Serves; returns the process's exit code: 0 drained, 1 could not serve (any longer)."""
    _raise_descriptor_limit()
    spare_the_collector()
    return trio.run(serve, config)


async def serve(config: Config) -> int:
    """One gateway on real sockets, until SIGTERM or SIGINT; a second signal ends it without grace."""
    log = BufferedLog(STDOUT)
    poll = open_read_poll()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            if poll is not None:
                nursery.start_soon(poll.run)
            code = await _serve(config, real_world(log.write, poll))
            nursery.cancel_scope.cancel()
    finally:
        log.close()
    return code


def _raise_descriptor_limit() -> None:
    """To what the system allows: the usual soft limit of 1024 is fewer than the clients that may connect."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def spare_the_collector() -> None:
    """What has been imported never becomes garbage, and requests leave few cycles behind.

    Looking through all of it takes 60 ms, in which nobody is answered; doing so every 700 allocations, as is the
    default, a tenth of the CPU.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


def real_world(write_log: Callable[[str], None], poll: ReadPoll | None = None) -> World:
    """The outside as it is. To be made within `trio.run`, and after a fork; `poll` has to run as long."""
    threads = trio.CapacityLimiter(MAX_THREADS)

    async def run_in_thread(function: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(function, limiter=threads)

    return World(
        # The bound method spares trio.current_time's two look-ups; a request asks for the time a dozen times.
        clock=trio.lowlevel.current_clock().current_time,
        wall_clock=time.time,
        random=random.Random(secrets.randbits(128)),
        new_id=new_ids(),
        connect=partial(connect, poll=poll),
        listen=partial(listen, poll=poll),
        run_in_thread=run_in_thread,
        memory_bytes=ResidentMemory(),
        free_memory=MemoryRelief(),
        environ=os.environ,
        write_log=write_log,
    )


def new_ids() -> Callable[[], str]:
    """A source of ids: random per process and counted, so that one costs no system call."""
    prefix, numbers = f"{secrets.randbits(64):016x}%016x", count(secrets.randbits(63))
    return lambda: prefix % next(numbers)


async def _serve(config: Config, world: World) -> int:
    try:
        gateway = build(config, world)
    except OSError as problem:  # ssl.SSLError is one
        sys.stderr.write(f"llm-gateway cannot read its TLS files: {problem}\n")
        return GAVE_UP
    log = gateway.logs.get(__name__)
    try:
        listener = await world.listen(config.server.host, config.server.port)
    except OSError as problem:
        where = f"{config.server.host}:{config.server.port}"
        sys.stderr.write(f"llm-gateway cannot listen on {where}: {problem.strerror or problem}\n")
        return GAVE_UP
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed_signals, gateway, nursery.cancel_scope)
            async with trio.open_nursery() as life:
                await life.start(gateway.run, [listener])
                if gateway.phase != "draining":
                    _announce(gateway, listener)
            nursery.cancel_scope.cancel()
        code = SERVED
        log.info("gateway stopped")
    except* Escalated as gave_up:
        code = GAVE_UP
        log.critical("gateway gave up", reason=describe(gave_up))
    return code


async def _heed_signals(gateway: Gateway, scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        asked = False
        async for number in signals:
            if asked:
                scope.cancel()
                return
            asked = True
            gateway.logs.get(__name__).info("gateway draining", signal=signal.Signals(number).name)
            gateway.drain()


def _announce(gateway: Gateway, listener: Listener) -> None:
    host, port = listener.address
    server = gateway.config.server
    gateway.logs.get(__name__).info(
        "gateway ready",
        version=__version__,
        url=f"{'https' if server.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}",
        engine=server.engine,
        keys="asked for" if gateway.config.auth_required else "not asked for",
        providers=[name for name in gateway.config.providers if not gateway.config.missing_keys(name)],
    )
