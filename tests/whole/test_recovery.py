"""Streams that break in the middle and go on with another model: every character once, and the truth about the rest."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import ENGINES, QUESTION, STREAMED, Running, data_of, running
from tests.whole.upstream import Asked, Script, chunk, ends, event, fails, is_cut, resets, stalls, streams, texts_of

BACKED: dict[str, Any] = {**STREAMED, "model": "backed"}
WITH_USAGE: dict[str, Any] = {**BACKED, "stream_options": {"include_usage": True}}
TWICE_BACKED = """
[models."twice"]
target = "openai/gpt-4o"
fallbacks = ["deepseek/deepseek-chat", "sandbox/echo"]
"""
on_every_engine = pytest.mark.parametrize("engine", ENGINES)


def says(text: str, *, every_s: float = 1.0, then: Script = ends) -> Script:
    """The answer word by word; to a request that begins with a part of it, the rest."""

    async def script(asked: Asked) -> None:
        last = asked.json["messages"][-1]
        begun = last["content"] if last["role"] == "assistant" else ""
        assert text.startswith(begun), "nobody goes on with that"
        await streams(*words_of(text[len(begun) :]), every_s=every_s, then=then)(asked)

    return script


def words_of(text: str) -> list[str]:
    """As tokens are: each with the white space before it."""
    return re.findall(r"\s*\S+", text)


@on_every_engine
async def test_a_stream_that_is_cut_goes_on_with_the_fallback(autojump_clock: MockClock, engine: str) -> None:
    """Cut at 2 s within a word: the fallback goes on from the last whole one, and what overlaps is dropped."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("Hello ", "dear wor", then=is_cut))
        it.deepseek.plays(says("Hello dear world, all of you."))

        reply = await it.ask(WITH_USAGE)

        assert trio.current_time() == 6
        *events, done = data_of(reply.body)
        assert (reply.status, done) == (200, "[DONE]")
        assert texts_of(events) == "Hello dear world, all of you."
        assert events[-2]["choices"][0]["finish_reason"] == "stop"
        (asked,) = it.deepseek.asked
        assert (asked.at, asked.target) == (2, b"/beta/chat/completions")
        assert asked.json["messages"] == [
            *QUESTION["messages"],
            {"role": "assistant", "content": "Hello dear", "prefix": True},
        ]
        assert len(it.openai.asked) == 1
        await check_told(it, provider="deepseek", attempts=2, resumes=1)


async def test_the_frame_of_the_answer_does_not_change(autojump_clock: MockClock) -> None:
    """The id and the time are the first one's, the model is who really answers, usage is the prompt and all of it."""
    async with running() as it:
        it.openai.plays(created("Hello "))
        it.deepseek.plays(says("Hello world."))

        reply = await it.ask(WITH_USAGE)

        *events, usage, _ = data_of(reply.body)
        assert {(each["id"], each["created"]) for each in (*events, usage)} == {("chatcmpl-77", 1234)}
        assert [each["model"] for each in events] == ["gpt-4o-2024", "gpt-4o", "gpt-4o"]
        # 9 and 3 are what the second one took; 2 tokens of its prompt were the answer's beginning.
        assert usage["usage"]["prompt_tokens"] == 7
        assert usage["usage"]["completion_tokens"] == 5
        assert usage["usage"]["total_tokens"] == 12


async def test_every_upstream_is_billed_and_the_last_one_is_named(autojump_clock: MockClock) -> None:
    """The first for what it delivered, the second for what it says itself."""
    async with running() as it:
        it.openai.plays(streams("Hello ", "dear ", then=is_cut))
        it.deepseek.plays(says("Hello dear world."))

        reply = await it.ask(BACKED)

        assert reply.header("x-gateway-provider") == "openai"  # who had begun when the head was written
        figures = await it.figures()
        prompt = len(json.dumps(BACKED)) // 4
        for provider, tokens in (("openai", (prompt, 3)), ("deepseek", (9, 3))):
            assert figures("llm_tokens_total", provider=provider, type="prompt") == tokens[0]
            assert figures("llm_tokens_total", provider=provider, type="completion") == tokens[1]
        assert figures("llm_request_total", provider="deepseek", status="200") == 1
        assert figures("llm_request_total") == 1


