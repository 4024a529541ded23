"""The same scenarios on real sockets and real clocks: a gateway process between real clients and real providers.

`make chaos SEEDS=3`. What happens is noted as in the simulation and judged by the same checks, with some time allowed.
Of the faults those are played that a process can have from outside: providers' moods, lost connections, a reload by
SIGHUP; at the end SIGTERM. A seed takes half a minute.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import trio

from gateway.edge.sockets import connect, listen
from gateway.world import Listener, Stream
from tests.sim import checks_answers as answers
from tests.sim import checks_asking as asking
from tests.sim import checks_clients as clients
from tests.sim import checks_turns as turns
from tests.sim.background import follow_to_the_end
from tests.sim.checks import CHECKS as ALL_CHECKS
from tests.sim.checks import Violation
from tests.sim.clients import VirtualClient
from tests.sim.drawing import scenario_of
from tests.sim.evidence import Evidence, Ledger
from tests.sim.history import End, Heard, History
from tests.sim.providers import Providers
from tests.sim.scenario import CALM_AT, Ask, Blow, Client, Dialect, Fault, Scenario, Temper
from tests.sim.town import ENVIRON, HOUSES, usual_settings
from tests.sockets.processes import GatewayProcess

LOOPBACK: Final = "127.0.0.1"
SLACK_S: Final = 0.5
"""What a busy machine may add to a time."""
READY_LIMIT_S: Final = 60.0
PLAYED: Final = (Blow.MOOD, Blow.RELOAD)
SEEN_FROM_OUTSIDE: Final = frozenset(
    {
        clients.every_request_has_one_line,
        clients.client_and_line_agree,
        clients.everybody_is_answered,
        clients.providers_are_left_with_their_clients,
        clients.deadlines_are_kept,
        clients.no_provider_is_left_asked,
        clients.hostile_bytes_are_refused,
        clients.no_secret_comes_out,
        asking.headers_come_once,
        asking.clients_keys_stay_here,
        clients.all_is_well_soon_after,
        answers.no_word_is_lost_or_said_twice,
        answers.nothing_is_answered_that_nobody_said,
        answers.what_is_asked_for_reaches_the_model,
        answers.signatures_come_back_whole,
        clients.usage_is_what_providers_said,
        turns.models_know_the_conversation,
        turns.led_answers_are_whole,
        turns.signatures_go_to_their_makers,
        turns.tools_are_run_once,
        turns.every_turn_has_a_line,
        turns.background_work_ends_honestly,
        turns.responses_are_their_askers_own,
        turns.cancelled_work_stops,
    }
)
CHECKS: Final = tuple((promise, check) for promise, check in ALL_CHECKS if check in SEEN_FROM_OUTSIDE)


class SinceStart(trio.abc.Clock):
    """Real seconds, from 0 on as in a simulation, once the gateway is ready."""

    def start_clock(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._began = time.perf_counter()

    def current_time(self) -> float:
        return time.perf_counter() - self._began

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - self.current_time()


class Streets:
    """The listening side of real sockets under the names that providers have in the simulation."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}

    async def listen(self, host: str, port: int) -> Listener:
        listener = await listen(LOOPBACK, 0)
        self.ports[host] = listener.address[1]
        return listener

    def real(self, text: str) -> str:
        """With the addresses that there are in place of the names."""
        for host, port in self.ports.items():
            text = text.replace(host, f"{LOOPBACK}:{port}")
        return text


