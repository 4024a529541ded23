"""A request that is passed on: what is read of it, and how little of it changes."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.messages.request_notes import (
    decode_count,
    decode_request,
    reserved_output,
    rewrite_request,
    write_count,
)
from gateway.dialects.prompt_weight import MEDIA_TOKENS, weigh
from gateway.errors import InvalidRequest
from tests.dialects.messages.asking import body


def prompt_of(**members: Any) -> int:
    written = body(**members)
    return weigh(decode_request(written), written).reserved


def image(data: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def test_what_the_gateway_needs_is_read_and_the_rest_is_not() -> None:
    request = decode_request(body(stream=True, tomorrow={"a": 1}, system=[{"type": "new"}], thinking="?"))
    assert (request.model, request.max_tokens, request.stream) == ("m", 4096, True)
    assert request.messages[0].role == "user"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{}]}, "messages[0].role"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "1"}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_request_without_what_is_needed_names_it(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request(body(**members))
    assert caught.value.param == param


def test_only_the_models_name_changes() -> None:
    written = b'{"tomorrow": 1.50, "model": "a/m", "max_tokens": 1, "messages": [{"role":"user","content":"\\u00fc"}]}'
    request = decode_request(written)
    assert rewrite_request(written, request, model="a/m") is written
    assert rewrite_request(written, request, model="m") == (
        b'{"tomorrow":1.50,"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\\u00fc"}]}'
    )


def test_what_may_be_answered_is_reserved() -> None:
    written = body(max_tokens=500)
    assert reserved_output(decode_request(written)) == 500


def test_media_weigh_by_the_piece() -> None:
    """Wherever they stand; a document of plain text weighs what its words do."""
    text = {"type": "text", "text": "x" * 4000}
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x" * 40_000}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image("x" * 40_000)]}
    bare = prompt_of(messages=[{"role": "user", "content": [text]}])
    assert 1000 <= bare < 1100
    for media in (image("x" * 40_000), result):
        weight = prompt_of(messages=[{"role": "user", "content": [text, media]}])
        assert bare + MEDIA_TOKENS <= weight < bare + MEDIA_TOKENS + 100
    assert prompt_of(messages=[{"role": "user", "content": [text, plain]}]) >= bare + 10_000


def test_a_content_of_no_known_form_weighs_its_bytes() -> None:
    odd = [{"type": "image", "source": [1]}, {"source": {"type": 3}}, 4, "x" * 4000]
    assert prompt_of(messages=[{"role": "user", "content": odd}]) >= 1000


def test_tokens_are_counted_without_a_bound_for_the_answer() -> None:
    written = body(max_tokens=None, messages=[{"role": "user", "content": "x" * 8000}])
    assert 2000 <= weigh(decode_count(written), written).reserved < 2050
    assert write_count(2010) == b'{"input_tokens":2010}'
