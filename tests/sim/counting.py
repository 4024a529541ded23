"""What virtual models say: they count, "0 1 2 3 end", so that a text alone tells what was lost, said twice or cut.

A model of another mind says letters instead; nothing of that may ever be mixed with numbers.
"""

from __future__ import annotations

LAST_WORD = "end"


def counted(words: int, *, other_mind: bool = False) -> str:
    """A whole answer."""
    return " ".join([*(f"x{number}" if other_mind else str(number) for number in range(words)), LAST_WORD])


def continued(begun: str, words: int) -> str:
    """What is still to be said by a model that is given `begun`, the beginning of a counted answer.

    It goes on in the same mind, and counts to `words` or one further than it has been brought.
    """
    *said, last = begun.split(" ")
    other_mind = begun.startswith("x")
    least = len(said) if last and LAST_WORD.startswith(last) else len(said) + 1
    text = counted(least if least == len(said) else max(words, least), other_mind=other_mind)
    assert text.startswith(begun), begun
    return text[len(begun) :]


def is_begun(text: str) -> bool:
    """Whether `text` is the beginning of a counted answer, or all of one: nothing missing, nothing twice."""
    for mark in ("", "x"):
        *words, last = text.split(" ")
        if words == [f"{mark}{number}" for number in range(len(words))] and (
            f"{mark}{len(words)}".startswith(last) or LAST_WORD.startswith(last)
        ):
            return True
    return False


def is_whole(text: str) -> bool:
    """Whether `text` is all of a counted answer."""
    return is_begun(text) and text.endswith(LAST_WORD)
