"""A foreign signature comes back as it was, and nothing else is ever taken for one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects.conversation import Maker
from gateway.dialects.stamps import read_stamp, read_whole_stamp, stamp


@given(st.text(), st.text(), st.none() | st.text(), st.booleans())
@example("a:b=c", "x:y", "=:%", True)
@example(Maker.GOOGLE, stamp(Maker.XAI, "twice"), None, False)
def test_what_is_stamped_is_read_back(maker: str, signature: str, name: str | None, summary: bool) -> None:
    text = stamp(maker, signature, id=name, summary=summary)
    assert read_stamp(text, Maker.ANTHROPIC) == (maker, signature)
    assert read_whole_stamp(text, Maker.ANTHROPIC) == (maker, signature, name, summary)


@given(st.text() | st.text().map("gw1:".__add__))
def test_a_signature_without_a_stamp_is_the_native_makers(text: str) -> None:
    assert read_stamp(text, Maker.OPENAI) == (Maker.OPENAI, text)


@pytest.mark.parametrize("position", range(len(stamp(Maker.GOOGLE, "CiQB", id="rs_1"))))
def test_a_stamp_that_was_tampered_with_is_none(position: int) -> None:
    """Any other character in any place: what the text says of its maker cannot be believed."""
    text = stamp(Maker.GOOGLE, "CiQB", id="rs_1")
    other = text[:position] + "~" + text[position + 1 :]
    assert read_stamp(other, Maker.ANTHROPIC) == (Maker.ANTHROPIC, other)


def test_an_unsigned_reasoning_has_a_stamp_too() -> None:
    """So that what DeepSeek thought is not sent to Anthropic as Anthropic's."""
    assert read_stamp(stamp(Maker.DEEPSEEK, ""), Maker.ANTHROPIC) == (Maker.DEEPSEEK, "")
