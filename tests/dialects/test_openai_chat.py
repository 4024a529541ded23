"""The request side: what is read, what is refused and how, what is changed and what stays byte for byte."""

from __future__ import annotations

import contextlib
import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import openai_chat, prompt_weight
from gateway.dialects.openai_chat import (
    decode_request,
    reserved_output,
    rewrite_request,
)
from gateway.errors import InvalidRequest
from tests.shared_material import Recording, recordings

PLAIN = b'{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}'
PROVIDERS = ("openai", "deepseek", "openrouter", "azure")


def test_a_request_is_read_as_far_as_it_is_needed() -> None:
    request = decode_request(
        b'{"model":"m","messages":[{"role":"user","content":"Hi","name":"x"}],"stream":true,"n":2,'
        b'"stream_options":{"include_usage":true},"max_completion_tokens":7,"max_tokens":9,"later":{"a":[1]}}'
    )
    assert (request.model, request.messages[0].role, request.stream) == ("m", "user", True)
    assert (request.wants_usage, request.choices, request.output_limit) == (True, 2, 7)


def test_nulls_are_as_good_as_nothing() -> None:
    """Many clients write every member they know."""
    request = decode_request(
        b'{"model":"m","messages":[{"role":"user","content":null}],"stream":null,"stream_options":null,'
        b'"max_tokens":null,"n":null,"tools":null,"tool_choice":null,"response_format":null}'
    )
    assert (request.wants_usage, request.choices, request.output_limit) == (False, 1, None)


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        (b'{"messages":[]}', "model", "Missing required parameter: 'model'."),
        (b'{"model":"m"}', "messages", "Missing required parameter: 'messages'."),
        (b'{"model":"m","messages":[{}]}', "messages[0].role", "Missing required parameter: 'messages[0].role'."),
        (
            b'{"model":"m","messages":[{"role":"user"},{"role":3}]}',
            "messages[1].role",
            "Invalid 'messages[1].role': expected a string, but got an integer instead.",
        ),
        (
            b'{"model":["m"],"messages":[]}',
            "model",
            "Invalid 'model': expected a string, but got an array instead.",
        ),
        (
            b'{"model":"m","messages":{}}',
            "messages",
            "Invalid 'messages': expected an array, but got an object instead.",
        ),
        (
            b'{"model":"m","messages":["Hi"]}',
            "messages[0]",
            "Invalid 'messages[0]': expected an object, but got a string instead.",
        ),
        (
            PLAIN[:-1] + b',"stream":"yes"}',
            "stream",
            "Invalid 'stream': expected a boolean or null, but got a string instead.",
        ),
        (
            PLAIN[:-1] + b',"stream_options":{"include_usage":1}}',
            "stream_options.include_usage",
            "Invalid 'stream_options.include_usage': expected a boolean or null, but got an integer instead.",
        ),
        (PLAIN[:-1] + b',"n":' + b"9" * 5000 + b"}", "n", "Invalid 'n': integer value out of range."),
        (b'{"model":"","messages":[{"role":"user"}]}', "model", "Invalid 'model': an empty string names no model."),
        (b'{"model":"m","messages":[]}', "messages", "Invalid 'messages': expected at least one message."),
        (b"[]", None, "Invalid body: expected an object, but got an array instead."),
        (b"", None, "The request has no body: expected a JSON object."),
        (b'{"model":', None, "The body of the request is not JSON: Input data was truncated."),
        (b'{"model":"\xff"}', None, "The JSON body of the request is not UTF-8."),
        (
            rb'{"model":"m","messages":[{"role":"user","content":"\\ud83d \ud83d\ude00"},{"content":"\ud83d"}]}',
            "messages[1].content",
            r"Invalid 'messages[1].content': \ud83d (byte 86) is half of a surrogate pair, which is no character.",
        ),
        (
            rb' {"model":"m","messages":[],"metadata":{"\uDE00":"\ud83d\ud83d"}}',
            "metadata",
            r"Invalid 'metadata': \uDE00 (byte 41) is half of a surrogate pair, which is no character.",
        ),
        (
            rb'{"x":"\ud83d","model":"' + b"x" * 65536 + rb'"}',
            None,
            r"The body of the request is not JSON: \ud83d (byte 6) is half of a surrogate pair, which is no character.",
        ),
        (
            rb'{"model":"gpt","x":"\ud83d',
            None,
            "The body of the request is not JSON: Input data was truncated.",
        ),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong_and_where(body: bytes, param: str | None, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request(body)
    assert (caught.value.param, caught.value.message) == (param, message)


@pytest.mark.parametrize(
    "deep", [b'{"x":' + b"[" * 200_000, PLAIN[:-1] + b',"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"]
)
def test_deep_nesting_is_a_400_and_no_crash(deep: bytes) -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        decode_request(deep)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        decode_request(body)


VALUES = st.sampled_from([None, True, 0, -1, 1.5, "", "x", [], [1], [{"role": "user"}], [{}], {}, {"role": 1}])
FIELDS = st.sampled_from(openai_chat.ChatRequest.__struct_fields__)


@given(st.dictionaries(FIELDS, VALUES))
def test_any_json_is_read_or_refused_with_the_name_of_a_field(document: dict[str, object]) -> None:
    refused = ""
    try:
        decode_request(json.dumps(document).encode())
    except InvalidRequest as refusal:
        refused = str(refusal.param)
    assert not refused or re.split(r"[.\[]", refused)[0] in openai_chat.ChatRequest.__struct_fields__


# What goes up.


def rewrite(body: bytes, *, model: str = "gpt-4o", include_usage: bool = False) -> bytes:
    return rewrite_request(body, decode_request(body), model=model, include_usage=include_usage)


def test_nothing_changes_where_nothing_has_to() -> None:
    odd = b' { "model" : "gpt-4o" , "messages" : [ { "role":"user" } ] , "temperature" : 1.50 } '
    assert rewrite(odd) is odd


def test_another_model_leaves_every_other_value_as_it_was_written() -> None:
    body = b'{"model":"alias","messages":[ {"role":"user","content":"\\u00e4 "} ],"seed":1.0e3,"new":{"b":1, "a":2}}'
    assert rewrite(body, model='a"b') == (
        b'{"model":"a\\"b","messages":[ {"role":"user","content":"\\u00e4 "} ],"seed":1.0e3,"new":{"b":1, "a":2}}'
    )


def test_usage_is_asked_for_where_the_client_did_not() -> None:
    assert rewrite(PLAIN, include_usage=True) == PLAIN[:-1] + b',"stream_options":{"include_usage":true}}'


def test_the_clients_other_stream_options_stay() -> None:
    body = PLAIN[:-1] + b',"stream_options":{"include_obfuscation":false,"include_usage":false},"x":1}'
    assert rewrite(body, include_usage=True) == (
        PLAIN[:-1] + b',"stream_options":{"include_obfuscation":false,"include_usage":true},"x":1}'
    )


def test_usage_is_not_asked_for_twice() -> None:
    body = PLAIN[:-1] + b',"stream_options":{ "include_usage":true }}'
    assert rewrite(body, include_usage=True) is body


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, where=lambda recording: recording.has_request))
def test_recorded_requests_go_up_as_they_were(recording: Recording) -> None:
    """As they came where nothing changes; with a prefixed model, member by member."""
    body = recording.request
    request = decode_request(body)
    assert rewrite_request(body, request, model=request.model, include_usage=False) is body
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    prefixed = msgspec.json.encode({**members, "model": f"openrouter/{request.model}"})
    restored = rewrite_request(prefixed, decode_request(prefixed), model=request.model, include_usage=True)
    document, original = json.loads(restored), json.loads(body)
    assert document.pop("stream_options")["include_usage"] is True
    original.pop("stream_options", None)
    assert document == original
    untouched = msgspec.json.decode(restored, type=dict[str, msgspec.Raw])
    assert all(bytes(untouched[name]) == bytes(members[name]) for name in members if name != "stream_options")


