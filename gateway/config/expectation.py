"""What a setting may be, in words, from its type."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import inspect

_WORDS: tuple[tuple[type[inspect.Type], str], ...] = (
    (inspect.BoolType, "true or false"),
    (inspect.StructType, "a table"),
)
_HIGHEST_TO_TELL = 1_000_000_000
"""Bounds beyond this only keep nonsense out; nobody needs to read them."""


def expectation(kind: Any) -> str:
    """A type with its bounds as a person would say it: "a whole number from 0 to 65535"."""
    return _words(inspect.type_info(kind))


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            return str((schema or {}).get("description", "")) or _words(inner)
        case inspect.IntType():
            return "a whole number" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.StrType():
            return _text(kind)
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(json.dumps(value) for value in values)
        case inspect.VarTupleType(item_type=item):
            most = "" if kind.max_length is None else f" of at most {kind.max_length}"
            return f"a list{most}, each item {_words(item)}"
        case inspect.DictType(max_length=int(most)):
            return f"a table of at most {most}, each name {_words(kind.key_type)}"
        case inspect.DictType():
            return "a table"
        case inspect.UnionType(types=types):
            return " or ".join(_words(one) for one in types if not isinstance(one, inspect.NoneType))
    return next((words for known, words in _WORDS if isinstance(kind, known)), "another value")


def _text(kind: inspect.StrType) -> str:
    if kind.max_length is None:
        return "a text that is not empty" if kind.min_length else "a text"
    return f"a text of {f'{kind.min_length} to' if kind.min_length else 'at most'} {kind.max_length} characters"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    highest = kind.le if kind.le is not None and kind.le < _HIGHEST_TO_TELL else None
    if kind.gt is not None:
        return f" above {kind.gt}" + (f", at most {highest}" if highest is not None else "")
    if kind.ge is None:
        return ""
    return f" from {kind.ge}" + (f" to {highest}" if highest is not None else " up")


def convert(value: object, kind: Any, *, from_text: bool) -> Any:
    """`value` as `kind`; a text from outside TOML may stand for a number. Raises msgspec.ValidationError."""
    converted = msgspec.convert(value, kind, strict=not from_text)
    if isinstance(converted, float) and converted != converted:
        raise msgspec.ValidationError("not a number")
    return converted
