"""A function call's arguments that come in pieces, each with the JSON path where it belongs.

https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling (streaming function call arguments).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

import msgspec

from gateway.dialects.gemini.wire import PartialArgument
from gateway.errors import UpstreamBroken

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_MOST_ITEMS: Final = 100_000
_MOST_STEPS: Final = 100

_Step = str | int


class PartialArguments:
    """Arguments as far as they have come."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, piece: PartialArgument) -> None:
        """Raises UpstreamBroken for a piece that has no place."""
        steps = _steps(piece.json_path)
        place: Any = self._root
        for step, following in pairwise(steps):
            place = _descend(place, step, [] if isinstance(following, int) else {})
        last = steps[-1]
        before = _descend(place, last, None)
        value = _value(piece)
        if isinstance(before, str) and isinstance(value, str):
            value = before + value
        place[last] = value

    def json(self) -> str:
        """The arguments as JSON text."""
        return msgspec.json.encode(self._root).decode()


def _steps(path: str) -> list[_Step]:
    """`$.recipe.steps[0]` as "recipe", "steps", 0."""
    steps: list[_Step] = []
    position = 1
    while position < len(path) and len(steps) < _MOST_STEPS:
        found = _STEP.match(path, position)
        if found is None:
            break
        name, index, single, double = found.groups()
        steps.append(int(index) if index is not None else name or single or double or "")
        position = found.end()
    if not steps or not path.startswith("$") or position < len(path):
        raise UpstreamBroken(f"Gemini sent an argument for a place that is none: {path!r}.")
    return steps


def _descend(place: Any, step: _Step, empty: Any) -> Any:
    """What stands at `step` of `place`; `empty` is put there where nothing does."""
    if isinstance(step, int) and isinstance(place, list) and step < _MOST_ITEMS:
        while len(place) <= step:
            place.append(None)
        if place[step] is None:
            place[step] = empty
        return place[step]
    if isinstance(step, str) and isinstance(place, dict):
        return place.setdefault(step, empty)
    raise UpstreamBroken("Gemini sent arguments that contradict each other.")


def _value(piece: PartialArgument) -> Any:
    """The piece's value; null where it has none, which Gemini writes as `nullValue`."""
    if piece.string_value is not None:
        return piece.string_value
    if piece.bool_value is not None:
        return piece.bool_value
    number = piece.number_value
    return int(number) if number is not None and number.is_integer() else number
