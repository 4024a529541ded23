"""The sandbox's embeddings: the same for the same input, and of length 1."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from gateway.dialects.embeddings.request import EmbeddingsRequest, decode_request
from gateway.errors import InvalidRequest, ModelNotFound
from gateway.providers.sandbox_embeddings import DEFAULT_DIMENSIONS, MOST_DIMENSIONS, MOST_INPUTS, embed, read_task


def asked(given: Any, **more: Any) -> EmbeddingsRequest:
    return decode_request(msgspec.json.encode({"model": "sandbox/embedding", "input": given, **more}))


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("dimensions", [1, 3, DEFAULT_DIMENSIONS, MOST_DIMENSIONS])
def test_an_embedding_has_length_one_and_as_many_dimensions_as_asked(dimensions: int) -> None:
    vector = embed("Salve", dimensions)
    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1)


def test_the_same_input_is_always_embedded_the_same() -> None:
    assert embed("Salve", 8) == embed("Salve", 8)
    assert embed([1, 2], 8) == embed([1, 2], 8)


@pytest.mark.parametrize("other", ["salve", "Salve ", "", [1, 2]])
def test_other_inputs_point_elsewhere(other: Any) -> None:
    assert abs(likeness(embed("Salve", 256), embed(other, 256))) < 0.4


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
    ],
)
def test_text_and_tokens_come_alone_or_in_a_list(given: Any, inputs: list[Any]) -> None:
    task = read_task("embedding", asked(given))
    assert (task.inputs, task.dimensions) == (inputs, DEFAULT_DIMENSIONS)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asked("a", dimensions=MOST_DIMENSIONS + 1), "dimensions"),
        (asked(["a"] * (MOST_INPUTS + 1)), "input"),
    ],
)
def test_what_is_too_much_is_named(request_: EmbeddingsRequest, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_task("embedding", request_)
    assert refused.value.param == param


def test_only_one_model_makes_embeddings() -> None:
    with pytest.raises(InvalidRequest, match="sandbox/embedding"):
        read_task("echo", asked("a"))
    with pytest.raises(ModelNotFound):
        read_task("other", asked("a"))