@on_every_engine
async def test_a_stream_that_falls_silent_goes_on_elsewhere(autojump_clock: MockClock, engine: str) -> None:
    """Silent from 2 s on, given up at 32 s; the second answers from there."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("Hello ", "dear ", then=stalls))
        it.deepseek.plays(says("Hello dear world."))

        reply = await it.ask(BACKED)

        assert trio.current_time() == 33
        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello dear world.", "[DONE]")
        assert it.openai.asked[0].closed_at == 32
        await check_told(it, provider="deepseek", attempts=2, resumes=1)


async def test_an_error_in_the_middle_goes_on_elsewhere(autojump_clock: MockClock) -> None:
    async with running() as it:

        async def breaks_down(asked: Asked) -> None:
            await asked.send_chunk(event({"error": {"message": "overloaded", "code": 503}}))

        it.openai.plays(streams("Hello ", then=breaks_down))
        it.deepseek.plays(says("Hello world."))

        reply = await it.ask(BACKED)

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello world.", "[DONE]")


async def test_one_that_says_another_word_is_asked_to_go_on_from_the_very_end(autojump_clock: MockClock) -> None:
    """It does not repeat the word that may have been cut: asked again where it need not, it goes on."""
    async with running() as it:
        it.openai.plays(streams("Hello ", "dear wor", then=is_cut))
        it.deepseek.plays(streams(" people"), streams("ld."))

        reply = await it.ask(BACKED)

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello dear world.", "[DONE]")
        prefixes = [asked.json["messages"][-1]["content"] for asked in it.deepseek.asked]
        assert prefixes == ["Hello dear", "Hello dear wor"]
        await check_told(it, provider="deepseek", attempts=3, resumes=2)


async def test_one_that_refuses_a_prefix_answers_anew_and_only_what_is_new_is_passed_on(
    autojump_clock: MockClock,
) -> None:
    """A 400 to the beginning of an answer: the same model is asked as at first."""
    async with running() as it:
        it.openai.plays(streams("Hello ", "dear wor", then=is_cut))
        it.deepseek.plays(fails(400), says("Hello dear world, all of you."))

        reply = await it.ask(BACKED)

        refused, anew = it.deepseek.asked
        assert trio.current_time() == anew.at + 6
        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello dear world, all of you.", "[DONE]")
        assert refused.at == 2
        assert anew.json["messages"] == QUESTION["messages"]
        assert anew.target == b"/chat/completions"
        await check_told(it, provider="deepseek", attempts=3, resumes=2)


async def test_a_model_without_prefixes_is_asked_anew_at_once(autojump_clock: MockClock) -> None:
    async with running('[models."other"]\ntarget = "deepseek/deepseek-chat"\nfallbacks = ["gpt-4o"]') as it:
        it.deepseek.plays(streams("Hello ", "dear wor", then=is_cut))
        it.openai.plays(says("Hello dear world."))

        reply = await it.ask({**BACKED, "model": "other"})

        assert trio.current_time() == 5
        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello dear world.", "[DONE]")
        assert it.openai.asked[0].json["messages"] == QUESTION["messages"]
        await check_told(it, provider="openai", attempts=2, resumes=1)


@pytest.mark.parametrize(
    ("other", "at"),
    [("Good morning.", 3), ("Hello", 3), ("Hello dear", 4)],
    ids=["another", "shorter", "a beginning"],
)
async def test_where_the_second_answer_differs_the_client_hears_why_the_first_broke(
    autojump_clock: MockClock, other: str, at: int
) -> None:
    """Never a clean end, and not one character of the other answer."""
    async with running('[models."other"]\ntarget = "deepseek/deepseek-chat"\nfallbacks = ["gpt-4o"]') as it:
        it.deepseek.plays(streams("Hello ", "dear wor", then=is_cut))
        it.openai.plays(says(other))

        reply = await it.ask({**BACKED, "model": "other"})

        assert trio.current_time() == at
        check_broken(reply.body, "Hello dear wor")
        assert len(it.openai.asked) == 1
        (line,) = it.logged("request")
        assert (line["outcome"], line["error"]) == ("error", "upstream_broken")


async def test_one_that_breaks_too_is_gone_on_with_by_the_third(autojump_clock: MockClock) -> None:
    """The sandbox says the question back, which here is the answer."""
    async with running(TWICE_BACKED) as it:
        text = "Say hello to all of them."
        it.openai.plays(streams("Say ", "hel", then=is_cut))
        it.deepseek.plays(streams(" hello", " to", every_s=1, then=is_cut))

        reply = await it.ask({**BACKED, "model": "twice", "messages": [{"role": "user", "content": text}]})

        assert trio.current_time() == 4
        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == (text, "[DONE]")
        await check_told(it, provider="sandbox", attempts=3, resumes=2)


async def test_where_nobody_can_go_on_the_client_hears_it(autojump_clock: MockClock) -> None:
    """The fallback is down: one attempt and its retries, then the error event."""
    async with running("[retry]\nattempts = 2") as it:
        it.openai.plays(streams("Hello ", then=is_cut))
        it.deepseek.plays(fails(503))

        reply = await it.ask(BACKED)

        check_broken(reply.body, "Hello ")
        assert len(it.deepseek.asked) == 2
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()


async def test_a_deadline_in_the_middle_of_the_rest_is_kept(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(streams("Hello ", "dear ", then=is_cut))
        it.deepseek.plays(says("Hello dear world, all of you."))

        reply = await it.ask(BACKED, headers={"x-gateway-timeout": "4.5"})

        assert trio.current_time() == 4.5
        check_broken(reply.body, "Hello dear world, all")
        assert it.deepseek.asked[0].closed_at == 4.5


@pytest.mark.parametrize(
    "wish",
    [
        {"n": 2},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"logprobs": True},
        {"response_format": {"type": "json_object"}},
    ],
    ids=["two choices", "tools", "probabilities", "a form"],
)
async def test_what_is_not_plain_text_is_not_gone_on_with(autojump_clock: MockClock, wish: dict[str, Any]) -> None:
    async with running() as it:
        it.openai.plays(streams("Hello ", then=is_cut))

        reply = await it.ask({**BACKED, **wish})

        assert trio.current_time() == 1
        check_broken(reply.body, "Hello ")
        assert it.deepseek.asked == []


async def test_an_answer_with_thoughts_is_not_gone_on_with(autojump_clock: MockClock) -> None:
    async with running() as it:

        async def thinks(asked: Asked) -> None:
            await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
            await asked.send_chunk(event({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]}))
            await asked.send_chunk(chunk("Hello "))
            asked.hang_up()

        it.openai.plays(thinks)

        reply = await it.ask(BACKED)

        assert b'"error"' in reply.body
        assert b"[DONE]" not in reply.body
        assert it.deepseek.asked == []


async def test_with_the_policy_error_a_break_is_told_at_once(autojump_clock: MockClock) -> None:
    async with running('[midstream]\npolicy = "error"') as it:
        it.openai.plays(streams("Hello ", then=is_cut))

        reply = await it.ask(BACKED)

        assert trio.current_time() == 1
        check_broken(reply.body, "Hello ")
        assert it.deepseek.asked == []


async def test_a_hedge_that_lost_may_go_on_with_the_winner(autojump_clock: MockClock) -> None:
    """The first is silent for 11 s; the hedge at 10 s is slower still. When the first breaks, the second goes on."""
    async with running() as it:
        it.openai.plays(streams("Hello ", every_s=11, then=is_cut))
        it.deepseek.plays(stalls, says("Hello world."))

        reply = await it.ask(BACKED)

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello world.", "[DONE]")
        assert [asked.at for asked in it.deepseek.asked] == [10, 11]
        assert it.deepseek.asked[0].closed_at == 11
        figures = await it.figures()
        assert figures("retry_attempts_total", provider="deepseek", operation="hedge") == 1
        assert figures("retry_attempts_total", provider="deepseek", operation="resume") == 1


async def test_a_client_that_leaves_while_another_goes_on_stops_it(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(streams("Hello ", then=is_cut))
        it.deepseek.plays(stalls)
        with trio.move_on_after(5):
            await it.ask(BACKED)
        await trio.testing.wait_all_tasks_blocked()

        assert it.deepseek.asked[0].closed_at == 5
        it.assert_at_rest()


async def test_the_retry_of_one_that_was_to_go_on_is_a_resume_too(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(streams("Hello ", then=is_cut))
        it.deepseek.plays(resets(), says("Hello world."))

        reply = await it.ask(BACKED)

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello world.", "[DONE]")
        await check_told(it, provider="deepseek", attempts=3, resumes=2)


def created(*texts: str) -> Script:
    """A stream with a name and a time of its own, which is cut."""

    async def script(asked: Asked) -> None:
        await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
        for text in texts:
            choices = [{"index": 0, "delta": {"content": text}}]
            await asked.send_chunk(
                event({"id": "chatcmpl-77", "created": 1234, "model": "gpt-4o-2024", "choices": choices})
            )
        asked.hang_up()

    return script


def check_broken(body: bytes, text: str) -> None:
    """The client has `text`, and an error for its end."""
    *events, last = data_of(body)
    assert texts_of(events) == text
    assert last["error"]["message"]
    assert b"[DONE]" not in body


async def check_told(it: Running, *, provider: str, attempts: int, resumes: int) -> None:
    """The log and the metrics name who answered in the end, and how often another was asked to go on."""
    await trio.testing.wait_all_tasks_blocked()
    (line,) = it.logged("request")
    assert (line["outcome"], line["provider"], line["attempts"]) == ("ok", provider, attempts)
    assert [each["operation"] for each in it.logged("attempt repeated")] == ["resume"] * resumes
    figures = await it.figures()
    assert figures("retry_attempts_total", operation="resume") == resumes
    it.assert_at_rest()
