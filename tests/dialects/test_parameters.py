"""Parameters of the configuration: added where the client leaves them out, by the name that its dialect has."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.config.settings import Parameters
from gateway.dialects.parameters import with_parameters
from gateway.errors import InvalidRequest

EVERY: dict[str, Any] = {
    "temperature": 0.2,
    "top_p": 0.9,
    "top_k": 40,
    "max_tokens": 2048,
    "frequency_penalty": 0.1,
    "presence_penalty": -0.1,
    "seed": 7,
    "stop": "END",
    "reasoning_effort": "low",
    "verbosity": "high",
    "parallel_tool_calls": False,
    "service_tier": "flex",
}


def added(dialect: str, body: bytes, **parameters: Any) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(with_parameters(dialect, body, parameters))
    return document


def test_every_parameter_of_the_configuration_has_a_place_in_a_chat_request() -> None:
    names = set(Parameters.__struct_fields__)
    assert names == {*EVERY, "max_completion_tokens"}
    assert added("openai_chat", b'{"model":"m","tools":[]}', **EVERY) == {"model": "m", "tools": [], **EVERY}
    assert added("openai_chat", b"{}", max_completion_tokens=5) == {"max_completion_tokens": 5}


def test_responses_and_messages_have_other_names_for_some_and_none_for_others() -> None:
    assert added("openai_responses", b'{"model":"m","tools":[]}', **EVERY) == {
        "model": "m",
        "tools": [],
        "temperature": 0.2,
        "top_p": 0.9,
        "max_output_tokens": 2048,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "high"},
        "parallel_tool_calls": False,
        "service_tier": "flex",
    }
    assert added("anthropic_messages", b'{"model":"m"}', **EVERY) == {
        "model": "m",
        "temperature": 0.2,
        "top_p": 0.9,
        "top_k": 40,
        "max_tokens": 2048,
        "stop_sequences": ["END"],
        "output_config": {"effort": "low"},
    }
    assert added("anthropic_messages", b"{}", stop=("a", "b"), max_completion_tokens=3) == {
        "stop_sequences": ["a", "b"],
        "max_tokens": 3,
    }


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_nothing_is_said_of_parallel_calls_where_there_are_no_tools(dialect: str) -> None:
    """OpenAI refuses it."""
    body = b'{"model": "m"}'
    assert with_parameters(dialect, body, {"parallel_tool_calls": False}) is body


def test_members_can_be_replaced_in_the_same_pass() -> None:
    changed = with_parameters("openai_chat", b'{"model":"alias","seed":1}', {"seed": 2}, {"model": msgspec.Raw(b'"m"')})
    assert changed == b'{"model":"m","seed":1}'


def test_embeddings_take_none() -> None:
    body = b'{ "model": "m" }'
    assert with_parameters("openai_embeddings", body, EVERY) is body


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", b'{"temperature": 1.0}'),
        ("openai_chat", b'{"temperature": null}'),
        ("openai_chat", b'{"t\\u0065mperature": 1}'),
        ("openai_responses", b'{"temperature": 1}'),
    ],
)
def test_what_the_client_says_stays_byte_for_byte(dialect: str, body: bytes) -> None:
    assert with_parameters(dialect, body, {"temperature": 0.2}) is body


@pytest.mark.parametrize("ours", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("theirs", ["max_tokens", "max_completion_tokens"])
def test_a_client_that_bounds_its_answer_by_either_name_has_bounded_it(ours: str, theirs: str) -> None:
    body = f'{{"{theirs}": 5}}'.encode()
    assert with_parameters("openai_chat", body, {ours: 100}) is body


def test_all_other_members_keep_their_values_byte_for_byte() -> None:
    body = b'{"model": "m", "x": [1.50, {"a" :"\\u00e9"}], "big": 123456789012345678901234567890}'
    changed = with_parameters("openai_chat", body, {"seed": 1})
    assert b'[1.50, {"a" :"\\u00e9"}]' in changed
    assert b"123456789012345678901234567890" in changed
    assert changed.endswith(b',"seed":1}')


@pytest.mark.parametrize(
    ("given", "result"),
    [
        (b'{"summary": "auto"}', {"summary": "auto", "effort": "low"}),
        (b'{"effort": "high"}', {"effort": "high"}),
        (b'{"effort": null}', {"effort": None}),
        (b"null", None),
        (b"3", 3),
    ],
)
def test_a_parameter_within_a_member_joins_what_is_there(given: bytes, result: Any) -> None:
    assert added("openai_responses", b'{"reasoning":' + given + b"}", reasoning_effort="low") == {"reasoning": result}


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b'{"a":', b"\xff", b'{"a":' * 10_000])
def test_a_body_that_is_no_object_is_told_to_the_client(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        with_parameters("openai_chat", body, {"seed": 1})


def test_without_parameters_nothing_is_even_looked_at() -> None:
    body = b"not JSON"
    assert with_parameters("openai_chat", body, {}) is body
