"""What a gateway says of itself in its log: where a request's time went, and each change of state once."""

from __future__ import annotations

import json

import trio
import trio.testing
from trio.testing import MockClock

from tests.memory_network import CLIENT_HOST, MemoryNetwork, MemoryStream
from tests.whole.gateways import QUESTION, STREAMED, running
from tests.whole.test_crashes import PAUSE_S, crash
from tests.whole.test_recovery import says
from tests.whole.upstream import answers, fails, is_cut, streams


class FarAway(MemoryNetwork):
    """Three seconds until a connection stands."""

    async def connect(self, host: str, port: int, *, source: str = CLIENT_HOST) -> MemoryStream:
        if host == "openai.test":
            await trio.sleep(3)
        return await super().connect(host, port, source=source)


async def test_the_line_of_a_request_says_where_its_time_went(autojump_clock: MockClock) -> None:
    """Connected at 3, answered at 8; the next one, asked at 1, waits for that: its first word at 10, its end at 12."""
    network = FarAway()
    async with (
        running("[providers.openai]\nmax_concurrent = 1", network=network) as it,
        trio.open_nursery() as clients,
    ):
        it.openai.plays(answers(after_s=5), streams("Hel", "lo.", every_s=2))
        clients.start_soon(it.ask)
        await trio.sleep(1)
        clients.start_soon(it.ask, STREAMED)
        await trio.sleep(1)
        figures = await it.figures()
        for name, value in (("in_flight", 1), ("waiting", 1), ("concurrency_limit", 1), ("actor_mailbox_depth", 0)):
            assert figures(f"gateway_{name}", actor="openai") == value, name
        assert figures("gateway_memory_bytes", actor="openai") == len(json.dumps(QUESTION)), "of whom it has let in"
        await trio.sleep(11)

        names = ("queue_s", "connect_s", "first_token_s", "total_s", "overhead_s")
        first, second = ([line[name] for name in names] for line in it.logged("request"))
        assert first == [0, 3, None, 8, 0]
        assert second == [7, 0, 9, 11, 7], "its time in the queue is ours"
        figures = await it.figures()
        for name, whose, count, total in (
            ("llm_request_duration_seconds", {"stream": "false", "model": "gpt-4o"}, 1, 8),
            ("llm_request_duration_seconds", {"stream": "true", "endpoint": "chat/completions"}, 1, 11),
            ("llm_time_to_first_token_seconds", {"endpoint": "chat/completions"}, 1, 9),
            ("gateway_overhead_seconds", {"endpoint": "chat/completions"}, 2, 7),
        ):
            counted = figures(f"{name}_count", provider="openai", **whose)
            assert (counted, figures(f"{name}_sum", provider="openai", **whose)) == (count, total), name


async def test_a_change_of_state_is_told_once_however_many_meet_it(autojump_clock: MockClock) -> None:
    """Twelve clients meet a provider that fails, six one that is away, one probes; then its actor dies under five."""
    async with running("[retry]\nattempts = 1", troubled=True) as it:
        it.openai.plays(fails(500))
        async with trio.open_nursery() as clients:
            for _ in range(12):
                clients.start_soon(it.ask)
        for _ in range(6):
            assert (await it.ask()).status == 503
        it.openai.plays(answers(after_s=1))
        await trio.sleep(5)
        assert (await it.ask()).status == 200
        moves = [(line["model"], line["level"], line["after"]) for line in it.logged("breaker moved")]
        assert moves == [("gpt-4o", "warning", "open"), ("gpt-4o", "info", "half_open"), ("gpt-4o", "info", "closed")]

        async with trio.open_nursery() as clients:
            for _ in range(5):
                clients.start_soon(it.ask)
            await trio.sleep(0.5)
            crash(it.provider("openai"))
        await trio.sleep(PAUSE_S)
        for event in ("actor crashed", "actor gone", "actor restarts"):
            assert [line["actor"] for line in it.logged(event)] == ["openai"], event
        assert [line["restarts"] for line in it.logged("actor started") if line["actor"] == "openai"] == [0, 1]


async def test_an_answer_that_breaks_under_its_client_is_a_figure_of_its_own(autojump_clock: MockClock) -> None:
    """It began with 200, and that is its status. Neither one that another provider goes on with has broken, nor one
    whose client had no more time.
    """
    async with running() as it:
        cut = streams("Hello ", "dear ", then=is_cut)
        it.openai.plays(cut, cut, streams(*"abcdef"))
        it.deepseek.plays(says("Hello dear world."))
        await it.ask({**STREAMED, "model": "backed"})
        broken = await it.ask(STREAMED)
        assert (broken.status, b"[DONE]" in broken.body) == (200, False)
        await it.ask(STREAMED, headers={"x-gateway-timeout": "3.5"})

        figures = await it.figures()
        assert figures("llm_errors_total", type="answer_broken") == 1
        assert figures("llm_errors_total", type="answer_broken", provider="openai") == 1
        assert figures("llm_request_total", status="200") == 3
        assert [line["outcome"] for line in it.logged("request")] == ["ok", "error", "error"]
        assert it.gateway.metrics.traffic()["openai"].errors == 3, "attempts that failed, each once"


async def test_a_modules_level_holds_for_that_module_alone(autojump_clock: MockClock) -> None:
    settings = '[retry]\nbackoff_base_s = 0.001\n[log]\nlevel = "info"\n[log.levels]\n"gateway.face" = "warning"\n'
    async with running(settings + '"actors" = "error"\n"actors.router" = "info"\n') as it:
        it.openai.plays(fails(500), answers())
        assert (await it.ask(QUESTION)).status == 200
        assert it.logged("request") == []
        assert [line["logger"] for line in it.logged("attempt repeated")] == ["actors.router"]
        assert it.logged("actor started") == []
        assert [line["logger"] for line in it.logged("store moved")] == ["gateway.store"]
