"""A streamed answer through any number of breaks: whatever the text, wherever it is cut, however the bytes arrive."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.passage import AnswerStream
from gateway.calls.resumed_stream import ResumedStream, as_one_answer
from gateway.calls.translation import TranslatedStream
from gateway.dialects.anthropic.provider_stream import MessageStream
from gateway.dialects.chat import told as chat_told
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.provider_stream import ChatAnswerDecoder
from gateway.dialects.codec import ClientCodec, Frame, StreamDecoder, finish_steps
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import OPENAI_CHAT
from gateway.dialects.messages import told as messages_told
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses import told as responses_told
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.splice import word_end
from gateway.dialects.told import Told
from gateway.errors import AnswerDiffers, UpstreamBroken
from tests.dialects.messages.official import accumulate
from tests.dialects.responses.answers import events_of

FRAME = Frame("0123", 1_700_000_000)
HELLO = [{"role": "user", "content": "hi"}]
TEXTS = st.text(st.sampled_from('ab \n.-é日😀\\"'), min_size=1, max_size=40) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40
)
NUMBERS = st.lists(st.integers(1, 200), max_size=12)


def in_chunks(text: str, sizes: list[int]) -> Iterator[str]:
    """As a model's tokens."""
    start = 0
    for size in [*(size % 7 + 1 for size in sizes), len(text)]:
        if start < len(text):
            yield text[start : start + size]
        start += size


def chat_bytes(text: str, sizes: list[int]) -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": chunk} for chunk in in_chunks(text, sizes)]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [json.dumps({"id": "x", "model": "m", "choices": [choice]}) for choice in choices]
    return b"".join(b"data: %b\n\n" % event.encode() for event in [*events, "[DONE]"])


def claude_bytes(text: str, sizes: list[int]) -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    for chunk in in_chunks(text, sizes):
        events.append({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": chunk}})
    events.append({"type": "content_block_stop", "index": 0})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}})
    events.append({"type": "message_stop"})
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


PROVIDERS: dict[str, tuple[Callable[[], StreamDecoder], Callable[[str, list[int]], bytes]]] = {
    "chat": (lambda: ChatAnswerDecoder("unknown"), chat_bytes),
    "anthropic": (MessageStream, claude_bytes),
}


def chat_text(stream: bytes) -> str:
    """What a client of chat completions reads; it must look whole."""
    events = [block.removeprefix(b"data: ") for block in stream.split(b"\n\n") if block]
    assert events[-1] == b"[DONE]"
    assert stream.count(b"[DONE]") == 1
    chunks = [json.loads(event) for event in events[:-1]]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks].count("stop") == 1
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def message_text(stream: bytes) -> str:
    message = accumulate(stream)
    assert message.stop_reason == "end_turn"
    return "".join(block.text for block in message.content)  # type: ignore[union-attr]


def response_text(stream: bytes) -> str:
    events = events_of(stream)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"
    said = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == said
    return said


CLIENTS: dict[str, tuple[ClientCodec, Callable[[bytes], Any], dict[str, Any], Callable[[bytes], str]]] = {
    "chat": (ChatClient(), chat_told.told_of, {"messages": HELLO}, chat_text),
    "messages": (MessagesClient(), messages_told.told_of, {"messages": HELLO, "max_tokens": 9}, message_text),
    "responses": (ResponsesClient(), responses_told.told_of, {"input": "hi"}, response_text),
}


class Client:
    """What reaches one, through the streams of several providers."""

    def __init__(self, dialect: str) -> None:
        self.codec, told_of, question, self.read = CLIENTS[dialect]
        body = json.dumps({"model": "m", "stream": True, **question}).encode()
        self.conversation = finish_steps(self.codec.decode(body, OPENAI_CHAT))
        self.told: Told = told_of(body)
        self.heard = b""

    def listen(self, stream: AnswerStream, data: bytes, sizes: list[int]) -> bool:
        """Whether the answer came to its end."""
        start = 0
        for size in [*sizes, len(data)]:
            if start < len(data) and not stream.done:
                self._hear(stream.feed(data[start : start + size]))
            start += size
        try:
            if not stream.done:
                self._hear(stream.end())
        except UpstreamBroken:
            return False
        return stream.done

    def _hear(self, piece: bytes) -> None:
        self.heard += piece
        if piece:
            self.told.hear(piece)


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
@given(
    TEXTS,
    st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(["word end", "text end", "anew"])), max_size=4),
    NUMBERS,
    NUMBERS,
)
def test_however_often_it_breaks_the_client_has_the_text_once(
    dialect: str, provider: str, text: str, breaks: list[tuple[int, str]], tokens: list[int], reads: list[int]
) -> None:
    client = Client(dialect)
    new_decoder, bytes_of = PROVIDERS[provider]
    whole = False
    for cut, approach in [*breaks, (10**9, "anew"), (10**9, "anew")]:
        had = str(client.told.text)
        if not client.heard:
            stream: AnswerStream = TranslatedStream(new_decoder(), client.codec.stream(client.conversation, FRAME))
            rest = text
        elif client.told.resumable:
            prefix = {"word end": word_end(had), "text end": had.rstrip(), "anew": ""}[approach]
            stream = ResumedStream(
                new_decoder(),
                client.told,
                had[len(prefix) :],
                model="m",
                differs=lambda: AnswerDiffers("it says what it is to say"),
                alive=lambda: None,
            )
            rest = text[len(prefix) :]
        else:
            return  # its end has begun to be told: nobody goes on with that
        data = bytes_of(rest, tokens)
        whole = client.listen(stream, data[:cut] if cut < len(data) else data, reads)
        assert text.startswith(str(client.told.text))
        if whole:
            break

    assert whole
    assert client.read(client.heard) == text


@pytest.mark.parametrize(
    ("told", "prefix", "whole"),
    [
        (Usage(prompt=15, completion=1), 0, Usage(prompt=15, completion=1)),
        (Usage(prompt=15, completion=1), 4, Usage(prompt=11, completion=5)),
        (Usage(prompt=15, completion=1), 20, Usage(prompt=0, completion=16)),
        (Usage(prompt=15, completion=1, cached=5), 15, Usage(prompt=5, completion=11, cached=5)),
        (Usage(prompt=15, completion=1, cached=5, written=3), 15, Usage(prompt=8, completion=8, cached=5, written=3)),
    ],
)
def test_tokens_of_the_prefix_are_the_answers_and_none_is_lost(told: Usage, prefix: int, whole: Usage) -> None:
    """However many the estimate says: what came from the cache was prompt."""
    assert as_one_answer(told, prefix) == whole
