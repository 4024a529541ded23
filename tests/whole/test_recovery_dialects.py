"""Streams that go on with another model, for clients of every dialect and providers of every kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock

from tests.dialects.messages.official import accumulate
from tests.dialects.responses.answers import events_of
from tests.whole.gateways import Running, data_of, running
from tests.whole.upstream import Asked, Script, Upstream, is_cut, streams, texts_of

ENVIRON = {
    "ANTHROPIC_API_KEY": "sk-anthropic",
    "ANTHROPIC_BASE_URL": "http://anthropic.test",
    "GEMINI_API_KEY": "sk-google",
    "GEMINI_BASE_URL": "http://google.test",
}
SETTINGS = """
[models.claude-first]
target = "anthropic/claude-sonnet-4-5"
fallbacks = ["openai/gpt-4o"]
[models.gpt-first]
target = "openai/gpt-4o"
fallbacks = ["anthropic/claude-sonnet-4-5"]
[models.gpt-then-new-claude]
target = "openai/gpt-4o"
fallbacks = ["anthropic/claude-opus-4-6"]
[models.gpt-then-gemini]
target = "openai/gpt-4o"
fallbacks = ["google/gemini-2.0-flash"]
"""
HELLO = [{"role": "user", "content": "Say hello."}]
TEXT = "Hello dear world."


@asynccontextmanager
async def running_with_clouds() -> AsyncIterator[tuple[Running, Upstream, Upstream]]:
    async with running(SETTINGS, environ=ENVIRON) as it:
        anthropic, google = Upstream(it.network, "anthropic.test"), Upstream(it.network, "google.test")
        await it.nursery.start(anthropic.run)
        await it.nursery.start(google.run)
        yield it, anthropic, google


def named(type: str, **members: Any) -> bytes:
    """An event with a name, as Anthropic and OpenAI's responses have them."""
    return b"event: %b\ndata: %b\n\n" % (type.encode(), json.dumps({"type": type, **members}).encode())


def claude(*texts: str, whole: bool = True) -> Script:
    """A message of Anthropic's."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": []}
    usage = {"input_tokens": 20, "output_tokens": 1}

    async def script(asked: Asked) -> None:
        await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
        await asked.send_chunk(named("message_start", message={**message, "usage": usage, "stop_reason": None}))
        await asked.send_chunk(named("content_block_start", index=0, content_block={"type": "text", "text": ""}))
        for text in texts:
            await asked.send_chunk(named("ping"))
            await asked.send_chunk(named("content_block_delta", index=0, delta={"type": "text_delta", "text": text}))
        if whole:
            await asked.send_chunk(named("content_block_stop", index=0))
            await asked.send_chunk(
                named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4})
            )
            await asked.send_chunk(named("message_stop"))
            await asked.send(b"0\r\n\r\n")
        else:
            asked.hang_up()

    return script


def response(*texts: str) -> Script:
    """A response of OpenAI's, which is cut."""
    document = {"id": "resp_77", "object": "response", "created_at": 1234, "status": "in_progress", "model": "gpt-4o"}
    place = {"item_id": "msg_77", "output_index": 0, "content_index": 0}
    item = {"id": "msg_77", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}

    async def script(asked: Asked) -> None:
        await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
        for number, event in enumerate(
            [
                {"type": "response.created", "response": {**document, "output": []}},
                {"type": "response.in_progress", "response": {**document, "output": []}},
                {"type": "response.output_item.added", "output_index": 0, "item": item},
                {"type": "response.content_part.added", **place, "part": part},
                *({"type": "response.output_text.delta", **place, "delta": text} for text in texts),
            ]
        ):
            await asked.send_chunk(named(**event, sequence_number=number))  # type: ignore[arg-type]
        asked.hang_up()

    return script


def gemini(*texts: str) -> Script:
    async def script(asked: Asked) -> None:
        await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
        for text in texts:
            candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
            if text == texts[-1]:
                candidate["finishReason"] = "STOP"
            await asked.send_chunk(b"data: %b\r\n\r\n" % json.dumps({"candidates": [candidate]}).encode())
        await asked.send(b"0\r\n\r\n")

    return script


async def test_a_message_of_claudes_is_gone_on_with_by_another(autojump_clock: MockClock) -> None:
    """Passed on at first, then translated: one message with one block, as Anthropic's own client reads it."""
    async with running_with_clouds() as (it, anthropic, _):
        anthropic.plays(claude("Hello ", "dear wor", whole=False))
        it.openai.plays(streams("Hello", " dear", " world."))
        question = {"model": "claude-first", "max_tokens": 100, "messages": HELLO, "stream": True}

        reply = await it.request("POST", "/v1/messages", json_body=question)

        message = accumulate(reply.body)
        assert [block.model_dump(exclude_none=True) for block in message.content] == [{"type": "text", "text": TEXT}]
        assert (message.id, message.model, message.stop_reason) == ("msg_1", "claude-sonnet-4-5", "end_turn")
        assert (message.usage.input_tokens, message.usage.output_tokens) == (9, 3)
        assert it.openai.asked[0].json["messages"] == HELLO
        assert reply.body.count(b"message_start") == 2  # one event: its name, and its type
        await check_told(it, "openai")


