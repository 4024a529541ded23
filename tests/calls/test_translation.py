"""A request on its way into another dialect, and its streamed answer on the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from gateway.calls.translation import TranslatedPassage, TranslatedStream, Translation
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.flavour import PLAIN
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import ClientCodec, Frame, ProviderCodec, finish_steps
from gateway.dialects.envelope import ModelRequest, Usage
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.messages.client import MessagesClient
from gateway.errors import InvalidRequest, UpstreamBroken
from gateway.unhurried import PIECES_A_TURN
from tests.calls.heard import CHAT, CLIENTS, MESSAGES, RESPONSES, events_of, hear, hear_stream, question

FRAME = Frame("0123", 7)

START = {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 3, "output_tokens": 1}}}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
WORDS = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Salve, amice"}}
BLOCK_END = {"type": "content_block_stop", "index": 0}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
STOP = {"type": "message_stop"}

CHUNK: dict[str, Any] = {"id": "c", "model": "gpt", "choices": [{"index": 0, "delta": {"content": "Salve"}}]}
FINISH: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
COUNT: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def sse(*documents: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in documents)


def passage(client: ClientCodec, provider: ProviderCodec, *, choices: int = 1) -> TranslatedPassage:
    body = question(client.name, streamed=True, choices=choices)
    return TranslatedPassage(b"/", b"", finish_steps(client.decode(body, provider.name)), client, provider, FRAME)


def from_anthropic() -> TranslatedStream:
    """For a client of chat completions."""
    return passage(ChatClient(), AnthropicProvider()).stream()


def from_chat() -> TranslatedStream:
    """For a client of Messages."""
    return passage(MessagesClient(), ChatProvider(PLAIN)).stream()


def test_nothing_is_passed_on_before_the_first_content_and_then_all_of_it_in_order() -> None:
    stream = from_anthropic()
    assert stream.feed(sse(START)) == stream.feed(sse({"type": "ping"})) == stream.feed(sse(BLOCK)) == b""
    assert not stream.started
    heard = stream.feed(sse(WORDS))
    assert stream.started
    first, second = (chunk for _, chunk in events_of(heard))
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert second["choices"][0]["delta"] == {"content": "Salve, amice"}
    assert first["id"] == second["id"] == "chatcmpl-0123"
    assert (first["created"], first["model"]) == (7, "claude")


def test_an_answer_settles_with_its_last_word_and_is_done_with_the_wires_own_end() -> None:
    stream = from_anthropic()
    stream.feed(sse(START, BLOCK, WORDS, BLOCK_END))
    assert (stream.settled, stream.done) == (False, False)
    stream.feed(sse(END))
    assert (stream.settled, stream.done, stream.finish_reason) == (True, False, "stop")
    heard = stream.feed(sse(STOP))
    assert stream.done
    usage, last = (chunk for _, chunk in events_of(heard))
    assert (usage["choices"], usage["usage"]["total_tokens"], last) == ([], 12, "[DONE]")
    assert stream.usage == Usage(3, 9)


def test_usage_that_trails_behind_the_answer_is_waited_for() -> None:
    """The end of the client's stream says what it cost, so it is not written before that is known."""
    stream = from_chat()
    heard = stream.feed(sse(CHUNK, FINISH))
    assert stream.settled
    assert b"message_stop" not in heard
    assert stream.feed(sse(COUNT)) == b""
    *_, (_, delta), (name, _) = events_of(stream.feed(b"data: [DONE]\n\n"))
    assert (delta["usage"]["input_tokens"], delta["usage"]["output_tokens"], name) == (3, 2, b"message_stop")


def test_where_it_never_comes_the_answer_ends_without_it() -> None:
    stream = from_chat()
    stream.feed(sse(CHUNK, FINISH))
    assert events_of(stream.end())[-1][0] == b"message_stop"
    assert stream.done
    assert stream.usage is None
    assert stream.end() == b""


def test_what_was_delivered_is_counted_by_its_length_until_the_provider_says_it() -> None:
    stream = from_anthropic()
    stream.feed(sse(START, BLOCK, WORDS))
    assert stream.delivered_tokens == 3  # twelve characters
    stream.feed(sse(BLOCK_END, END))
    assert stream.delivered_tokens == 9


def test_an_answer_without_words_is_an_answer() -> None:
    stream = from_anthropic()
    heard = stream.feed(sse(START, END, STOP))
    assert (stream.started, stream.done) == (True, True)
    assert [chunk["choices"][0]["finish_reason"] for _, chunk in events_of(heard)[:-2]] == [None, "stop"]


def test_an_answer_that_is_cut_has_no_end() -> None:
    stream = from_anthropic()
    stream.feed(sse(START, BLOCK, WORDS, BLOCK_END))
    with pytest.raises(UpstreamBroken):
        stream.end()
    assert not stream.done


