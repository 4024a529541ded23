"""Exact counts where one request of a client's is several of the gateway's, or outlasts it: tool loops, background."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.context.tiers import gauge_of, read
from gateway.face.chat import ChatCompletions
from tests.face.http_client import Reply
from tests.whole.gateways import Running
from tests.whole.neighbours import Neighbour, beside_both
from tests.whole.test_context_service import BY_ESTIMATE, COUNT, COUNTED, QUIET, VALIDATE, VALIDATED
from tests.whole.test_tool_turns import GATEWAY_TOOL, QUESTION, call, keywords, says
from tests.whole.test_windows import NAMES, told
from tests.whole.upstream import Asked, answers, fails, sends

SETTINGS = QUIET + "[code_orchestrator]\ncheck_s = 0\n"
BEHIND: dict[str, Any] = {"model": "deepseek-chat", "input": "a" * 4 * 64_000, "background": True}
"""Chat models answer Responses too; the window of this one is 128,000 tokens in the settings below."""
WINDOW = SETTINGS + '[models."deepseek-chat"]\ncontext_window = 128000\n'


def counts(service: Neighbour, *tokens: int) -> None:
    """One after the other, then the last one again."""
    left = list(tokens)

    async def script(asked: Asked) -> None:
        document = {**COUNT, "token_count": left.pop(0) if len(left) > 1 else left[0]}
        await sends(document)(asked)

    service.by_path[VALIDATE] = script


def texts_counted(service: Neighbour) -> list[str]:
    return [asked.json["text"] for asked in service.asked if asked.target == VALIDATE.encode()]


def told_upstream(asked: Asked) -> list[str | None]:
    return [asked.header(name) for name in NAMES]


async def begin(it: Running, question: dict[str, Any], **options: Any) -> Reply:
    return await it.request("POST", "/v1/responses", json_body=question, **options)


async def test_each_turn_of_a_loop_is_counted_and_provider_and_client_hear_the_same_of_the_first(
    autojump_clock: MockClock,
) -> None:
    """In the first one the prompt has the tool's definition, in the second its result too."""
    async with beside_both(SETTINGS) as (it, cms, orchestrator):
        keywords(orchestrator)
        counts(cms, 40_000, 70_000)
        it.openai.plays(says(None, call()), says("Tea."))
        reply = await it.ask(QUESTION, headers=VALIDATED)
        assert (reply.status, told(reply)) == (200, COUNTED)
        first, second = it.openai.asked
        assert told_upstream(first) == COUNTED
        assert told_upstream(second) == ["true", "3", "70000", "128000", "45.3"]
        counted = texts_counted(cms)
        assert [json.dumps("tea") in text for text in counted] == [False, True]
        assert json.loads(counted[0].split("\n")[1])["function"]["parameters"]["required"] == ["corpus"]
        it.assert_at_rest()


async def test_a_count_is_of_the_model_that_it_was_made_for(autojump_clock: MockClock) -> None:
    """A fallback of another one has its own estimate, and says that nobody has counted for it."""
    async with beside_both(SETTINGS + "[retry]\nattempts = 1\n") as (it, cms, _):
        counts(cms, 40_000)
        it.openai.plays(fails(500))
        it.deepseek.plays(answers())
        question = {"model": "backed", "messages": [{"role": "user", "content": "Say hello, then."}]}
        reply = await it.ask(question, headers=VALIDATED)
        assert (reply.status, told(reply)) == (200, ["false", "1", "5", "64000", "100.0"])
        assert told_upstream(it.openai.asked[0]) == COUNTED
        assert told_upstream(it.deepseek.asked[0]) == told(reply)


@pytest.mark.parametrize("stream", [False, True])
async def test_without_a_count_the_tools_definition_is_in_the_estimate(autojump_clock: MockClock, stream: bool) -> None:
    async with beside_both(SETTINGS) as (it, _, orchestrator):
        keywords(orchestrator)
        it.openai.plays(says(None, call()), says("Tea."))
        reply = await it.ask({**QUESTION, "stream": stream})
        for asked, answered in ((it.openai.asked[0], reply), (it.openai.asked[1], None)):
            weight = ChatCompletions().read(asked.body).weight
            assert weight is not None
            reading = read(gauge_of("gpt-4o", 128_000), weight)
            expected = [value.decode() for _, value in reading.headers()]
            assert told_upstream(asked) == expected
            assert answered is None or told(answered) == expected
            assert reading.tokens > 60


