"""Embeddings asked for in parts, and told as one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.embeddings.batches import inputs_of, join, split
from gateway.dialects.embeddings.request import MOST_INPUTS, MOST_TOKENS, decode_request
from gateway.errors import InvalidRequest


def parts_of(given: Any, most: int, **members: Any) -> list[Any]:
    body = json.dumps({"model": "e", "input": given, **members}).encode()
    return [json.loads(part.body) for part in split(body, decode_request(body), most)]


def answer(*numbers: int, prompt: int) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": [number]} for index, number in enumerate(numbers)]
    return json.dumps(
        {"object": "list", "data": data, "model": "e-1", "usage": {"prompt_tokens": prompt, "total_tokens": prompt}}
    ).encode()


def test_each_part_has_its_inputs_and_all_else() -> None:
    assert parts_of(["a", "b", "c"], 2, dimensions=3, user="u", new={"x": 1.0}) == [
        {"model": "e", "input": ["a", "b"], "dimensions": 3, "user": "u", "new": {"x": 1.0}},
        {"model": "e", "input": ["c"], "dimensions": 3, "user": "u", "new": {"x": 1.0}},
    ]


@pytest.mark.parametrize(("given", "count"), [("a", 1), (["a"], 1), ([1, 2, 3], 1), ([[1], [2, 3]], 2)])
def test_the_tokens_of_one_text_are_one_input(given: Any, count: int) -> None:
    body = json.dumps({"model": "e", "input": given}).encode()
    assert inputs_of(decode_request(body)) == count


def test_answers_become_one_in_the_order_of_the_inputs() -> None:
    """Also where a provider tells the embeddings of one part in another order."""
    first = json.loads(answer(10, 11, prompt=5))
    first["data"].reverse()
    whole = json.loads(join([json.dumps(first).encode(), answer(12, prompt=2)]))
    assert [(each["index"], each["embedding"]) for each in whole["data"]] == [(0, [10]), (1, [11]), (2, [12])]
    assert whole["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert (whole["object"], whole["model"]) == ("list", "e-1")


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=60), st.integers(1, 20))
def test_nothing_is_lost_whatever_the_parts(numbers: list[int], most: int) -> None:
    texts = [str(number) for number in numbers]
    asked = [part["input"] for part in parts_of(texts, most)]
    assert [text for inputs in asked for text in inputs] == texts
    assert all(len(inputs) <= most for inputs in asked)
    whole = json.loads(join([answer(*map(int, inputs), prompt=len(inputs)) for inputs in asked]))
    assert [each["embedding"] for each in whole["data"]] == [[number] for number in numbers]
    assert whole["usage"]["prompt_tokens"] == len(numbers)


@pytest.mark.parametrize("nonsense", [b"{}", b"[]", b"no", b'{"data":[{"index":"first"}]}'])
def test_what_is_no_answer_is_said_to_be_none(nonsense: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        join([nonsense, answer(1, prompt=1)])


@pytest.mark.parametrize(
    "given",
    [["a"] * (MOST_INPUTS + 1), [7] * (MOST_TOKENS + 1), [[7] * (MOST_TOKENS // 2 + 1)] * 2],
    ids=["texts", "tokens", "tokens of several"],
)
def test_more_than_anybody_can_want_is_refused_before_it_costs_anything(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="at most") as refused:
        decode_request(json.dumps({"model": "e", "input": given}).encode())
    assert refused.value.param == "input"
