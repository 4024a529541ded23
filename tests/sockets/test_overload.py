"""More comes than a provider can take, or it answers nobody: none of it is wasted, nobody hammers."""

from __future__ import annotations

import math
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import AT_REST_S, at_rest, call, chat, in_time, in_words, together
from tests.sockets.exposition import total
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Asked, Upstream

PLACES, SERVICE_S, QUEUE_S = 4, 0.2, 0.8
"""So little that ten times as much does not keep the machine from serving it: clients and provider are one process."""
CAPACITY_PER_S = PLACES / SERVICE_S
WARM_S, LASTS_S = 1.8, 2.4
"""A line that is younger than the first, or made up of those who came before, tells nothing; then it is measured."""
GOODPUT, ASSERTED_GOODPUT = 0.9, 0.8
"""What is promised, and what a machine must show that may be busy with something else meanwhile."""
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


def takes_its_time(asked: Asked) -> None:
    time.sleep(SERVICE_S)
    scripts.answers(asked)


@dataclass
class Rush:
    """What became of clients that came at a steady rate whatever became of those before them; each asked once."""

    served: int = 0
    refused_in_s: list[float] = field(default_factory=list)

    @property
    def p99_s(self) -> float:
        """Of how long refusals took."""
        return sorted(self.refused_in_s)[math.ceil(len(self.refused_in_s) * 0.99) - 1]


async def rush(gateway: GatewayProcess, model: str, times: float, lasts_s: float) -> Rush:
    """So many times what the provider can take, for so long once it is warm; who is served later does not count."""
    began_at = time.monotonic()
    counts_from, ends_at = began_at + WARM_S, began_at + WARM_S + lasts_s
    result = Rush()

    async def ask() -> None:
        client = await call(gateway)
        asked_at = time.monotonic()
        answer = await client.ask(chat(model))
        now = time.monotonic()
        client.stream.close()
        if answer.status == 200:
            result.served += counts_from <= now < ends_at
        else:
            assert (answer.status, float(answer.headers["retry-after"]) > 0) == (503, True)
            if asked_at >= counts_from:
                result.refused_in_s.append(now - asked_at)

    async with trio.open_nursery() as nursery:
        for number in range(int(times * CAPACITY_PER_S * (WARM_S + lasts_s))):
            await trio.sleep(max(0.0, began_at + number / times / CAPACITY_PER_S - time.monotonic()))
            nursery.start_soon(ask)
    return result


async def test_beyond_capacity_all_of_it_is_used_and_who_is_refused_hears_it_soon(
    upstream: Upstream, tmp_path: Path, measured: Figures, soak: float
) -> None:
    """At 2, 5 and 10 times what it can take, beside what it does with a line that is never empty."""
    lasts_s = LASTS_S * min(soak, 8)
    with running(tmp_path, settings=LIMITED, environ=upstream.environ) as gateway:
        model = upstream.plays(takes_its_time)
        with trio.fail_after(8 * lasts_s + 30):
            peak = (await rush(gateway, model, 1.2, lasts_s)).served
            rushes = {times: await rush(gateway, model, times, lasts_s) for times in (2, 5, 10)}
            await in_time(lambda: at_rest(gateway), AT_REST_S)
    for times, result in rushes.items():
        assert result.served >= ASSERTED_GOODPUT * peak, times
        assert statistics.median(result.refused_in_s) <= REFUSED_SOON_S, times
        assert result.p99_s < QUEUE_S, "somebody has waited in vain"
        measured(
            11,
            f"a provider at {times} times what it can take",
            f"goodput {result.served / peak:.0%} of its peak; refusals {in_words(result.refused_in_s)}",
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
