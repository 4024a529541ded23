"""What a provider calls its answer, in every dialect, whole and streamed."""

from __future__ import annotations

import pytest

from gateway.dialects.answer_name import AnswerName, answer_name

NAMED = AnswerName("id-1", "a-model")
WHOLE = b'{"id":"id-1","object":"chat.completion","model":"a-model","choices":[]}'
OF_GEMINI = b'{"candidates":[],"modelVersion":"a-model","responseId":"id-1"}'
BEGUN = b'{"type":"response.created","response":{"id":"id-1","model":"a-model","tools":[{"model":"x"}]}}'
STARTED = b'{"type":"message_start","message":{"id":"id-1","model":"a-model","content":[]}}'


@pytest.mark.parametrize(
    ("begins", "name"),
    [
        (WHOLE, NAMED),
        (b"\n         \n" + WHOLE, NAMED),
        (OF_GEMINI, NAMED),
        (b"data: " + WHOLE + b"\n\ndata: {", NAMED),
        (b": OPENROUTER PROCESSING\n\ndata: " + WHOLE + b"\n\n", NAMED),
        (b"data: " + OF_GEMINI + b"\r\n\r\n", NAMED),
        (b"event: response.created\ndata: " + BEGUN + b"\n\n", NAMED),
        (b"event: message_start\ndata:" + STARTED + b"\n\n", NAMED),
        (b'{"object":"list","data":[],"model":"a-model"}', AnswerName(None, "a-model")),
        (b"data: " + WHOLE[:30], AnswerName()),
        (b"data: " + WHOLE, AnswerName()),
        (b'{"id":7}', AnswerName()),
        (b"[" * 100_000, AnswerName()),
        (b"", AnswerName()),
    ],
)
def test_it_is_told_where_it_stands(begins: bytes, name: AnswerName) -> None:
    """Of an event that has come in part nothing is known."""
    assert answer_name(begins) == name