def test_what_could_not_be_read_is_counted() -> None:
    stream = from_chat()
    stream.feed(sse(CHUNK) + b"data: nonsense\n\n")
    assert stream.malformed == 1


def candidate(index: int, text: str) -> dict[str, Any]:
    said = {"content": {"parts": [{"text": text}]}, "finishReason": "STOP", "index": index}
    return {"candidates": [said], "modelVersion": "gemini"}


def test_of_two_choices_that_were_asked_for_the_first_is_not_the_whole_answer() -> None:
    stream = passage(ChatClient(), GeminiProvider(), choices=2).stream()
    stream.feed(sse(candidate(0, "One")))
    assert not stream.settled
    with pytest.raises(UpstreamBroken):
        stream.end()
    stream = passage(ChatClient(), GeminiProvider(), choices=2).stream()
    stream.feed(sse(candidate(0, "One"), candidate(1, "Two")))
    assert stream.settled
    assert events_of(stream.end())[-1] == (b"", "[DONE]")


def test_a_whole_answer_becomes_the_stream_that_was_asked_for() -> None:
    body = {"model": "claude", "content": [{"type": "text", "text": "Salve"}], "stop_reason": "end_turn", "usage": {}}
    chunks = [chunk for _, chunk in events_of(passage(ChatClient(), AnthropicProvider()).as_stream(dump(body)))]
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-2]] == ["", "Salve", None]
    assert chunks[-1] == "[DONE]"


def dump(document: Any) -> bytes:
    return json.dumps(document).encode()


ONE_CALL: dict[str, dict[str, Any]] = {
    CHAT: {"parallel_tool_calls": False},
    RESPONSES: {"parallel_tool_calls": False},
    MESSAGES: {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
}


@pytest.mark.parametrize("client", CLIENTS)
def test_who_wants_one_call_at_a_time_hears_of_the_first_alone(client: str) -> None:
    """Gemini cannot be kept to it. What it has signed and what it says beside its calls is told as ever."""
    calls: list[dict[str, Any]] = [{"functionCall": {"name": name, "args": {"of": name}}} for name in ("a", "b", "c")]
    calls[0]["thoughtSignature"] = "c2lnbmVk"
    chunk = candidate(0, "Let me look.")
    chunk["candidates"][0]["content"]["parts"] += [*calls, {"text": " And?"}]
    chunk["usageMetadata"] = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
    codec, provider = CLIENTS[client], GeminiProvider()
    for members, told in ((ONE_CALL[client], ["a"]), ({}, ["a", "b", "c"])):
        asked = dump({**json.loads(question(client, streamed=True)), **members})
        conversation = finish_steps(codec.decode(asked, provider.name))
        passed = TranslatedPassage(b"/", b"", conversation, codec, provider, FRAME)
        stream = passed.stream()
        streamed = stream.feed(sse(chunk)) + stream.end()
        whole = hear(client, passed.read(dump(chunk)).body)
        assert whole == hear_stream(client, streamed) == hear_stream(client, passed.as_stream(dump(chunk)))
        assert [name for name, _ in whole.calls] == told
        assert (whole.text, whole.finish, whole.proofs) == ("Let me look. And?", "tool_calls", ("c2lnbmVk",))


# The way up.


def request(**members: Any) -> ModelRequest:
    body = {"model": "mine", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, **members}
    return ModelRequest("openai_chat", dump(body), None, "req-1")


async def prepare(asked: ModelRequest, *, streamed: bool = False) -> TranslatedPassage:
    return await Translation(ChatClient(), GeminiProvider()).prepare(asked, "gemini-2", streamed=streamed, frame=FRAME)


async def test_a_request_goes_to_the_providers_own_place_in_its_own_words() -> None:
    plain, streamed = await prepare(request()), await prepare(request(stream=True), streamed=True)
    assert plain.path == b"/models/gemini-2:generateContent"
    assert streamed.path == b"/models/gemini-2:streamGenerateContent?alt=sse"
    assert json.loads(plain.body)["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


async def test_what_cannot_be_said_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await prepare(request(logit_bias={"1": 5}))
    assert caught.value.param == "logit_bias"


async def test_a_long_conversation_lets_others_have_their_turn() -> None:
    """Once for so many messages, on the way into the pivot and on the way out of it."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    rounds = 10
    messages = list(talk(rounds * PIECES_A_TURN))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await prepare(request(messages=messages))
        nursery.cancel_scope.cancel()
    assert 2 * rounds - 2 <= turns <= 2 * rounds  # the first is spent on beginning, the last may be too late


def talk(messages: int) -> Iterator[dict[str, Any]]:
    for index in range(messages):
        yield {"role": ("user", "assistant")[index % 2], "content": f"word {index}"}
