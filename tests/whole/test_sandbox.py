"""The demo: without any key, every endpoint that asks models has somebody who answers."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.providers.sandbox_embeddings import DEFAULT_DIMENSIONS
from tests.face.http_client import Reply
from tests.whole.gateways import CHAT, ENGINES, data_of, running
from tests.whole.upstream import texts_of

HELLO = [{"role": "user", "content": "Salve!"}]
NO_KEYS = {"OPENAI_API_KEY": "", "DEEPSEEK_API_KEY": ""}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"model": "sandbox/echo", "messages": HELLO}),
    ("/v1/responses", {"model": "sandbox/echo", "input": "Salve!"}),
    ("/v1/messages", {"model": "sandbox/echo", "messages": HELLO, "max_tokens": 100}),
]


@pytest.mark.parametrize("engine", ENGINES)
async def test_every_endpoint_can_be_tried_without_a_key(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine, environ=NO_KEYS) as it:
        for path, question in QUESTIONS:
            whole = await it.request("POST", path, json_body=question)
            assert (whole.status, b"Salve!" in whole.body) == (200, True), path
            streamed = await it.request("POST", path, json_body={**question, "stream": True})
            assert streamed.header("content-type") == "text/event-stream; charset=utf-8"
            assert b"Salve!" in streamed.body, path
        asked = {"model": "sandbox/embedding", "input": "Salve!"}
        reply = (await it.request("POST", "/v1/embeddings", json_body=asked)).json
        assert len(reply["data"][0]["embedding"]) == DEFAULT_DIMENSIONS
        listed = (await it.request("GET", "/v1/models")).json["data"]
        assert [model["id"] for model in listed if model["owned_by"] == "sandbox"] == [
            "sandbox/echo",
            "sandbox/lorem",
            "sandbox/embedding",
        ]
        assert {line["provider"] for line in it.logged("request")} == {"sandbox", None}
        it.assert_at_rest()


@pytest.mark.parametrize(("path", "question"), QUESTIONS, ids=["chat", "responses", "messages"])
async def test_a_failing_sandbox_fails_in_the_clients_own_dialect(
    autojump_clock: MockClock, path: str, question: dict[str, Any]
) -> None:
    """Three attempts, and then what the last of them was told."""
    async with running('[providers.sandbox]\nkind = "sandbox"\nfail = "500"', environ=NO_KEYS) as it:
        reply = await it.request("POST", path, json_body=question)
    assert reply.status == 500
    assert reply.json.get("type") == ("error" if path == "/v1/messages" else None)
    assert reply.json["error"]["message"] == "The sandbox answers with status 500, as it was told to."


async def test_a_stream_that_the_sandbox_cuts_goes_on_with_another_one(autojump_clock: MockClock) -> None:
    """What the README shows: without any key, one sees an answer survive its model."""
    settings = """
[providers.flaky]
kind = "sandbox"
fail = "cut"
[models.demo]
target = "flaky/lorem"
fallbacks = ["sandbox/lorem"]
"""
    async with running(settings) as it:
        question = {"messages": HELLO, "stream": True}

        whole, recovered, cut = [
            await it.request("POST", CHAT, json_body={**question, "model": model})
            for model in ("sandbox/lorem", "demo", "flaky/lorem")
        ]

        assert recovered.body.endswith(b"data: [DONE]\n\n")
        assert texts_of(list(data_of(recovered.body))[:-1]) == texts_of(list(data_of(whole.body))[:-1])
        assert list(data_of(cut.body))[-1]["error"]["code"] == "upstream_error"


async def test_a_sandbox_that_stalls_is_hedged(autojump_clock: MockClock) -> None:
    """A stream at hedge_after_s, for it is accepted; a whole answer, which shows nothing before it is there, at
    first_token_s.
    """
    settings = """
        [providers.stalled]
        kind = "sandbox"
        fail = "stall"
        [models.demo]
        target = "stalled/echo"
        fallbacks = ["sandbox/echo"]
    """
    for stream, hedged_at in ((True, 10), (False, 60)):
        async with running(settings, environ=NO_KEYS) as it:
            start = trio.current_time()
            reply = await it.ask({"model": "demo", "messages": HELLO, "stream": stream})
            assert (reply.status, b"Salve!" in reply.body) == (200, True)
            assert hedged_at <= trio.current_time() - start < hedged_at + 1
            assert reply.header("x-gateway-provider") == "sandbox"
            figures = await it.figures()
            assert figures("retry_attempts_total", provider="sandbox", operation="hedge") == 1


async def test_what_the_sandbox_counts_is_what_was_told_before(autojump_clock: MockClock) -> None:
    """In every dialect the header, the count that one can ask for and the usage that is billed are one number."""
    told, tool = "Tell me of a fox. " * 20, {"type": "object", "properties": {"a": {"type": "string"}}}
    said = [{"role": "user", "content": told}]
    for_messages = {"system": "Be kind.", "messages": said, "tools": [{"name": "f", "input_schema": tool}]}
    for_responses = {"instructions": "Be kind.", "input": told}
    async with running() as it:

        async def ask(path: str, **members: object) -> Reply:
            reply = await it.request("POST", path, json_body={"model": "sandbox/echo", **members})
            assert reply.status == 200
            return reply

        chat = await ask("/v1/chat/completions", messages=[{"role": "system", "content": "Be kind."}, *said])
        assert (chat.json["usage"]["prompt_tokens"], chat.header("x-token-count")) == (92, "92")
        message = await ask("/v1/messages", max_tokens=99, **for_messages)
        count = (await ask("/v1/messages/count_tokens", **for_messages)).json["input_tokens"]
        assert (message.json["usage"]["input_tokens"], message.header("x-token-count")) == (count, str(count))
        response = await ask("/v1/responses", **for_responses)
        count = (await ask("/v1/responses/input_tokens", **for_responses)).json["input_tokens"]
        assert (response.json["usage"]["input_tokens"], response.header("x-token-count")) == (count, str(count))