@pytest.mark.parametrize(
    ("path", "model"), [("messages/count_tokens", "deepseek-chat"), ("responses/input_tokens", "gpt-4o")]
)
async def test_who_counts_tokens_sees_the_tools_as_models_do(autojump_clock: MockClock, path: str, model: str) -> None:
    """By estimate and by the provider; a tool that is not there is a mistake here too."""
    async with beside_both(SETTINGS) as (it, _, _):
        it.openai.plays(sends({"object": "response.input_tokens", "input_tokens": 77}))
        question = {"model": model, "messages": QUESTION["messages"], "input": "Find keywords."}
        with_tool = {**question, "tools": [GATEWAY_TOOL]}
        bare, counted = [
            (await it.request("POST", f"/v1/{path}", json_body=each)).json for each in (question, with_tool)
        ]
        if model == "gpt-4o":
            assert counted["input_tokens"] == 77
            (tool,) = it.openai.asked[1].json["tools"]
            assert (tool["type"], tool["name"], tool["parameters"]["required"]) == (
                "function",
                "extract_keywords",
                ["corpus"],
            )
        else:
            assert counted["input_tokens"] >= bare["input_tokens"] + 60
        unknown = {**question, "tools": [{"type": "gateway", "name": "guess"}]}
        refused = await it.request("POST", f"/v1/{path}", json_body=unknown)
        assert (refused.status, "no tool 'guess'" in refused.body.decode()) == (400, True)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_turn_that_grows_into_a_tier_that_needs_the_service_is_not_asked_without_it(
    autojump_clock: MockClock, stream: bool
) -> None:
    async with beside_both(SETTINGS + "[tools]\nmax_result_bytes = 400000\n") as (it, cms, orchestrator):
        orchestrator.says("/v1/keywords", {"keywords": ["a" * 300_000]})
        cms.by_path[VALIDATE] = fails(500)
        it.openai.plays(says("So.", call()), says("Tea."))
        assert (await it.ask(QUESTION)).status == 200
        assert told_upstream(it.openai.asked[1])[:2] == ["false", "3"]
    needed = SETTINGS.replace("[cms]", "[cms]\nrequire_tier = 3")
    async with beside_both(needed + "[tools]\nmax_result_bytes = 400000\n") as (it, cms, orchestrator):
        orchestrator.says("/v1/keywords", {"keywords": ["a" * 300_000]})
        cms.by_path[VALIDATE] = fails(500)
        it.openai.plays(says("So.", call()), says("Tea."))
        reply = await it.ask({**QUESTION, "stream": stream})
        assert "context_service_unavailable" in reply.body.decode()
        assert reply.status == (200 if stream else 503)
        assert len(it.openai.asked) == 1
        it.assert_at_rest()


KINDS: tuple[dict[str, Any], ...] = ({}, {"stream": True}, {"tools": [GATEWAY_TOOL]})
"""Whole, streamed, and a loop of tools."""


async def test_what_runs_in_the_background_is_counted_before_it_begins(autojump_clock: MockClock) -> None:
    async with beside_both(WINDOW) as (it, cms, _):
        counts(cms, 40_000)
        it.deepseek.plays(says("Tea."))
        for members in KINDS:
            begun = await begin(it, {**BEHIND, **members}, headers=VALIDATED)
            assert (begun.status, told(begun)) == (200, COUNTED)
            await trio.sleep(1)
        assert [told_upstream(asked) for asked in it.deepseek.asked] == [COUNTED] * 3
        assert len(texts_counted(cms)) == 3
        it.assert_at_rest()


async def test_nothing_begins_in_the_background_that_needs_the_service_while_it_is_away(
    autojump_clock: MockClock,
) -> None:
    async with beside_both(WINDOW.replace("[cms]", "[cms]\nrequire_tier = 3")) as (it, cms, _):
        cms.by_path[VALIDATE] = fails(500)
        it.deepseek.plays(answers())
        for members in KINDS:
            refused = await begin(it, {**BEHIND, **members})
            assert (refused.status, refused.json["error"]["code"]) == (503, "context_service_unavailable")
            assert told(refused)[:2] == BY_ESTIMATE[:2]
        assert it.deepseek.asked == []
        it.assert_at_rest()
