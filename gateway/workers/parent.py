"""The parent of several workers: it owns the sockets, and serves nothing itself.

root  (one_for_one, 3 restarts in 60 s)
├── stores   (one_for_one, never gives up)
│   └── store   the embedded Valkey, where nobody runs a store (embedded_store.py)
└── workers  (one_for_one, 5 restarts in 30 s)
    ├── 0       a process each (process.py)
    └── ...

It is supervised as actors are: a worker that dies is restarted, more slowly each time, and one that keeps dying ends
the gateway with its own exit code. A slot's socket stays open here, so that what has connected to a dead worker's
waits for its successor, and a worker ends when its parent does, for then the line between them does (line.py).
"""

from __future__ import annotations

import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import quote

import trio

from actors.errors import ActorDied
from actors.life import describe
from actors.supervisor import ChildSpec, Escalated, OrderRefused, Supervisor
from gateway.config import Config, ConfigError, Origin
from gateway.config.announcement import announcement, unasked_keys
from gateway.edge.sockets import connect
from gateway.store.search import StoreSearch
from gateway.telemetry.logs import Logs
from gateway.telemetry.sink import BufferedLog
from gateway.workers.embedded_store import EmbeddedStore, embedded_server, socket_of
from gateway.workers.kept_figures import fold, life_of
from gateway.workers.line import Line
from gateway.workers.listening import bind_slots
from gateway.workers.parent_log import told_in
from gateway.workers.private_folder import PrivateFolder, private_folder, take_away_the_dead
from gateway.workers.process import Spawned, WorkerDied, WorkerProcess, spawn
from gateway.workers.reloads import Reloads
from gateway.workers.settings import SettingsInForce
from gateway.workers.station import Station

ROOT: Final = "parent"
STORES: Final = "stores"
STORE: Final = "store"
WORKERS: Final = "workers"
UNLIMITED: Final = 1_000_000
"""Restarts of a store that keeps dying: workers do without it."""
SERVED: Final = 0
GAVE_UP: Final = 1
STDOUT: Final = 1
_CODE: Final = str(Path(__file__).parents[2])
"""Where the gateway's own packages lie: in a checkout that is not installed, the folder in which it was started."""
START_S: Final = 600.0
"""What all workers together may take to be ready."""
HASTE_S: Final = 2.0
"""What workers get to end once they have been told a second time."""


def run(config: Config, origin: Origin) -> int:
    """Keeps workers until a signal; the exit code: 0 drained, that of a worker which keeps failing, else 1."""
    return trio.run(keep_workers, config, origin)


async def keep_workers(config: Config, origin: Origin) -> int:
    """On SIGTERM and SIGINT the workers drain; a second signal makes them end without grace."""
    with ExitStack() as life:
        try:
            private = life.enter_context(private_folder())
        except OSError as problem:
            reason = problem.strerror or problem
            sys.stderr.write(f"llm-gateway has nowhere to put its workers' sockets: {reason} (TMPDIR names a place)\n")
            return GAVE_UP
        take_away_the_dead(private.path.parent)
        log = BufferedLog(STDOUT)
        life.callback(log.close)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            code = await Parent(config, origin, private, log.write).run()
            nursery.cancel_scope.cancel()
    return code


