"""Error objects, ours and theirs."""

from __future__ import annotations

import json

import pytest

from gateway.dialects.openai_errors import error_body, error_event, read_error, status_of
from gateway.errors import InvalidRequest, describe
from tests.shared_material import openai_schema


def test_our_error_object_has_the_four_members_of_openais() -> None:
    description = describe(InvalidRequest('no "model"', param="model"))
    expected = {
        "message": 'no "model"',
        "type": "invalid_request_error",
        "param": "model",
        "code": "invalid_request_error",
    }
    assert json.loads(error_body(description)) == {"error": expected}
    openai_schema("ErrorResponse").validate(json.loads(error_body(description)))
    assert error_event(description) == b"data: " + error_body(description) + b"\n\n"


@pytest.mark.parametrize(
    ("body", "message", "code", "status"),
    [
        ('{"error":{"message":"m","type":"invalid_request_error","code":null}}', "m", "", 400),
        (
            '{"error":{"message":"m","type":"rate_limit_error","code":"rate_limit_exceeded"}}',
            "m",
            "rate_limit_exceeded",
            429,
        ),
        ('{"error":{"message":"m","code":429}}', "m", "429", 429),
        ('{"error":{"message":"m","code":"503"}}', "m", "503", 503),
        ('{"error":{"message":"m","code":1000}}', "m", "1000", 502),
        ('{"error":{"message":"m","type":"server_error"}}', "m", "", 502),
        ('{"error":"plain text"}', "plain text", "", 502),
        ('{"error":{"message":["odd"],"code":true}}', "['odd']", "True", 502),
        ('{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}', "m", "400", 400),
        ('{"detail":"Not Found"}', "Not Found", "", 502),
        (
            '{"detail":[{"loc":["body","messages",0],"msg":"Field required"},{"loc":["body"],"msg":"odd"},{},5]}',
            "body.messages.0: Field required; body: odd",
            "",
            502,
        ),
    ],
)
def test_a_providers_error_is_understood(body: str, message: str, code: str, status: int) -> None:
    said = read_error(body.encode())
    assert said is not None
    assert (said.message, said.code, status_of(said)) == (message, code, status)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error":null}', b'{"detail":[{}]}', b"[" * 100_000])
def test_what_is_no_error_object_says_nothing(body: bytes) -> None:
    assert read_error(body) is None
