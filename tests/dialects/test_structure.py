"""How many values a body holds is known before anybody decodes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.codec import finish_steps
from gateway.dialects.structure import MOST_VALUES, check_structure
from gateway.errors import InvalidRequest

TEXTS = st.text(st.sampled_from('ab,[{}]:"\\\n\u00e9'), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


def count(value: Any) -> int:
    """Objects, arrays and the commas between their members."""
    if isinstance(value, dict | list):
        members = list(value.values()) if isinstance(value, dict) else value
        return 1 + max(0, len(members) - 1) + sum(map(count, members))
    return 0


@given(VALUES, st.integers(2, 40), st.booleans())
def test_values_are_counted_outside_of_strings_wherever_the_body_is_cut(
    value: Any, piece_bytes: int, plain: bool
) -> None:
    """Exactly so many pass, and one less does not, whatever stands in texts, and with whatever split in two."""
    body = json.dumps(value, ensure_ascii=plain).encode()
    finish_steps(check_structure(body, count(value), piece_bytes=piece_bytes))
    if count(value):
        with pytest.raises(InvalidRequest, match="values"):
            finish_steps(check_structure(body, count(value) - 1, piece_bytes=piece_bytes))


@pytest.mark.parametrize("body", [b"", b"\\", b'"', b'"\\', b"\\" * 7, b"\xff" * 99])
def test_what_is_no_json_is_left_to_the_decoder(body: bytes) -> None:
    finish_steps(check_structure(body, piece_bytes=2))


def test_a_refusal_comes_before_the_whole_body_has_been_looked_at() -> None:
    """32 MiB of brackets cost no more than the first of them."""
    steps = check_structure(b"[" * (32 * 1024 * 1024))
    for _ in range(MOST_VALUES // (64 * 1024)):
        next(steps)
    with pytest.raises(InvalidRequest):
        next(steps)
