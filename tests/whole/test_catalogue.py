"""Providers' own lists of models: fetched in the background, never in anybody's way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway import __version__
from gateway.calls import catalogue_keeper
from gateway.calls.catalogue_keeper import FETCH_S, MAX_BYTES, MAX_MODELS, MAX_PAGES
from gateway.providers.model_lists import ListMoved, ListPage
from gateway.providers.well_known import WELL_KNOWN
from tests.memory_network import MemoryNetwork
from tests.whole.gateways import ENVIRON, Running, running
from tests.whole.upstream import Asked, Script, Upstream, answers, fails, lists, sends, stalls

EVERY_TEN_MINUTES = "[catalogue]\nrefresh_s = 600\n"
CLAUDE = {"ANTHROPIC_API_KEY": "sk-ant", "ANTHROPIC_BASE_URL": "http://anthropic.test"}
GOOD = lists("gpt-4o", "gpt-5.9", "whisper-1", context_window=1000, created=7)
GEMINI = {"GEMINI_API_KEY": "AIza", "GEMINI_BASE_URL": "http://google.test"}


@asynccontextmanager
async def listing(
    first: Script = GOOD, settings: str = "", environ: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[tuple[Running, Upstream]]:
    """A gateway whose openai is asked for its list from the beginning on; there is nobody else."""
    network = MemoryNetwork()
    openai = Upstream(network, "listed.test")
    openai.plays_lists(first)
    async with trio.open_nursery() as nursery:
        await nursery.start(openai.run)
        base = {"OPENAI_BASE_URL": "http://listed.test/v1", "DEEPSEEK_API_KEY": ""}
        async with running(
            EVERY_TEN_MINUTES + settings, environ={**base, **(environ or {})}, network=network, **options
        ) as it:
            yield it, openai
        nursery.cancel_scope.cancel()


async def listed(it: Running, provider: str) -> list[str]:
    page = (await it.request("GET", "/v1/models")).json
    return [model["id"] for model in page["data"] if model["owned_by"] == provider]


async def test_a_list_is_there_from_the_start_and_comes_anew_every_so_often(autojump_clock: MockClock) -> None:
    async with listing() as (it, openai):
        await trio.sleep(0.001)
        assert await listed(it, "openai") == ["gpt-4o", "backed", "gpt-5.9"]
        told = (await it.request("GET", "/health/detailed")).json["neighbours"]
        state = (told["openai"]["state"], told["openai"]["last_check_s"], told["openai"]["latency_s"])
        assert state == ("up", pytest.approx(0.001), 0), "whom nobody has called yet"
        openai.plays_lists(lists("gpt-6"))
        await trio.sleep(1500)

        times = [asked.at for asked in openai.asked_for_list]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert times[0] == 0
        assert len(pauses) == 2
        assert all(540 <= pause <= 660 for pause in pauses)
        assert len(set(pauses)) == 2, "not all gateways of the world at once"
        assert await listed(it, "openai") == ["gpt-4o", "backed", "gpt-6"]
        (first, *_) = openai.asked_for_list
        assert (first.target, first.header("authorization")) == (b"/v1/models", "Bearer sk-openai")
        assert first.header("user-agent") == f"llm-gateway/{__version__}"
        assert it.logged("model list comes") == [
            {
                "level": "info",
                "timestamp": "2023-11-14T22:13:20.000Z",
                "logger": "gateway.calls.catalogue_keeper",
                "event": "model list comes",
                "provider": "openai",
                "models": 2,
            }
        ]


async def test_what_a_list_says_of_a_model_is_shown_and_used(autojump_clock: MockClock) -> None:
    async with listing() as (it, _):
        await trio.sleep(0.001)
        shown = (await it.request("GET", "/v1/models/gpt-5.9")).json
        assert shown == {
            "id": "gpt-5.9",
            "object": "model",
            "created": 7,
            "owned_by": "openai",
            "context_window": 1000,
        }
        assert it.gateway.catalog.resolve("gpt-5.9")[0].window == 1000


async def test_the_metrics_know_a_listed_model_by_its_name(autojump_clock: MockClock) -> None:
    async with listing() as (it, openai):
        openai.plays(answers())
        for model in ("gpt-5.9", "gpt-made-up"):
            await it.ask({"model": model, "messages": [{"role": "user", "content": "Hi."}]})
        figures = await it.figures()
        assert figures("llm_request_total", model="gpt-5.9") == 1
        assert figures("llm_request_total", model="other") == 1


async def test_a_model_that_is_in_no_list_is_asked_for_all_the_same(autojump_clock: MockClock) -> None:
    async with listing() as (it, openai):
        await trio.sleep(0.001)
        openai.plays(answers("Here I am."))
        reply = await it.ask({"model": "gpt-9-secret", "messages": [{"role": "user", "content": "Who?"}]})
        assert reply.status == 200
        assert openai.asked[0].json["model"] == "gpt-9-secret"


async def test_a_provider_that_says_nothing_delays_neither_the_start_nor_anybody(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    network.silence("openai.test", 80)
    async with running(EVERY_TEN_MINUTES, network=network) as it:
        assert trio.current_time() == 0
        assert (await it.request("GET", "/v1/models")).status == 200
        assert trio.current_time() == 0


async def test_a_list_that_does_not_come_is_told_once_and_asked_for_again_sooner(autojump_clock: MockClock) -> None:
    async with listing() as (it, openai):
        await trio.sleep(0.001)  # the first list has come
        openai.plays_lists(stalls, fails(401), fails(500), lists("gpt-6"))
        await trio.sleep(920)
        told = (await it.request("GET", "/health/detailed")).json["neighbours"]
        assert told["openai"]["state"] == "unknown", "who does not list may well answer"

        assert await listed(it, "openai") == ["gpt-4o", "backed", "gpt-5.9"], "the last good one"
        times = [asked.at for asked in openai.asked_for_list]
        first, timed_out, refused, failed = times[:4]
        assert first == 0
        assert 54 <= refused - (timed_out + FETCH_S) <= 66
        assert 108 <= failed - refused <= 132
        assert openai.asked_for_list[1].closed_at == timed_out + FETCH_S
        (told,) = it.logged("model list does not come")
        assert (told["level"], told["provider"], told["models"], told["because"]) == (
            "warning",
            "openai",
            2,
            "timed_out",
        )

        await trio.sleep(250)
        assert await listed(it, "openai") == ["gpt-4o", "backed", "gpt-6"]
        assert [line["models"] for line in it.logged("model list comes")] == [2, 1]
        assert len(it.logged("model list does not come")) == 1


async def refuses_and_stalls(asked: Asked) -> None:
    """Announces a reason that never comes."""
    await asked.send_head(403, b"content-length: 10")
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("script", "because"),
    [
        (fails(401), "upstream_401"),
        (fails(302), "upstream_302"),
        (refuses_and_stalls, "upstream_403"),
        (sends({"error": "no"}), "upstream_broken"),
        (sends([]), "upstream_broken"),
        (lists(), "upstream_broken"),
        (lists("x" * MAX_BYTES), "upstream_too_large"),
    ],
)
async def test_whatever_is_no_list_leaves_the_well_known_names(
    autojump_clock: MockClock, script: Script, because: str
) -> None:
    async with listing(script) as (it, _):
        known = await listed(it, "openai")
        await trio.sleep(1)
        assert await listed(it, "openai") == known
        assert set(WELL_KNOWN["openai"]) < set(known)
        (told,) = it.logged("model list does not come")
        assert (told["because"], told["models"]) == (because, 0)
        it.assert_at_rest()


async def test_one_that_is_refused_a_connection_is_no_trouble(autojump_clock: MockClock) -> None:
    async with listing(environ=CLAUDE) as (it, _):
        await trio.sleep(1)
        (told,) = it.logged("model list does not come")
        assert (told["provider"], told["because"]) == ("anthropic", "upstream_unreachable")
        assert "claude-opus-5" in await listed(it, "anthropic")
        assert (await it.actors())["catalogue"]["detail"] == {
            "openai": {"models": 2, "age_s": 1.0, "last_error": None},
            "anthropic": {"models": None, "age_s": None, "last_error": "upstream_unreachable"},
        }


async def test_anthropic_and_gemini_are_asked_page_by_page_each_with_its_own_headers(
    autojump_clock: MockClock,
) -> None:
    network = MemoryNetwork()
    anthropic, google = Upstream(network, "anthropic.test"), Upstream(network, "google.test")
    anthropic.plays_lists(
        sends({"data": [{"id": "claude-a"}], "has_more": True, "last_id": "claude-a"}),
        sends({"data": [{"id": "claude-b", "max_input_tokens": 5}], "has_more": False}),
    )
    google.plays_lists(
        sends({"models": [{"name": "models/gemini-a"}], "nextPageToken": "next"}),
        sends({"models": [{"name": "models/gemma-b"}]}),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(anthropic.run)
        await nursery.start(google.run)
        environ = {**CLAUDE, **GEMINI, "OPENAI_API_KEY": "", "DEEPSEEK_API_KEY": ""}
        async with running(EVERY_TEN_MINUTES, environ=environ, network=network) as it:
            await trio.sleep(1)
            assert await listed(it, "anthropic") == ["claude-a", "claude-b"]
            assert await listed(it, "google") == ["gemini-a", "google/gemma-b"]
        nursery.cancel_scope.cancel()

    assert [asked.target for asked in anthropic.asked_for_list] == [
        b"/v1/models?limit=1000",
        b"/v1/models?limit=1000&after_id=claude-a",
    ]
    assert anthropic.asked_for_list[1].header("x-api-key") == "sk-ant"
    assert anthropic.asked_for_list[1].header("anthropic-version") == "2023-06-01"
    assert [asked.target for asked in google.asked_for_list] == [
        b"/v1beta/models?pageSize=1000",
        b"/v1beta/models?pageSize=1000&pageToken=next",
    ]
    assert google.asked_for_list[0].header("x-goog-api-key") == "AIza"


async def test_a_list_without_end_has_one(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    anthropic, google = Upstream(network, "anthropic.test"), Upstream(network, "google.test")
    anthropic.plays_lists(sends({"data": [{"id": "claude-a"}], "has_more": True}))
    google.plays_lists(sends({"models": [{"name": f"models/{n}"} for n in range(900)], "nextPageToken": "next"}))
    async with trio.open_nursery() as nursery:
        await nursery.start(anthropic.run)
        await nursery.start(google.run)
        environ = {**CLAUDE, **GEMINI, "OPENAI_API_KEY": "", "DEEPSEEK_API_KEY": ""}
        async with running(EVERY_TEN_MINUTES, environ=environ, network=network) as it:
            await trio.sleep(1)
            detail = (await it.actors())["catalogue"]["detail"]
        nursery.cancel_scope.cancel()
    assert len(anthropic.asked_for_list) == MAX_PAGES
    assert len(google.asked_for_list) == 3
    assert detail["google"]["models"] == MAX_MODELS


async def test_one_providers_list_that_crashes_the_reader_costs_nobody_else_anything(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_page = catalogue_keeper.read_page

    def read(kind: str, body: bytes) -> ListPage:
        if b"poison" in body:
            raise KeyError("nobody expected this")
        return read_page(kind, body)

    monkeypatch.setattr(catalogue_keeper, "read_page", read)
    async with listing(troubled=True) as (it, openai):
        openai.plays_lists(lists("poison"), lists("gpt-6"))
        await trio.sleep(750)
        (told,) = it.logged("model list crashed")
        assert told["crash"][0] == "builtins.KeyError"
        assert (await it.actors())["catalogue"]["restarts"] == 0
        assert await listed(it, "openai") == ["gpt-4o", "backed", "gpt-6"]


async def test_whoever_has_no_key_of_ours_is_not_asked(autojump_clock: MockClock) -> None:
    settings = '[providers.theirs]\nkind = "openai"\nbase_url = "http://theirs.test/v1"\nauth = "passthrough"\n'
    settings += '[providers.local]\nkind = "openai"\nbase_url = "http://local.test/v1"\n'
    async with listing(settings=settings) as (it, _):
        await trio.sleep(1)
        assert list((await it.actors())["catalogue"]["detail"]) == ["openai", "local"]


@pytest.mark.parametrize(
    ("settings", "environ"),
    [("[catalogue]\nrefresh_s = 0", ENVIRON), (EVERY_TEN_MINUTES, dict.fromkeys(ENVIRON, ""))],
)
async def test_with_nobody_to_ask_there_is_nobody_who_asks(
    autojump_clock: MockClock, settings: str, environ: Mapping[str, str]
) -> None:
    async with running(settings, environ=environ) as it:
        await trio.sleep(1000)
        assert "catalogue" not in await it.actors()
        assert it.openai.asked_for_list == []


async def test_a_gateway_that_ends_leaves_no_list_half_asked_for(autojump_clock: MockClock) -> None:
    is_asked = trio.Event()

    async def waits(asked: Asked) -> None:
        is_asked.set()
        await trio.sleep_forever()

    async with listing(waits) as (it, _):
        await is_asked.wait()
        it.gateway.drain()
        asked_at = trio.current_time()
        await trio.sleep(0.001)
        assert it.ended_at == asked_at
        it.assert_nobody_is_connected()


async def test_the_same_seed_asks_at_the_same_times(autojump_clock: MockClock) -> None:
    seen = []
    for seed in (1, 1, 2):
        began = trio.current_time()
        async with listing(seed=seed) as (it, openai):
            await trio.sleep(900)
        seen.append([round(asked.at - began, 6) for asked in openai.asked_for_list])
        assert [event.failure for event in it.events if isinstance(event, ListMoved)] == [None]
    assert seen[0] == seen[1] != seen[2]
