"""Each idea that an API can express, in every client's words and every provider's: the cases beside this file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

from gateway.dialects.codec import finish_steps
from gateway.errors import InvalidRequest
from tests.dialects.anthropic import wire_types
from tests.dialects.gemini.google_types import GenerateContentRequest
from tests.dialects.golden.cases import CLIENTS, FRAME, PROVIDERS, Answer, Request, answers, requests

REQUESTS = [pytest.param(each, id=each.name) for each in requests()]
ANSWERS = [pytest.param(each, id=each.name) for each in answers()]


def sent(case: Request) -> dict[str, Any]:
    conversation = finish_steps(CLIENTS[case.client].decode(json.dumps(case.asked).encode(), case.target))
    body: dict[str, Any] = json.loads(finish_steps(PROVIDERS[case.target].encode(conversation, case.model)))
    return body


@pytest.mark.parametrize("case", [each for each in REQUESTS if each.values[0].sent is not None])
def test_what_a_client_asks_is_what_the_provider_is_sent(case: Request) -> None:
    body = sent(case)
    if case.target != "gemini":  # whose model stands in the path
        assert body.pop("model") == case.model
    assert body == case.sent


@pytest.mark.parametrize("case", [each for each in REQUESTS if each.values[0].refused is not None])
def test_what_cannot_be_said_is_refused_by_name(case: Request) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(case)
    assert caught.value.param == case.refused


@pytest.mark.parametrize("case", [each for each in REQUESTS if each.values[0].sent is not None])
def test_what_the_cases_expect_is_valid_by_the_official_types(case: Request) -> None:
    body = json.loads(json.dumps(case.sent))
    if case.target == "openai_chat":
        kind = completion_create_params.CompletionCreateParamsNonStreaming
        TypeAdapter(kind).validate_python({**body, "model": case.model, "stream": False})
    elif case.target == "openai_responses":
        kind = response_create_params.ResponseCreateParamsNonStreaming
        TypeAdapter(kind).validate_python({**body, "model": case.model, "stream": False})
    elif case.target == "anthropic_messages":
        assert wire_types.problems({**body, "model": case.model}) == []
    else:
        GenerateContentRequest.model_validate(body)


@pytest.mark.parametrize("case", ANSWERS)
def test_what_a_provider_says_is_what_the_client_hears(case: Answer) -> None:
    conversation = finish_steps(CLIENTS[case.client].decode(json.dumps(case.asked).encode(), case.target))
    reply = PROVIDERS[case.target].decode(json.dumps(case.said).encode())
    heard = json.loads(CLIENTS[case.client].encode(reply, conversation, FRAME))
    assert seen_as(case.heard, heard) == case.heard


def seen_as(expected: Any, actual: Any) -> Any:
    """What is there of what is expected: other members are left out, an absent one is null."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {name: seen_as(value, actual.get(name)) for name, value in expected.items()}
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [seen_as(one, other) for one, other in zip(expected, actual, strict=True)]
    return actual
