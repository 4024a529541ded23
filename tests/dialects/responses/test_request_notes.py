"""What the face reads of a request, and the little that is changed in one that is passed on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.prompt_weight import DEFAULT_OUTPUT_TOKENS, MEDIA_TOKENS, weigh
from gateway.dialects.responses.request_notes import (
    decode_request,
    replace_members,
    reserved_output,
    rewrite_request,
)
from gateway.errors import InvalidRequest


def body(**members: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **members}).encode()


def test_what_the_face_needs() -> None:
    request = decode_request(body(stream=True, store=False, previous_response_id="resp_1", unknown=[1]))
    assert (request.model, request.stream, request.kept) == ("m", True, False)
    assert request.previous_response_id == "resp_1"
    assert decode_request(body()).kept
    assert decode_request(body(store=None)).kept


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"input": 3}, "input"),
        ({"input": {}}, "input"),
        ({"input": None}, "input"),
        ({"stream": "yes"}, "stream"),
        ({"max_output_tokens": "9"}, "max_output_tokens"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request(body(**members))
    assert caught.value.param == param


def test_a_template_or_an_earlier_response_may_stand_for_the_input() -> None:
    assert decode_request(body(input=None, prompt={"id": "p"})).model == "m"
    assert decode_request(body(input=None, previous_response_id="resp_1")).model == "m"


def test_only_the_models_name_is_rewritten() -> None:
    sent = b'{"model": "alias", "input" : "hi", "new": 1.0}'
    request = decode_request(sent)
    assert rewrite_request(sent, request, model="alias") is sent
    assert rewrite_request(sent, request, model="real") == b'{"model":"real","input":"hi","new":1.0}'


def test_members_are_set_and_taken_out() -> None:
    assert replace_members(b'{"a":1,"b":2}', {"b": None, "c": None}) == b'{"a":1}'
    with pytest.raises(InvalidRequest):
        replace_members(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {"b": None})


def test_tokens_are_guessed_from_bytes_and_media_count_by_the_piece() -> None:
    short = body()
    assert weigh(decode_request(short), short).reserved == len(short) // 4
    assert reserved_output(decode_request(short)) == DEFAULT_OUTPUT_TOKENS
    assert reserved_output(decode_request(body(max_output_tokens=9))) == 9
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 40_000}
    message = {"role": "user", "content": [{"type": "input_text", "text": "look"}, image]}
    result = {"type": "function_call_output", "call_id": "c", "output": [image]}
    large = body(input=[message, result])
    assert 2 * MEDIA_TOKENS < weigh(decode_request(large), large).reserved < 2 * MEDIA_TOKENS + 200


def test_an_unusual_input_only_weighs_more() -> None:
    odd = body(input=[{"content": ["x" * 4000]}, 3])
    assert weigh(decode_request(odd), odd).reserved == len(odd) // 4
