"""What msgspec says about a body it could not read, as the error an OpenAI client expects.

msgspec reports a path (`$.messages[0]`) and types only inside its message, so this is the one place that reads texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.dialects.choices import choices_at
from gateway.dialects.half_pairs import HalfPair, half_pair_in
from gateway.errors import InvalidRequest

_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]+)`")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<field>[^`]+)`")
_NO_CHOICE = re.compile(r"^Invalid (?:enum )?value (?P<got>.+)$")
_WRONG_TYPE = re.compile(r"^Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`")
_TYPE_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def unreadable(
    problem: ValueError | RecursionError, shape: Any = None, place: str = "", body: bytes | None = None
) -> InvalidRequest:
    """The 400 for what a JSON decoder raised; `param` names the field where there is one.

    `shape` is the type that was to be read, which says what words an enum has; `place` is where in the request that
    stands, for what was read apart. Of a whole `body` more is known than the decoder says.
    """
    if isinstance(problem, RecursionError):
        return InvalidRequest("The JSON body of the request is nested too deeply.")
    if isinstance(problem, UnicodeDecodeError):
        return InvalidRequest("The JSON body of the request is not UTF-8.")
    text = str(problem)
    if not isinstance(problem, msgspec.ValidationError):
        if body == b"":
            return InvalidRequest("The request has no body: expected a JSON object.")
        if body is not None and (half := half_pair_in(body)) is not None:
            return _half_of_a_pair(half)
        return InvalidRequest(f"The body of the request is not JSON: {text}.")
    path, what = _split_path(text)
    where = f"{place}.{path}".strip(".").replace(".[", "[")
    if missing := _MISSING.match(what):
        param = f"{where}.{missing['field']}" if where else missing["field"]
        return InvalidRequest(f"Missing required parameter: '{param}'.", param=param)
    if unknown := _UNKNOWN.match(what):
        param = f"{where}.{unknown['field']}" if where else unknown["field"]
        return InvalidRequest(f"Unknown parameter: '{param}'.", param=param)
    if wrong := _WRONG_TYPE.match(what):
        what = f"expected {_name(wrong['expected'])}, but got {_name(wrong['got'])} instead"
    elif (choice := _NO_CHOICE.match(what)) and (choices := choices_at(shape, path)):
        what = f"expected {_one_of(choices)}, but got {choice['got']} instead"
    else:
        what = what[:1].lower() + what[1:]
    if not where:
        return InvalidRequest(f"Invalid body: {what}.")
    return InvalidRequest(f"Invalid '{where}': {what}.", param=where)


def _half_of_a_pair(half: HalfPair) -> InvalidRequest:
    what = f"{half.escape} (byte {half.byte}) is half of a surrogate pair, which is no character"
    if not half.field:
        return InvalidRequest(f"The body of the request is not JSON: {what}.")
    return InvalidRequest(f"Invalid '{half.field}': {what}.", param=half.field)


def _split_path(text: str) -> tuple[str, str]:
    where = _PATH.search(text)
    if where is None:
        return "", text
    return where["path"].removeprefix("."), text[: where.start()]


def _name(types: str) -> str:
    return " or ".join(_TYPE_NAMES.get(name, name) for name in types.split(" | "))


def _one_of(choices: Sequence[Any]) -> str:
    *most, last = map(str, choices)
    return f"{', '.join(most)} or {last}" if most else last
