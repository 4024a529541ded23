"""More comes than a provider can take, or it answers nobody: none of it is wasted, nobody hammers."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import AT_REST_S, at_rest, call, chat, in_time, in_words, together
from tests.sockets.exposition import total
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.pulse import Pulse, Span
from tests.sockets.upstream import Asked, Upstream

pytestmark = pytest.mark.real_time

PLACES, SERVICE_S, QUEUE_S = 4, 0.5, 2.0
"""So little that ten times as much does not keep the machine from serving it: clients and provider are one process."""
CAPACITY_PER_S = PLACES / SERVICE_S
WARM_S, LASTS_S = 2.5, 3.0
"""A line that is younger than the first, or made up of those who came before, tells nothing; then it is measured."""
GOODPUT = 0.9
REFUSED_SOON_S = 0.1
"""Ten times what is promised at p99."""
LIMITED = f"""
[providers.openai]
max_concurrent = {PLACES}
requests_per_minute = 0
tokens_per_minute = 0
[timeouts]
queue_s = {QUEUE_S}
"""


class BusyProvider:
    """Takes its time for each call, and notes from when to when."""

    def __init__(self) -> None:
        self.calls: dict[str, Span] = {}
        """By the request's id."""

    def __call__(self, asked: Asked) -> None:
        began_at = time.monotonic()
        time.sleep(SERVICE_S)
        scripts.answers(asked)
        self.calls[asked.fields["x-request-id"]] = Span(began_at, time.monotonic())


@dataclass
class Rush:
    """What became of clients that came at a steady rate whatever became of those before them; each asked once."""

    counted: Span
    served: set[str] = field(default_factory=set)
    """The ids of those who got their answer."""
    refused: list[Span] = field(default_factory=list)
    """From the question to the refusal, of those who asked once it was warm."""

    def goodput(self, provider: BusyProvider, pulse: Pulse) -> float:
        """How many of the provider's places are at work for somebody who gets the answer, on average: 1 is all of them.

        Looked at whenever this process gets on, for the provider lives in it.
        """
        useful = [span for request, span in provider.calls.items() if request in self.served]
        beats = pulse.beats(self.counted)
        return sum(span.begins_at <= beat < span.ends_at for span in useful for beat in beats) / (PLACES * len(beats))

    def refused_in_s(self, pulse: Pulse) -> list[float]:
        """How long refusals took, without what the machine kept the clients or the gateway from working."""
        return sorted(pulse.own_s(span) for span in self.refused)


async def rush(gateway: GatewayProcess, model: str, times: float, lasts_s: float) -> Rush:
    """So many times what the provider can take, for so long once it is warm."""
    began_at = time.monotonic()
    result = Rush(Span(began_at + WARM_S, began_at + WARM_S + lasts_s))

    async def ask() -> None:
        client = await call(gateway)
        asked_at = time.monotonic()
        answer = await client.ask(chat(model))
        now = time.monotonic()
        client.stream.close()
        if answer.status == 200:
            result.served.add(answer.headers["x-request-id"])
        else:
            assert (answer.status, float(answer.headers["retry-after"]) > 0) == (503, True)
            if asked_at >= result.counted.begins_at:
                result.refused.append(Span(asked_at, now))

    async with trio.open_nursery() as nursery:
        for number in range(int(times * CAPACITY_PER_S * (WARM_S + lasts_s))):
            await trio.sleep(max(0.0, began_at + number / times / CAPACITY_PER_S - time.monotonic()))
            nursery.start_soon(ask)
    return result


async def test_beyond_capacity_all_of_it_is_used_and_who_is_refused_hears_it_soon(
    upstream: Upstream, tmp_path: Path, measured: Figures, soak: float
) -> None:
    """At 2, 5 and 10 times what it can take: no place of the provider's stays empty, and nobody waits in vain."""
    lasts_s = LASTS_S * min(soak, 8)
    with running(tmp_path, settings=LIMITED, environ=upstream.environ) as gateway:
        provider = BusyProvider()
        model = upstream.plays(provider)
        async with Pulse(gateway.pid).beating() as pulse:
            with trio.fail_after(8 * lasts_s + 30):
                rushes = {times: await rush(gateway, model, times, lasts_s) for times in (2, 5, 10)}
                await in_time(lambda: at_rest(gateway), AT_REST_S)
    for times, result in rushes.items():
        goodput, refused_in_s = result.goodput(provider, pulse), result.refused_in_s(pulse)
        assert GOODPUT <= goodput <= 1.0, times
        assert len(refused_in_s) >= (times - 1.2) * CAPACITY_PER_S * lasts_s * 0.9, times
        assert refused_in_s[math.ceil(len(refused_in_s) * 0.99) - 1] <= REFUSED_SOON_S, times
        measured(
            11,
            f"a provider at {times} times what it can take",
            f"goodput {goodput:.0%} of its places' time; refusals {in_words(refused_in_s)}",
            promised=f"{GOODPUT:.0%}; p99 10 ms",
        )


OUTAGE = "[retry]\nbackoff_base_s = 0.01\n[providers.openai]\nrequests_per_minute = 0\ntokens_per_minute = 0\n"
MODELS = 40
"""Each has a breaker of its own, so that the retry budget has to do the work."""
ASKERS = 40


async def test_a_total_outage_is_not_fed_by_retries(
    upstream: Upstream, tmp_path: Path, measured: Figures, soak: float
) -> None:
    """Counted by the provider: the first attempt of a request brings its id for the first time, a retry again."""
    models = [upstream.plays(scripts.refuses(500)) for _ in range(MODELS)]
    chance = random.Random(3)

    async def ask_on(_: int) -> None:
        client = await call(gateway)
        for _ in range(int(10 * soak)):
            answer = await client.ask(chat(chance.choice(models)))
            assert answer.status in (500, 502, 503)
        client.stream.close()

    with running(tmp_path, settings=OUTAGE, environ=upstream.environ) as gateway:
        with trio.fail_after(30 * max(1.0, soak)):
            await together(ASKERS, ask_on)
            await in_time(lambda: at_rest(gateway), AT_REST_S)
        retries = total(gateway, "retry_attempts_total", 'provider="openai"', 'operation="retry"')
    asked = [asked for model in models for asked in upstream.asked(model)]
    first = len({asked.fields["x-request-id"] for asked in asked})
    assert len(asked) <= 1.2 * first + 3
    assert retries >= len(asked) - first > 0, "some retries met a breaker"
    assert first >= 2 * MODELS
    measured(
        13,
        "attempts on a provider that answers nothing but 500",
        f"{len(asked) / first:.2f} times its {first} first attempts",
        promised="1.2 times, and 3",
    )
