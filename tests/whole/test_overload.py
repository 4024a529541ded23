"""More comes than a provider can take: what it can take is served in full, and the rest is told so at once."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import Running, running
from tests.whole.load import Crowd, LimitedProvider, worst
from tests.whole.upstream import fails

PLACES, SERVICE_S, QUEUE_S = 4, 0.5, 2.0
SETTINGS = f"[providers.openai]\nmax_concurrent = {PLACES}\n[timeouts]\nqueue_s = {QUEUE_S}"
LASTS_S = 12.0
WARM_S = 4.0
"""By then the pace of the line is known: ten have been served, and who joined before them has been told."""


@pytest.mark.parametrize("times", [2, 5, 10])
async def test_beyond_capacity_all_of_it_is_used_and_refusals_take_no_time(
    autojump_clock: MockClock, times: int
) -> None:
    """At 2, 5 and 10 times what the provider can take: goodput at its peak, and p99 of refusals is 0 s."""
    async with running(SETTINGS) as it:
        provider = LimitedProvider(PLACES, SERVICE_S)
        it.openai.plays(provider)
        crowd = Crowd(it)
        await crowd.come(times * provider.capacity_per_s, until=LASTS_S)

        assert crowd.served_per_s(WARM_S, LASTS_S) == provider.capacity_per_s
        refusals = crowd.refusals(since=WARM_S)
        assert len(refusals) >= (times - 1.2) * provider.capacity_per_s * (LASTS_S - WARM_S)
        assert worst(refusals, 0.99) == 0
        assert max(each.took_s for each in crowd.heard) <= QUEUE_S + SERVICE_S
        assert provider.most_at_once == PLACES
        it.assert_at_rest()


async def share_that_is_back(
    it: Running, crowd: Crowd, provider: LimitedProvider, spike: float, *, down: bool
) -> float:
    """The share of the baseline's goodput that is back ten seconds after ten seconds of trouble."""
    usual_per_s = 0.75 * provider.capacity_per_s
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: crowd.come(usual_per_s, until=50.0))
        await trio.sleep_until(20.0)
        provider.down = down
        if spike:
            nursery.start_soon(lambda: crowd.come(spike * provider.capacity_per_s, until=30.0))
        await trio.sleep_until(30.0)
        provider.down = False
    before, after = crowd.served_per_s(5.0, 20.0), crowd.served_per_s(40.0, 50.0)
    assert before == usual_per_s
    assert crowd.served_per_s(20.0, 30.0) < before or spike, "there was no trouble"
    await trio.sleep(60)
    it.assert_at_rest()
    return after / before


@pytest.mark.parametrize(("spike", "down"), [(0.0, True), (5.0, False), (3.0, True)], ids=["outage", "rush", "both"])
async def test_trouble_leaves_nothing_behind_that_keeps_it_going(
    autojump_clock: MockClock, spike: float, down: bool
) -> None:
    """The provider is down for ten seconds, five times as many clients come, or both, and each client tries again.

    Ten seconds after the end everything is as before: no queue of the dead, no storm of retries.
    """
    async with running(SETTINGS) as it:
        provider = LimitedProvider(PLACES, SERVICE_S)
        it.openai.plays(provider)
        assert await share_that_is_back(it, Crowd(it, retries=2), provider, spike, down=down) >= 0.95


async def concurrency_of(it: Running) -> tuple[int, bool]:
    """The limit of calls at once and whether it adapts, as an operator sees them."""
    concurrency = (await it.actors())["openai"]["detail"]["concurrency"]
    assert (await it.figures())("gateway_concurrency_limit", actor="openai") == concurrency["limit"]
    return concurrency["limit"], concurrency["adaptive"]


async def test_switched_on_in_the_settings_a_limit_follows_what_the_provider_can_take(
    autojump_clock: MockClock,
) -> None:
    """It grows while answers come as soon as ever, shrinks when they take six times as long, and by one with a 429."""
    settings = "[providers.openai]\nmax_concurrent = 64\nmin_concurrent = 2\n"
    async with running(settings) as it:
        assert await concurrency_of(it) == (64, False)
    async with running(settings + "adaptive_concurrency = true\n[retry]\nattempts = 1") as it:
        assert await concurrency_of(it) == (20, True)
        provider = LimitedProvider(100, 1.0)
        it.openai.plays(provider)
        crowd = Crowd(it)
        await crowd.come(15.0, until=15.0)
        grown, _ = await concurrency_of(it)
        assert grown > 20
        provider.service_s = 6.0
        await crowd.come(10.0, until=30.0)
        shrunk, _ = await concurrency_of(it)
        assert shrunk < 20
        assert provider.most_at_once <= grown
        it.openai.plays(fails(429))
        assert (await it.ask()).status == 429
        assert await concurrency_of(it) == (shrunk - 1, True)
