"""Bodies of very many small pieces: bounded, and charged for what they take once they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.decoded_weight import MESSAGE_BYTES, MOST_MESSAGES
from gateway.errors import InvalidRequest
from gateway.face.chat import ChatCompletions
from gateway.face.embeddings import Embeddings
from gateway.face.messages import Messages


def conversation(count: int) -> bytes:
    message = {"role": "user", "content": ""}
    return json.dumps({"model": "m", "max_tokens": 1, "messages": [message] * count}).encode()


@pytest.mark.parametrize("dialect", [ChatCompletions(), Messages()], ids=["chat", "messages"])
def test_messages_are_charged_where_they_are_many_and_bounded(dialect: Any) -> None:
    assert dialect.read(conversation(999)).decoded_bytes == 0
    assert dialect.read(conversation(5000)).decoded_bytes == 5000 * MESSAGE_BYTES
    with pytest.raises(InvalidRequest, match="at most 100000") as refused:
        dialect.read(conversation(MOST_MESSAGES + 1))
    assert refused.value.param == "messages"


@pytest.mark.parametrize(
    ("given", "items"), [("one text", 0), (["a", "b"], 2), ([1, 2, 3], 3), ([[1, 2], [3]], 5)], ids=str
)
def test_texts_and_tokens_are_charged(given: Any, items: int) -> None:
    assert Embeddings().read(json.dumps({"model": "e", "input": given}).encode()).decoded_bytes == 80 * items
