"""An enum's error names the words that may stand there, wherever in the request they would."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from gateway.admin.orders import LogLevels
from gateway.dialects.chat.request_shapes import Message
from gateway.dialects.choices import choices_at
from gateway.dialects.mistakes import unreadable


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Cat(msgspec.Struct, tag="cat", tag_field="kind"):
    colour: Colour


class Dog(msgspec.Struct, tag="dog", tag_field="kind"):
    size: Annotated[Literal["small", "large"] | None, msgspec.Meta(description="roughly")] = None


class House(msgspec.Struct):
    pets: list[Cat | Dog] = []
    by_name: dict[str, Dog] = {}
    doors: tuple[Literal[1, 2], ...] = msgspec.field(default=(), name="ways-in")


@pytest.mark.parametrize(
    ("house", "said"),
    [
        ({"pets": [{"kind": "cow"}]}, "Invalid 'pets[0].kind': expected cat or dog, but got 'cow' instead."),
        (
            {"pets": [{"kind": "cat", "colour": "red"}, {"kind": "cat", "colour": "green"}]},
            "Invalid 'pets[1].colour': expected red or blue, but got 'green' instead.",
        ),
        (
            {"by_name": {"rex": {"kind": "dog", "size": "odd"}}},
            "Invalid 'by_name[...].size': expected large or small, but got 'odd' instead.",
        ),
        ({"ways-in": [3]}, "Invalid 'ways-in[0]': expected 1 or 2, but got 3 instead."),
        ({"pets": 7}, "Invalid 'pets': expected an array, but got an integer instead."),
    ],
)
def test_a_mistake_says_what_may_stand_there(house: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"\$") as problem:
        msgspec.convert(house, House)
    assert unreadable(problem.value, House).message == said


def test_the_choices_are_those_of_the_types_that_really_read() -> None:
    assert choices_at(LogLevels, "level") == ["critical", "debug", "error", "info", "warning"]
    assert {"user", "assistant", "tool"} < set(choices_at(Message, "role"))
    assert choices_at(House, "pets") == choices_at(House, "nothing.like[0].it") == choices_at(None, "x") == []