async def test_claude_goes_on_with_a_message_that_another_began(autojump_clock: MockClock) -> None:
    """It is given the beginning without white space at its end, and no more room than is left."""
    async with running_with_clouds() as (it, anthropic, _):
        it.openai.plays(streams("Hello ", "dear ", then=is_cut))
        anthropic.plays(claude(" wor", "ld."))
        question = {"model": "gpt-first", "max_tokens": 100, "messages": HELLO, "stream": True}

        reply = await it.request("POST", "/v1/messages", json_body=question)

        assert [block.text for block in accumulate(reply.body).content] == [TEXT]  # type: ignore[union-attr]
        (asked,) = anthropic.asked
        assert asked.target == b"/v1/messages"
        assert asked.json["messages"] == [*HELLO, {"role": "assistant", "content": "Hello dear"}]
        assert asked.json["max_tokens"] == 97
        await check_told(it, "anthropic")


async def test_claude_goes_on_with_a_chat_answer(autojump_clock: MockClock) -> None:
    async with running_with_clouds() as (it, anthropic, _):
        it.openai.plays(streams("Hello ", "dear wor", then=is_cut))
        anthropic.plays(claude(" world", "."))

        reply = await it.ask({"model": "gpt-first", "messages": HELLO, "stream": True})

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == (TEXT, "[DONE]")
        assert {event["id"] for event in events} == {"chatcmpl-1"}
        assert [event["model"] for event in events] == [*["gpt-4o"] * 2, *["claude-sonnet-4-5"] * 3]
        assert anthropic.asked[0].json["messages"][-1]["content"] == "Hello dear"
        await check_told(it, "anthropic")


async def test_a_claude_that_takes_no_prefix_is_asked_anew(autojump_clock: MockClock) -> None:
    async with running_with_clouds() as (it, anthropic, _):
        it.openai.plays(streams("Hello ", "dear wor", then=is_cut))
        anthropic.plays(claude("Hello dear", " world."))

        reply = await it.ask({"model": "gpt-then-new-claude", "messages": HELLO, "stream": True})

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == (TEXT, "[DONE]")
        assert [message["role"] for message in anthropic.asked[0].json["messages"]] == ["user"]


async def test_gemini_goes_on_by_answering_anew(autojump_clock: MockClock) -> None:
    async with running_with_clouds() as (it, _, google):
        it.openai.plays(streams("Hello ", "dear wor", then=is_cut))
        google.plays(gemini("Hello dear w", "orld."))

        reply = await it.ask({"model": "gpt-then-gemini", "messages": HELLO, "stream": True})

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == (TEXT, "[DONE]")
        await check_told(it, "google")


async def test_a_response_is_gone_on_with_and_kept(autojump_clock: MockClock) -> None:
    """OpenAI's own, passed on at first: the same ids and places, the next numbers, and the store has all of it."""
    async with running_with_clouds() as (it, anthropic, _):
        it.openai.plays(response("Hello ", "dear wor"))
        anthropic.plays(claude(" world", "."))

        reply = await it.request(
            "POST", "/v1/responses", json_body={"model": "gpt-first", "input": "Say hello.", "stream": True}
        )

        events = events_of(reply.body)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        deltas = [event for event in events if event["type"] == "response.output_text.delta"]
        assert "".join(event["delta"] for event in deltas) == TEXT
        assert {(event["item_id"], event["output_index"], event["content_index"]) for event in deltas} == {
            ("msg_77", 0, 0)
        }
        assert [event["type"] for event in events[-4:]] == [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        whole = events[-1]["response"]
        assert (whole["id"], whole["created_at"], whole["model"]) == ("resp_77", 1234, "claude-sonnet-4-5")
        assert whole["output"][0]["content"][0]["text"] == TEXT
        assert whole["usage"]["total_tokens"] == 24
        kept = await it.request("GET", "/v1/responses/resp_77")
        assert kept.json == whole
        await check_told(it, "anthropic")


async def test_a_response_that_claude_began_is_gone_on_with_in_chat_completions(autojump_clock: MockClock) -> None:
    """Translated at first: OpenAI is asked for the rest where its streams can be read."""
    async with running_with_clouds() as (it, anthropic, _):
        anthropic.plays(claude("Hello ", "dear wor", whole=False))
        it.openai.plays(streams("Hello", " dear", " world."))

        reply = await it.request(
            "POST", "/v1/responses", json_body={"model": "claude-first", "input": "Say hello.", "stream": True}
        )

        events = events_of(reply.body)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert events[-1]["type"] == "response.completed"
        assert events[-1]["response"]["id"] == events[0]["response"]["id"]
        assert events[-1]["response"]["output"][0]["content"][0]["text"] == TEXT
        assert it.openai.asked[0].target == b"/v1/chat/completions"


async def test_a_response_that_nobody_goes_on_with_has_failed(autojump_clock: MockClock) -> None:
    async with running_with_clouds() as (it, anthropic, _):
        it.openai.plays(response("Hello "))
        anthropic.plays(claude("Another answer.", whole=False), claude(whole=False))

        reply = await it.request(
            "POST",
            "/v1/responses",
            json_body={"model": "gpt-then-new-claude", "input": "Say hello.", "stream": True},
        )

        events = events_of(reply.body)
        assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
        assert "Another" not in reply.body.decode()


async def check_told(it: Running, provider: str) -> None:
    await trio.testing.wait_all_tasks_blocked()
    line = it.logged("request")[0]
    assert (line["outcome"], line["provider"], line["attempts"]) == ("ok", provider, 2)
    assert (await it.figures())("retry_attempts_total", provider=provider, operation="resume") == 1
    it.assert_at_rest()
