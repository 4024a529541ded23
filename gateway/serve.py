"""Serves until a signal: the production World, nursery order, listening, drain."""

from __future__ import annotations

import gc
import os
import random
import resource
import secrets
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Final

import trio

from actors.errors import ActorDied
from actors.life import describe
from actors.supervisor import Escalated, OrderRefused
from gateway.admin.reload import Reloaded
from gateway.clock import ProcessClock, running_clock
from gateway.config import Config, ConfigError, Origin
from gateway.config.announcement import announcement, unasked_keys
from gateway.edge.lookups import SharedLookups
from gateway.edge.read_poll import ReadPoll, open_read_poll
from gateway.edge.sockets import BACKLOG, SocketListener, connect, listen
from gateway.ids import new_ids
from gateway.siblings import Place
from gateway.store.redis_client import in_threads
from gateway.telemetry.process import MemoryRelief, ResidentMemory
from gateway.telemetry.sink import BufferedLog
from gateway.wiring import Gateway, build
from gateway.workers.far_parent import FarParent
from gateway.workers.line import READY, Line
from gateway.workers.neighbours import place_of
from gateway.workers.station import Station, station_of
from gateway.world import Listener, World

SERVED: Final = 0
GAVE_UP: Final = 1
STDOUT: Final = 1
NOT_HOT: Final = "gateway.face.quart_app"
GC_THRESHOLDS: Final = (20_000, 20, 50)


def run(config: Config, origin: Origin) -> int:
    """Serves, alone or as one of several workers; the exit code: 0 drained, 1 could not serve (any longer)."""
    _raise_descriptor_limit()
    spare_the_collector()
    return trio.run(serve, config, origin, clock=ProcessClock())


async def serve(config: Config, origin: Origin) -> int:
    """One gateway on real sockets, until SIGTERM or SIGINT; a second signal ends it without grace."""
    log = BufferedLog(STDOUT)
    poll = open_read_poll()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            if poll is not None:
                nursery.start_soon(poll.run)
            lookups = SharedLookups()
            await nursery.start(lookups.run)
            trio.socket.set_custom_hostname_resolver(lookups)
            station = station_of(origin.environ)
            world = real_world(log.write, poll, number=0 if station is None else station.number)
            if station is None:
                code = await serve_alone(config, origin, world)
            else:
                code = await serve_as_worker(config, origin, world, station, poll)
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


def real_world(write_log: Callable[[str], None], poll: ReadPoll | None = None, *, number: int = 0) -> World:
    """The outside as it is, for worker `number`. To be made within `trio.run`; `poll` has to run as long."""
    return World(
        clock=running_clock(),
        wall_clock=time.time,
        random=random.Random(secrets.randbits(128)),  # noqa: S311  # jitter and trace ids, no secrets
        new_id=new_ids(number),
        connect=partial(connect, poll=poll),
        listen=partial(listen, poll=poll),
        open_redis=in_threads(),
        memory_bytes=ResidentMemory(),
        free_memory=MemoryRelief(),
        environ=os.environ,
        write_log=write_log,
    )


async def serve_alone(config: Config, origin: Origin, world: World) -> int:
    """The gateway as its machine's only process."""
    gateway = _build(config, world, 0)
    if gateway is None:
        return GAVE_UP
    try:
        listener = await world.listen(config.server.host, config.server.port)
    except OSError as problem:
        where = f"{config.server.host}:{config.server.port}"
        sys.stderr.write(f"llm-gateway cannot listen on {where}: {problem.strerror or problem}\n")
        return GAVE_UP

    gateway.console.reload_settings = partial(reload, gateway, origin)

    async def ready() -> None:
        log = gateway.logs.get(__name__)
        log.info("gateway ready", **announcement(config, listener.address))
        if (idle := unasked_keys(config)) is not None:
            log.warning("client keys are not asked for", **idle)

    return await _live(gateway, origin, listener, ready)


async def serve_as_worker(config: Config, origin: Origin, world: World, station: Station, poll: ReadPoll | None) -> int:
    """The gateway in one worker's place; without its parent it drains."""
    line = Line.of(station.line)
    gateway = _build(config, world, station.number, place_of(station, config.server.workers))
    if gateway is None:
        return GAVE_UP
    listening = socket.socket(fileno=station.listener)
    listening.set_inheritable(False)
    listening.listen(BACKLOG)
    async with trio.open_nursery() as nursery:
        parent = FarParent(line)
        gateway.console.reload_settings = parent.reload
        nursery.start_soon(_leave_with_parent, parent, gateway)

        async def ready() -> None:
            await line.say(READY)
            nursery.start_soon(parent.reassure)

        code = await _live(gateway, origin, SocketListener(listening, poll), ready)
        nursery.cancel_scope.cancel()
    return code


def _build(config: Config, world: World, number: int, place: Place | None = None) -> Gateway | None:
    try:
        return build(config, world, worker=str(number), place=place)
    except OSError as problem:  # ssl.SSLError is one
        sys.stderr.write(f"llm-gateway cannot read its TLS files: {problem}\n")
        return None


async def _live(gateway: Gateway, origin: Origin, listener: Listener, ready: Callable[[], Awaitable[None]]) -> int:
    """The gateway's whole life; `ready` is called once it serves."""
    log = gateway.logs.get(__name__)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed_signals, gateway, nursery.cancel_scope)
            async with trio.open_nursery() as life:
                await life.start(gateway.run, [listener])
                await nursery.start(_heed_reloads, gateway, origin)
                if gateway.phase != "draining":
                    await ready()
                    nursery.start_soon(_import_the_rest)
            nursery.cancel_scope.cancel()
        code = SERVED
        log.info("gateway stopped")
    except* Escalated as gave_up:
        code = GAVE_UP
        log.critical("gateway gave up", reason=describe(gave_up))
    return code


async def _import_the_rest() -> None:
    """What no hot request needs, while they are answered: the first of the others shall not wait for it."""
    if NOT_HOT not in sys.modules:
        await trio.to_thread.run_sync(import_module, NOT_HOT, abandon_on_cancel=True)
        gc.freeze()


async def _heed_signals(gateway: Gateway, scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as leaving:
            async for number in signals:
                if gateway.phase == "draining":
                    scope.cancel()
                    return
                gateway.logs.get(__name__).info("gateway draining", signal=signal.Signals(number).name)
                leaving.start_soon(gateway.leave)


async def _heed_reloads(
    gateway: Gateway, origin: Origin, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            await reload(gateway, origin)


async def reload(gateway: Gateway, origin: Origin) -> Reloaded:
    """Reads the settings again; wrong ones change nothing and are told, in the log too."""
    log = gateway.logs.get(__name__)
    try:
        config = origin.load()
    except ConfigError as wrong:
        mistakes = [str(mistake) for mistake in wrong.mistakes]
        log.error("configuration refused", mistakes=mistakes)
        return Reloaded(refused=mistakes)
    try:
        waiting = await gateway.reload(config)
    except (ActorDied, OrderRefused) as problem:
        log.error("configuration not reloaded", because=describe(problem))
        return Reloaded(refused=[describe(problem)])
    gateway.logs.get(__name__).info("configuration reloaded", waiting_for_restart=waiting)
    return Reloaded(waiting_for_restart=waiting)


async def _leave_with_parent(parent: FarParent, gateway: Gateway) -> None:
    """Nobody restarts a worker whose parent is gone, and the port has to become free."""
    await parent.listen()
    gateway.logs.get(__name__).error("gateway draining", because="the parent is gone")
    gateway.drain()
