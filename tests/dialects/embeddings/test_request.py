"""Embeddings requests, read and passed on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.embeddings.answer_notes import read_reply
from gateway.dialects.embeddings.request import decode_request, estimate_tokens, rewrite_request
from gateway.dialects.passed_reply import ReplyNotes
from gateway.errors import InvalidRequest
from tests.shared_material import Recording, recordings


def body(**members: Any) -> bytes:
    return msgspec.json.encode({"model": "text-embedding-3-small", "input": "Hi"} | members)


def test_what_is_read_of_a_request() -> None:
    request = decode_request(body(input=["a", "b"], dimensions=64, encoding_format="base64", user="me", extra=[1]))
    assert (request.model, request.texts, request.dimensions) == ("text-embedding-3-small", ["a", "b"], 64)
    assert (request.encoding_format, request.user) == ("base64", "me")


@pytest.mark.parametrize(
    ("given_input", "texts", "tokens"),
    [
        ("Hello", ["Hello"], 2),
        (["Hello", "you"], ["Hello", "you"], 3),
        ([1, 2, 3], None, 3),
        ([[1, 2], [3]], None, 3),
    ],
)
def test_the_forms_of_an_input(given_input: Any, texts: list[str] | None, tokens: int) -> None:
    """Tokens are counted, text is guessed."""
    request = decode_request(body(input=given_input))
    assert (request.texts, estimate_tokens(request)) == (texts, tokens)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": {}}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": [1, "a"]}, "input[1]"),
        ({"input": [1, [2]]}, "input[1]"),
        ({"input": [True]}, "input[0]"),
        ({"input": [1.5]}, "input[0]"),
        ({"input": [None]}, "input[0]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": [[1], ["a"]]}, "input[1]"),
        ({"input": [[1, [2]]]}, "input[0]"),
        ({"input": [[1, 1.5]]}, "input[0][1]"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "64"}, "dimensions"),
        ({"dimensions": 1.5}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"encoding_format": 5}, "encoding_format"),
        ({"user": 5}, "user"),
    ],
)
def test_a_member_of_the_wrong_kind_is_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request(body(**members))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("malformed", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"{", None),
        (b'{"input": "Hi"}', "model"),
        (b'{"model": "m"}', "input"),
        (b'{"model": "m", "input": ' + b"[" * 5000 + b"]" * 5000 + b"}", None),
        (b'{"model": "m", "input": "\xff"}', None),
    ],
)
def test_a_body_that_is_no_request(malformed: bytes, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request(malformed)
    assert caught.value.param == param


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_input_crashes_the_reading(anything: Any) -> None:
    try:
        request = decode_request(body(input=anything))
    except InvalidRequest:
        return
    assert estimate_tokens(request) > 0


def test_a_request_passes_untouched_but_for_the_models_name() -> None:
    original = b'{ "model":"alias", "input":[1.0e0 ], "new_member": 1.10 }'
    request = decode_request(original.replace(b"1.0e0 ", b'"a"'))
    sent = original.replace(b"1.0e0 ", b'"a"')
    assert rewrite_request(sent, request, model="alias") is sent
    assert rewrite_request(sent, request, model="real") == b'{"model":"real","input":["a"],"new_member":1.10}'


RECORDED = recordings("openai", "openrouter", api="embeddings")


@pytest.mark.parametrize("recording", RECORDED)
def test_recorded_requests_and_the_usage_of_their_answers_are_read(recording: Recording) -> None:
    request = decode_request(recording.request)
    assert request.model
    notes = read_reply(recording.response, request.count)
    if recording.status == 200:
        usage = msgspec.json.decode(recording.response)["usage"]
        assert notes.usage is not None
        assert (notes.usage.prompt, notes.usage.completion) == (usage["prompt_tokens"], 0)
    else:
        assert notes.error is not None


@pytest.mark.parametrize(
    ("asked", "count"), [("a", 1), (["a", "b"], 2), ([7, 8, 9], 1), ([[7, 8], [9]], 2), (["a"], 1), ([[7]], 1)]
)
def test_how_many_embeddings_are_asked_for(asked: Any, count: int) -> None:
    assert decode_request(body(input=asked)).count == count


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"<html>", b"[]", b"{}", b'{"data":null}', b'{"data":[]}', b'{"data":"x"}', b'{"data":[{}]}'),
        *(b'{"data":[{"embedding":[1.0]}]}', b'{"data":[7,7]}', b'{"data":' + b"[" * 100_000),
    ],
    ids=range(11),
)
def test_what_has_not_an_embedding_for_each_input_is_no_answer(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_reply(answer, 2)


def test_embeddings_of_an_unusual_form_are_an_answer() -> None:
    answer = b'{"data":[{"embedding":"AAAA"},{"embedding":{"int8":[1]}}],"usage":"many"}'
    assert read_reply(answer, 2) == ReplyNotes()
