"""What the gateway writes itself, and a whole answer turned into the stream that was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.openai_compose import as_stream
from gateway.dialects.openai_stream import ChatStream

ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 5,
    "model": "m",
    "provider": "P",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Salve", "tool_calls": [{"id": "c", "type": "function"}]},
            "finish_reason": "tool_calls",
            "logprobs": None,
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


def chunks(stream: bytes) -> list[dict[str, Any]]:
    blocks = stream.decode().split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""]
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]


def test_a_whole_answer_becomes_a_stream_with_all_it_says() -> None:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "provider": "P"}
    delta = {
        "role": "assistant",
        "content": "Salve",
        "tool_calls": [{"index": 0, "id": "c", "type": "function"}],
    }
    choice = {"index": 0, "delta": delta, "finish_reason": "tool_calls", "logprobs": None}
    content, usage = chunks(as_stream(ANSWER, include_usage=True))
    assert content == {**head, "choices": [choice]}
    assert usage == {**head, "choices": [], "usage": ANSWER["usage"]}


def test_usage_comes_only_where_it_was_asked_for() -> None:
    assert len(chunks(as_stream(ANSWER, include_usage=False))) == 1


def test_the_stream_reads_as_a_whole_one() -> None:
    stream = ChatStream()
    stream.feed(as_stream(ANSWER, include_usage=True))
    assert (stream.done, stream.whole, stream.finish_reason) == (True, True, "tool_calls")


@pytest.mark.parametrize("choices", [None, [], "x", [1]])
def test_an_answer_without_choices_is_none(choices: object) -> None:
    with pytest.raises(ValueError, match="no choices"):
        as_stream({**ANSWER, "choices": choices}, include_usage=True)
