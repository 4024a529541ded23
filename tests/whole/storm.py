"""A storm from one seed: many clients and every kind of fault on one gateway, and a trace of all that happened.

`python -m tests.whole.storm SEED...` prints a digest of the trace of each, for runs in processes of their own.
"""

from __future__ import annotations

import enum
import hashlib
import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import h11
import trio
import trio._core._run as trio_run
import trio.testing
from trio.testing import MockClock

from actors.attempt import Attempt
from actors.letters import Call
from tests.face.http_client import Client
from tests.memory_network import WINDOW_BYTES, MemoryNetwork, MemoryStream, Pipe
from tests.whole.gateways import CHAT, QUESTION, Running, data_of, running
from tests.whole.upstream import Asked, Script, answers, fails, is_cut, resets, stalls, streams, texts_of

CLIENTS = 60
LASTS_S = 20.0
LAST_WORD = "end"
OUTAGE_S = 4.0
FRAYING_S = 3.0
"""Before an outage; every stream that begins then breaks off."""
RECOVERY_S = 20.0
"""More than a breaker stays open, or a provider's actor takes to come back."""
GRACE_S = 36.0
"""A drain's grace, a stalled write and a second."""
SETTINGS = """
[timeouts]
connect_s = 2.0
first_token_s = 4.0
idle_s = 3.0
total_s = 15.0
hedge_after_s = 1.0
queue_s = 3.0
[retry]
attempts = 2
budget_start = 20.0
[providers.openai]
max_concurrent = 12
"""


@dataclass
class Trace:
    """Everything, in order: bytes on the wire, log lines, facts; all with their virtual times."""

    wire: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    def digest(self) -> str:
        return hashlib.sha256("\n".join([*self.wire, *self.lines, *self.facts]).encode()).hexdigest()


def raged(seed: int, engine: str = "edge") -> Trace:
    """The trace of one storm."""
    trace = Trace()
    with same_order_each_time(seed):
        trio.run(_rage, seed, engine, trace, clock=MockClock(autojump_threshold=0))
    return trace


@contextmanager
def same_order_each_time(seed: int) -> Iterator[None]:
    """Trio runs the tasks of a batch in an order that depends on `seed` alone."""
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate()
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    trio_run._r.seed(seed)
    try:
        yield
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = before[0]  # type: ignore[misc]
        trio_run._r.setstate(before[1])


async def _rage(seed: int, engine: str, trace: Trace) -> None:
    chance = random.Random(seed)
    network = TracedNetwork(random.Random(chance.random()), trace.wire)
    async with running(SETTINGS, engine=engine, seed=seed, network=network, troubled=True) as it:
        for upstream, outage_at in ((it.openai, 5.0), (it.deepseek, 12.0)):
            upstream.plays(weather(random.Random(chance.random()), outage_at))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_lightning, it, chance.uniform(0, LASTS_S))
            for number in range(CLIENTS):
                nursery.start_soon(_client, it, random.Random(chance.random()), number)
        await _check_recovery(it)
        await _drain_under_way(it, chance)
        assert network.open_streams() == 0
        trace.lines += it.lines
        trace.facts += [told(event) for event in it.events]


async def _check_recovery(it: Running) -> None:
    """Once the faults are over, nothing is left of them: no book is open, no breaker stays so."""
    await trio.sleep(RECOVERY_S)
    it.assert_at_rest()
    for upstream in (it.openai, it.deepseek):
        upstream.plays(answers(LAST_WORD))
    for model in ("gpt-4o", "backed", "deepseek-chat"):
        reply = await it.ask({**QUESTION, "model": model})
        assert reply.status == 200, reply
    await trio.testing.wait_all_tasks_blocked()
    it.assert_at_rest()
    it.assert_nobody_is_connected()


