"""A pool of keys for one provider, from gateway.toml to the Authorization field, the admin page and the log."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock

from tests.whole.gateways import STREAMED, Running, running
from tests.whole.upstream import Asked, Script, answers, fails

SETTINGS = """
[providers.openai]
api_key_env = ["OPENAI_API_KEY", "SECOND_KEY"]
"""
ENVIRON = {"SECOND_KEY": "sk-second"}


def by_key(**scripts: Script) -> Script:
    """`first` and `second` say what becomes of whom."""
    of_field = {"Bearer sk-openai": "first", "Bearer sk-second": "second"}

    async def script(asked: Asked) -> None:
        await scripts[of_field[asked.header("authorization") or ""]](asked)

    return script


async def keys_of(it: Running) -> list[dict[str, Any]]:
    actors = await it.actors()
    return list(actors["openai"]["detail"]["keys"])


async def test_a_revoked_key_is_told_once_and_its_clients_are_served_by_the_other(autojump_clock: MockClock) -> None:
    async with running(SETTINGS, environ=ENVIRON) as it:
        it.openai.plays(by_key(first=fails(401), second=answers("Hello.")))

        replies = [await it.ask() for _ in range(3)]

        assert trio.current_time() == 0
        assert [reply.status for reply in replies] == [200, 200, 200]
        assert [reply.header("x-gateway-attempts") for reply in replies] == ["2", "1", "1"]
        assert await keys_of(it) == [
            {"label": "OPENAI_API_KEY", "state": "revoked", "cooldown_s": 5, "revoked_for": ["*"]},
            {"label": "SECOND_KEY", "state": "ready", "cooldown_s": 0},
        ]
        (line,) = it.logged("provider key revoked")
        assert (line["level"], line["provider"], line["key"]) == ("warning", "openai", "OPENAI_API_KEY")
        assert not any("sk-openai" in line for line in it.lines)
        figures = await it.figures()
        assert figures("retry_attempts_total", provider="openai", operation="rotate") == 1
        assert figures("llm_errors_total", provider="openai", type="upstream_401") == 1


async def test_a_throttled_key_makes_way_at_once_in_streams_too(autojump_clock: MockClock) -> None:
    async with running(SETTINGS, environ=ENVIRON) as it:
        it.openai.plays(by_key(first=fails(429, b"retry-after: 30"), second=answers("Hello.")))

        assert [(await it.ask(question)).status for question in ({**STREAMED, "stream": False}, STREAMED)] == [200, 200]

        assert trio.current_time() == 0
        assert [asked.header("authorization") for asked in it.openai.asked] == [
            "Bearer sk-openai",
            "Bearer sk-second",
            "Bearer sk-second",
        ]
        assert [view["state"] for view in await keys_of(it)] == ["cooling_down", "ready"]


async def test_without_a_key_that_works_the_client_hears_what_the_provider_says(autojump_clock: MockClock) -> None:
    """In the provider's own words and with its name, so that nobody takes it for the client's key."""
    async with running(SETTINGS, environ=ENVIRON) as it:
        it.openai.plays(fails(401))

        reply = await it.ask()

        assert reply.status == 401
        assert reply.header("x-gateway-provider") == "openai"
        assert reply.header("x-should-retry") == "false"
        assert len(it.openai.asked) == 2
        assert len(it.logged("provider key revoked")) == 2


async def test_a_provider_without_a_key_is_shown_with_the_variables_that_it_lacks(autojump_clock: MockClock) -> None:
    lacking = '[providers.anthropic]\napi_key_env = ["ONE_KEY", "OTHER_KEY"]\n'
    async with running(lacking) as it:
        actors = await it.actors()
        assert actors["anthropic"]["detail"]["keys"] == [
            {"label": "ONE_KEY", "state": "missing", "cooldown_s": 0},
            {"label": "OTHER_KEY", "state": "missing", "cooldown_s": 0},
        ]
    async with running(lacking, environ={"OTHER_KEY": "sk-other"}) as it:
        actors = await it.actors()
        assert actors["anthropic"]["detail"]["keys"] == [{"label": "OTHER_KEY", "state": "ready", "cooldown_s": 0}]