@dataclass(eq=False, kw_only=True)
class Logged(Ledger):
    """A process, known by its log alone."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    worker: int = 0
    began_at: float = 0.0
    ready_at: float = 0.0
    gave_back: bool = False

    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == "request"]


class Chaos:
    """One seed."""

    def __init__(self, scenario: Scenario, folder: Path, clock: SinceStart) -> None:
        self.scenario = scenario
        self.history = History()
        self.life = Logged()
        self.exit_code: int | None = None
        self._folder = folder
        self._clock = clock
        self._streets = Streets()
        self._providers = Providers(scenario, self._streets, self.history)  # type: ignore[arg-type]
        self._process: GatewayProcess

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            await self._providers.open(nursery)
            self._process = GatewayProcess.spawn(self._folder, settings=self._settings(), environ=self._environ())
            try:
                await trio.to_thread.run_sync(self._wait_until_ready)
                self._clock.begin()
                await self._trouble()
                self._process.send(signal.SIGTERM)
                self.life.drained_at = trio.current_time()
                limit_s = self.scenario.drain_grace_s + self.scenario.write_stall_s + 5.0
                self.exit_code = await trio.to_thread.run_sync(self._process.wait, limit_s)
            finally:
                self._process.end()
            self.life.lines = self._process.lines()
            nursery.cancel_scope.cancel()

    def _wait_until_ready(self) -> None:
        self._process.wait_for(lambda: self._process.logged("gateway ready"), READY_LIMIT_S)
        self._process.wait_until_ready()

    def _settings(self, *, reloaded: bool = False) -> str:
        mine = self.scenario.reloaded if reloaded else self.scenario.settings
        return self._streets.real("[catalogue]\nrefresh_s = 0\n" + usual_settings() + mine)

    def _environ(self) -> dict[str, str]:
        return {name: self._streets.real(value) for name, value in ENVIRON.items()}

    async def _trouble(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = CALM_AT
            for fault in self.scenario.faults:
                nursery.start_soon(self._strike, fault)
            for client in self.scenario.clients:
                nursery.start_soon(self._client(client, self.history.heard).live)
            nursery.start_soon(trio.sleep_until, CALM_AT)
        async with trio.open_nursery() as nursery:
            for number, house in enumerate(HOUSES.values()):
                nursery.start_soon(self._probe, number, house.model)
        await follow_to_the_end(self.history.works, self._connect, self.scenario.timeouts.total_s)

    def _client(self, client: Client, noted: list[Heard]) -> VirtualClient:
        return VirtualClient(client, self._connect, self.history, seed=self.scenario.seed, noted=noted)

    async def _connect(self, worker: int) -> Stream:
        return await connect(*self._process.address)

    async def _strike(self, fault: Fault) -> None:
        await trio.sleep_until(fault.at)
        if fault.blow is Blow.RELOAD:
            (self._folder / "gateway.toml").write_text(self._settings(reloaded=True))
            self._process.send(signal.SIGHUP)

    async def _probe(self, number: int, model: str) -> None:
        for again in range(26):
            client = Client(
                number=1000 * (number + 1) + again,
                worker=0,
                starts_at=CALM_AT,
                temper=Temper.PATIENT,
                limit=0.0,
                asks=(Ask(dialect=Dialect.CHAT, model=model),),
            )
            noted: list[Heard] = []
            await self._client(client, noted).live()
            self.history.probes += noted
            if noted[-1].end is End.OK:
                return
            await trio.sleep(1.0)

    def evidence(self) -> Evidence:
        return Evidence(self.scenario, self.history, [self.life], None, slack_s=SLACK_S)  # type: ignore[list-item]


def judged(chaos: Chaos) -> list[Violation]:
    """What was wrong."""
    found = [
        Violation(promise, check.__name__, words) for promise, check in CHECKS for words in check(chaos.evidence())
    ]
    if chaos.exit_code != 0:
        found.append(Violation(18, "exit code", str(chaos.exit_code)))
    crashes = [line for line in chaos.life.lines if line["level"] in ("error", "critical")]
    return found + [Violation(9, "log", str(line)) for line in crashes]


def real_scenario_of(seed: int) -> Scenario:
    """What of a seed's scenario can be played on one process."""
    scenario = scenario_of(seed)
    return replace(
        scenario,
        workers=1,
        shared=False,
        overlong=False,  # a process may ask anew between the answer and what comes behind it
        faults=tuple(fault for fault in scenario.faults if fault.blow in PLAYED),
        clients=tuple(replace(client, worker=0) for client in scenario.clients),
    )


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(arguments)
    wrong = 0
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            clock = SinceStart()
            chaos = Chaos(real_scenario_of(seed), Path(folder), clock)
            trio.run(chaos.run, clock=clock)
        found = judged(chaos)
        wrong += bool(found)
        ends = {end.value: sum(heard.end is end for heard in chaos.history.heard) for end in End}
        told = ", ".join(f"{count} {name}" for name, count in ends.items() if count)
        sys.stdout.write(f"seed {seed}: {told}; {len(found)} promises not kept\n")
        sys.stdout.write("".join(f"    {each}\n" for each in found))
        sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