# What is reserved.


def estimate_tokens(body: bytes) -> int:
    request = decode_request(body)
    return prompt_weight.weigh(request, body).reserved + reserved_output(request)


def test_the_reservation_is_the_prompt_by_size_and_the_most_output() -> None:
    body = PLAIN[:-1] + b',"max_tokens":100,"n":3}'
    assert estimate_tokens(body) == len(body) // 4 + 300


def test_an_unlimited_answer_reserves_a_usual_one() -> None:
    assert estimate_tokens(PLAIN) == len(PLAIN) // 4 + prompt_weight.DEFAULT_OUTPUT_TOKENS


def test_a_picture_is_not_weighed_by_its_bytes() -> None:
    """Four megabytes of base64 are no million tokens, and must not be refused for it."""
    picture = b'{"type":"image_url","image_url":{"url":"data:image/png;base64,' + b"A" * 4_000_000 + b'"}}'
    body = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[' + picture + b"]}]}"
    assert estimate_tokens(body) == pytest.approx(prompt_weight.MEDIA_TOKENS, abs=50)


@pytest.mark.parametrize("limit", [b"-5", b"9" * 30])
def test_a_senseless_limit_reserves_something_sensible(limit: bytes) -> None:
    body = PLAIN[:-1] + b',"max_tokens":' + limit + b"}"
    assert 0 < estimate_tokens(body) < 20_000_000
