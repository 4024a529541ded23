"""Whatever bytes come from outside, each reader understands or refuses them; found inputs become fixed cases here."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sim.openings import OPENINGS

EXAMPLES = 25
PUT = st.one_of(st.binary(max_size=6), st.sampled_from([b"null", b"[]", b"{}", b"-1", b"\n\n", b"\xed\xa0"]))


@st.composite
def damaged(draw: st.DrawFn, examples: tuple[bytes, ...]) -> bytes:
    """What usually comes, with a few bytes lost, changed, or said again elsewhere."""
    data = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(0, 3))):
        place, lost = draw(st.integers(0, len(data))), draw(st.integers(0, 8))
        put = draw(PUT)
        data = data[:place] + put + data[place + lost :]
    return data


@pytest.mark.parametrize("name", OPENINGS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    read, examples = OPENINGS[name]
    read(data.draw(st.one_of(damaged(examples), damaged(examples), st.binary(max_size=200))))


@pytest.mark.parametrize("name", OPENINGS)
def test_what_usually_comes_is_read(name: str) -> None:
    read, examples = OPENINGS[name]
    for example in examples:
        read(example)