async def _drain_under_way(it: Running, chance: random.Random) -> None:
    """A few more clients, and the gateway is asked to stop while they are at it."""
    it.openai.plays(weather(random.Random(chance.random()), outage_at=0.0))
    drained_at = trio.current_time() + chance.uniform(1, 5)
    async with trio.open_nursery() as nursery:
        for number in range(CLIENTS, CLIENTS + 15):
            nursery.start_soon(_client, it, random.Random(chance.random()), number, 5.0)
        await trio.sleep_until(drained_at)
        it.gateway.drain()
    await trio.sleep_until(drained_at + GRACE_S)
    assert it.ended_at is not None, "the gateway has not ended"


async def _lightning(it: Running, when: float) -> None:
    """One provider's actor dies."""
    await trio.sleep(when)
    if (actor := it.gateway.actors.provider("openai")) is not None:
        actor._timers.at(when, _strike)


def _strike() -> None:
    raise RuntimeError("struck")


def weather(chance: random.Random, outage_at: float) -> Script:
    """A provider that is well most of the time, and not at all for a while."""

    async def any_of_them(asked: Asked) -> None:
        texts = [f"{number} " for number in range(chance.randint(1, 12) * 20)]
        texts = ["".join(texts[start : start + 20]) for start in range(0, len(texts), 20)] + [LAST_WORD]
        if (last := asked.json["messages"][-1])["role"] == "assistant":
            texts = rest_of(texts, last["content"])
        every_s = chance.choice([0.0, 0.1, 1.0])
        streamed = asked.json.get("stream", False)
        begun = texts[: chance.randint(0, len(texts))]
        well: Callable[[], Script] = (
            (lambda: streams(*texts, every_s=every_s))
            if streamed
            else (lambda: answers("".join(texts), after_s=chance.uniform(0, 3)))
        )
        faults: list[Callable[[], Script]] = [
            lambda: fails(500, after_s=chance.uniform(0, 2)),
            lambda: fails(400),
            lambda: fails(429, b"retry-after: 1"),
            lambda: fails(429, b"retry-after: 6"),
            lambda: resets(after_s=chance.uniform(0, 2)),
            lambda: stalls,
        ]
        if streamed:
            faults += [
                lambda: streams(*begun, every_s=every_s, then=is_cut),
                lambda: streams(*begun, every_s=every_s, then=_is_reset),
                lambda: streams(*begun, every_s=every_s, then=stalls),
                lambda: streams(*texts, every_s=3.9),
                lambda: streams(*texts, every_s=10.0),
                lambda: streams(LAST_WORD, every_s=0.0),
            ]
        if outage_at <= asked.at < outage_at + OUTAGE_S:
            await fails(500)(asked)
            return
        if streamed and outage_at - FRAYING_S <= asked.at < outage_at:
            await streams(*begun, every_s=every_s, then=chance.choice([is_cut, _is_reset]))(asked)
            return
        make = well if chance.random() < 0.7 else chance.choice(faults)
        await make()(asked)

    return any_of_them


def rest_of(texts: list[str], begun: str) -> list[str]:
    """What is left to be said of an answer by a model that is given its beginning, which may be longer than its own."""
    text = "".join(texts)
    if text.startswith(begun):
        return [text[len(begun) :]]
    return [] if begun.endswith(LAST_WORD) else [f" {LAST_WORD}"]


async def _is_reset(asked: Asked) -> None:
    asked.reset()


async def _client(it: Running, chance: random.Random, number: int, within_s: float = LASTS_S) -> None:
    """Asks a few times on one connection, unless it loses its patience."""
    await trio.sleep(chance.uniform(0, within_s))
    patience_s = chance.choice([0.0, 0.5, 5.0, 40.0, 40.0, 40.0])
    with suppress(ConnectionRefusedError):
        client = await it.connect()
        with trio.move_on_after(chance.uniform(0, patience_s)):
            await _talk(client, chance, number)
        client.leave()


