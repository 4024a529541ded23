"""Joining a second answer to the text of one that broke: for any text, any cut, any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.splice import Differs, Splice, word_end

TEXTS = st.text(st.sampled_from("ab \n'.-é日😀"), max_size=60) | st.text(max_size=60)


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    """`text` cut into pieces, empty ones among them."""
    places = sorted(cut % (len(text) + 1) for cut in cuts)
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@given(TEXTS, st.integers(0, 60), st.lists(st.integers(0, 60), max_size=8))
def test_a_text_that_goes_on_from_a_word_end_is_whole_again(text: str, cut: int, cuts: list[int]) -> None:
    """The model says what follows the prefix; the client gets each character once."""
    delivered = text[: cut % (len(text) + 1)]
    prefix = word_end(delivered)
    splice = Splice(delivered[len(prefix) :])

    new = "".join(splice.take(piece) for piece in pieces_of(text[len(prefix) :], cuts))

    assert delivered + new == text
    assert splice.joined


@given(TEXTS, st.integers(0, 60), st.lists(st.integers(0, 60), max_size=8))
def test_a_text_that_is_told_anew_is_whole_again(text: str, cut: int, cuts: list[int]) -> None:
    delivered = text[: cut % (len(text) + 1)]
    splice = Splice(delivered)

    new = "".join(splice.take(piece) for piece in pieces_of(text, cuts))

    assert delivered + new == text


@given(TEXTS, TEXTS, st.lists(st.integers(0, 60), max_size=8))
def test_another_text_never_adds_a_character(delivered: str, other: str, cuts: list[int]) -> None:
    """Whatever it says: either it has all that the client has, or nothing of it is passed on."""
    splice = Splice(delivered)
    new = ""
    try:
        for piece in pieces_of(other, cuts):
            new += splice.take(piece)
    except Differs:
        assert new == ""
        assert not other.startswith(delivered)
    else:
        assert new == "" or delivered + new == other or not delivered.strip()


@given(TEXTS)
def test_a_prefix_ends_with_a_word(text: str) -> None:
    """No white space behind it (Anthropic refuses that), and nothing of it is not the client's."""
    prefix = word_end(text)
    assert text.startswith(prefix)
    assert prefix == prefix.rstrip()


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("The quick bro", "The quick"),
        ("The quick ", "The quick"),
        ("The quick.\n\n", "The quick."),
        ("He said: don't", "He said:"),
        ("Done.", "Done."),
        ("Hello", ""),
        ("a " + "b" * 41, "a " + "b" * 41),
        ("", ""),
    ],
)
def test_a_word_that_may_go_on_is_taken_back(text: str, prefix: str) -> None:
    """But for one that is too long to be one."""
    assert word_end(text) == prefix


def test_white_space_alone_is_dropped_as_far_as_it_comes() -> None:
    """A model that begins without it, or with another, says no other words for that."""
    assert Splice(" ").take("next") == "next"
    assert Splice(" ").take("\n\nNext") == "\n\nNext"
    assert Splice("  ").take(" next") == "next"
    assert Splice(" ").joined


def test_until_all_has_come_again_it_is_not_joined() -> None:
    splice = Splice(" wor")
    assert splice.take(" w") == ""
    assert not splice.joined
    assert splice.take("orld") == "ld"
    assert splice.joined


def test_another_word_differs() -> None:
    with pytest.raises(Differs):
        Splice(" wor").take(" word"[:2] + "est")