class Parent:
    """One gateway of several processes."""

    def __init__(
        self, config: Config, origin: Origin, private: PrivateFolder, write_log: Callable[[str], None]
    ) -> None:
        self._origin = origin
        self._folder = folder = private.path
        self._lock = private.lock
        self._log = Logs(write_log, time.time, level=config.log.level, levels=config.log.levels).get(__name__)
        self._settings = SettingsInForce(config, origin, folder, self._log)
        self._reloads = Reloads(self._settings, self, self._log)
        self._slots: list[socket.socket] = []
        self._embedded: Path | None = None
        """The embedded store's binary, where it is used."""
        self._ahead: dict[int, Spawned] = {}
        """Processes that have been started before the supervisor asks for them."""
        self._random = Random(secrets.randbits(128))  # noqa: S311  # jitter
        self._observe = told_in(self._log, folder)
        self._root = Supervisor(
            ROOT,
            [
                ChildSpec(STORES, self._stores, kind="supervisor"),
                ChildSpec(
                    WORKERS, self._workers, kind="supervisor", grace_s=self._settings.patience_s, start_s=START_S
                ),
            ],
            intensity=3,
            period_s=60.0,
            random=self._random,
            observe=self._observe,
        )
        self._scope = trio.CancelScope()
        """Around all of it; its deadline is the end of the drain."""
        self._draining = False

    async def run(self) -> int:
        server = self._settings.config.server
        try:
            self._settings.begin()
            self._slots = await bind_slots(server.host, server.port, server.workers)
        except (OSError, ConfigError) as problem:
            reason = (problem.strerror if isinstance(problem, OSError) else None) or problem
            sys.stderr.write(f"llm-gateway cannot listen on {server.host}:{server.port}: {reason}\n")
            return GAVE_UP
        try:
            return await self._keep()
        finally:
            self._close_slots()

    async def _keep(self) -> int:
        code = SERVED
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._heed_signals)
                    nursery.start_soon(self._reloads.heed_signals)
                    nursery.start_soon(self._reloads.heed_wishes)
                    await self._live()
                    nursery.cancel_scope.cancel()
        except* Escalated as gave_up:
            code = _code_of(gave_up)
            self._log.critical("gateway gave up", reason=describe(gave_up))
        else:
            if self._scope.cancelled_caught:
                self._log.error("workers killed, as they did not end")
                code = GAVE_UP
            self._log.info("gateway stopped")
        return code

    async def _live(self) -> None:
        try:
            self._embedded = await self._needed_store()
            for number in range(len(self._slots)):
                if self._draining:
                    return
                self._ahead[number] = await self._launch(number)
            async with trio.open_nursery() as life:
                await life.start(self._root.run)
                if not self._draining:
                    self._log.info("gateway ready", **announcement(self._settings.config, self._address))
                    if (idle := unasked_keys(self._settings.config)) is not None:
                        self._log.warning("client keys are not asked for", **idle)
        finally:
            for spawned in self._ahead.values():
                spawned.process.kill()
                spawned.line.close()

    # The store that they share.

    async def _needed_store(self) -> Path | None:
        """The embedded store's binary, unless somebody runs a store, or wants none."""
        config = self._settings.config
        place = await StoreSearch(config.store_address, connect, variable=config.store.url_env)()
        if place.address is not None or config.store_address is not None:
            return None
        binary = embedded_server()
        if binary is None:
            self._log.warning(
                "workers share no store: each keeps to its part of the limits",
                because=place.because,
                remedy=f"set {config.store.url_env}, or install llm-gateway[embedded]",
            )
        return binary

    def _stores(self) -> Supervisor:
        binary = self._embedded
        return Supervisor(
            STORES,
            [] if binary is None else [ChildSpec(STORE, lambda: EmbeddedStore(binary, self._folder), kind="store")],
            intensity=UNLIMITED,
            random=self._random,
            observe=self._observe,
        )

    # The workers.

    def _workers(self) -> Supervisor:
        return Supervisor(
            WORKERS,
            [self._worker(number) for number in range(len(self._slots))],
            random=self._random,
            observe=self._observe,
        )

    def _worker(self, number: int) -> ChildSpec:
        return ChildSpec(
            str(number),
            lambda: WorkerProcess(
                partial(self._spawn, number),
                lambda: self._settings.edition,
                self._reloads.wish,
                partial(self._has_ended, number),
            ),
            grace_s=self._settings.patience_s,
            kind="worker",
        )

    def _has_ended(self, number: int, pid: int) -> None:
        """What it has counted goes into the sum of those that have gone."""
        try:
            fold(self._folder, life_of(number, pid))
        except OSError as problem:  # a full disk costs figures, not workers
            self._log.warning("figures lost", worker=str(number), because=describe(problem))

    async def _spawn(self, number: int) -> Spawned:
        ahead = self._ahead.pop(number, None)
        return await self._launch(number) if ahead is None else ahead

    async def _launch(self, number: int) -> Spawned:
        if self._draining:
            raise ActorDied("the gateway is being stopped")
        ours, theirs = socket.socketpair()
        listener = self._slots[number]
        with theirs:
            station = Station(number=number, listener=listener.fileno(), line=theirs.fileno(), folder=str(self._folder))
            # Without -P the folder in which the operator happens to be would come before all others with modules.
            safely = [] if sys.path[:1] == [_CODE] else ["-P"]
            command = [sys.executable, *safely, "-m", "gateway", "serve", "--config", str(station.config_file)]
            for option, value in {**self._origin.options, "--workers": str(len(self._slots))}.items():
                command += [option, value]
            environ = {**self._origin.environ, **self._store_variable(), **station.to_environ()}
            process = await spawn(command, environ, (listener.fileno(), theirs.fileno(), self._lock))
        return Spawned(process, Line(ours))

    def _store_variable(self) -> dict[str, str]:
        """How workers find the embedded store: as they would find any."""
        if self._embedded is None:
            return {}
        return {self._settings.config.store.url_env: f"unix://{quote(str(socket_of(self._folder)))}"}

    @property
    def count(self) -> int:
        """How many workers there are."""
        return len(self._slots)

    def processes(self) -> list[WorkerProcess]:
        """Those that run now."""
        return [view.child for view in self._root.tree() if isinstance(view.child, WorkerProcess)]

    async def replace(self, number: int) -> Exception | None:
        """The worker's successor serves before it drains; why there is none, which the log has then."""
        workers = self._root.current(WORKERS)
        if not isinstance(workers, Supervisor):
            return None  # it is being restarted, and its children with the new settings
        try:
            await workers.replace(self._worker(number), grace_s=self._settings.patience_s)
        except (ActorDied, OrderRefused) as problem:
            self._log.error("workers not replaced", worker=str(number), because=describe(problem))
            return problem
        return None

    # Signals.

    async def _heed_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                if self._draining:
                    self._hurry()
                else:
                    self._log.info("gateway draining", signal=signal.Signals(number).name)
                    self._drain()

    def _drain(self) -> None:
        """No new connections; all workers drain at once, and the tree follows as they end."""
        self._draining = True
        self._close_slots()
        self._scope.deadline = trio.current_time() + self._settings.patience_s
        for worker in self.processes():
            worker.stop()
        self._root.stop()

    def _hurry(self) -> None:
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + HASTE_S)
        for worker in self.processes():
            worker.send(signal.SIGTERM)

    @property
    def _address(self) -> tuple[str, int]:
        host, port = self._slots[0].getsockname()[:2]
        return host, port

    def _close_slots(self) -> None:
        for slot in self._slots:
            slot.close()


def _code_of(crash: BaseException) -> int:
    """The exit code of the worker that made everybody give up, where it has ended with one."""
    inner: BaseException | None = crash
    while inner is not None:
        if isinstance(inner, WorkerDied) and inner.code > 0:
            return inner.code
        inner = inner.exceptions[0] if isinstance(inner, BaseExceptionGroup) else inner.__cause__
    return GAVE_UP