async def _talk(client: Client, chance: random.Random, number: int) -> None:
    with suppress(OSError, trio.ClosedResourceError, h11.RemoteProtocolError):
        for turn in range(chance.randint(1, 4)):
            headers = {"x-request-id": f"{number}-{turn}"}
            if chance.random() < 0.3:
                headers["x-gateway-timeout"] = str(chance.randint(1, 6))
            question = {
                **QUESTION,
                "model": chance.choice(["gpt-4o", "backed", "backed", "deepseek-chat"]),
                "stream": chance.random() < 0.6,
            }
            reply = await client.request("POST", CHAT, headers=headers, json_body=question)
            if reply.status == 200:
                check_answer(reply.body, streamed=question["stream"])
            if reply.header("connection") == "close":
                return
            await trio.sleep(chance.uniform(0, 3))


def check_answer(body: bytes, *, streamed: bool) -> None:
    """Nothing is dropped, nothing comes twice, and what ends like a whole answer is whole."""
    if streamed:
        *events, last = data_of(body)
        text = texts_of(event for event in events if event != "[DONE]")
        whole = last == "[DONE]"
        assert whole or last["error"]["message"]
    else:
        text, whole = json.loads(body)["choices"][0]["message"]["content"], True
    *words, last_word = text.split()
    assert last_word == LAST_WORD or not whole
    if last_word != LAST_WORD:
        words.append(last_word)
    assert words == [str(number) for number in range(len(words))]


class TracedNetwork(MemoryNetwork):
    """Notes every byte with its time, and delivers it in pieces of random size through narrow or wide pipes."""

    def __init__(self, chance: random.Random, trace: list[str]) -> None:
        super().__init__(chance, window_bytes=chance.choice([400, 4000, WINDOW_BYTES]))
        self.trace = trace

    def pair(self, here: tuple[str, int], there: tuple[str, int]) -> tuple[MemoryStream, MemoryStream]:
        forth, back = Pipe(self.window_bytes), Pipe(self.window_bytes)
        ends = TracedStream(self, here, there, back, forth), TracedStream(self, there, here, forth, back)
        self.streams.extend(ends)
        return ends


class TracedStream(MemoryStream):
    """One end of a connection whose every act is noted."""

    def __init__(self, network: TracedNetwork, here: tuple[str, int], there: tuple[str, int], *pipes: Pipe) -> None:
        super().__init__(network, here, there, *pipes)
        self._trace = network.trace

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        taken = super().send_nowait(data)
        self._note(f"> {bytes(data[:taken])!r}")
        return taken

    def receive_nowait(self, max_bytes: int) -> bytes:
        data = super().receive_nowait(max_bytes)
        self._note(f"< {len(data)}")
        return data

    def send_eof(self) -> None:
        super().send_eof()
        self._note("ends")

    def close(self, *, abort: bool = False) -> None:
        if not self.closed:
            self._note("resets" if abort else "closes")
        super().close(abort=abort)

    def _note(self, what: str) -> None:
        host, port = self.address
        self._trace.append(f"{trio.current_time()!r} {host}:{port} {self.peer[1]} {what}")


def told(fact: object) -> str:
    """A fact in one line, without anything that changes from process to process."""
    assert isinstance(fact, tuple), fact
    return f"{type(fact).__name__} {' '.join(_told(value) for value in fact)}"


def _told(value: Any) -> str:
    match value:
        case Call():
            return f"call {value.id} of {value.arrived_at!r}"
        case Attempt():
            times = (value.began_at, value.sent_at, value.accepted_at, value.content_at, value.ended_at)
            failure = None if value.failure is None else _told(value.failure)
            return (
                f"{_told(value.call)} attempt {value.number} {value.operation} at {value.candidate.provider} "
                f"{value.outcome} {failure} {times!r} {value.spent_tokens}"
            )
        case enum.Enum():
            return value.name
        case BaseException():
            return f"{type(value).__name__}({value})"
        case _:
            return repr(value)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for engine in ("edge", "hypercorn"):
            sys.stdout.write(f"{argument} {engine} {raged(int(argument), engine).digest()}\n")
