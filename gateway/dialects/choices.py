"""The words that one place of a JSON document may hold, read off the type that reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import inspect

_STEP: Final = re.compile(r"\.?(?P<name>[^.\[\]]+)|\[[^\]]*\]")
"""A member by its name; or any item of an array, or value of a map."""


def choices_at(shape: Any, path: str) -> list[Any]:
    """What an enum or a tag may be at `path` (msgspec's, like `messages[0].role`); empty where none stands there."""
    steps = [match["name"] for match in _STEP.finditer(path)]
    return list(dict.fromkeys(_choices(inspect.type_info(shape), steps)))


def _choices(kind: inspect.Type, steps: Sequence[str | None]) -> Iterator[Any]:
    match kind:
        case inspect.Metadata(type=inner):
            yield from _choices(inner, steps)
        case inspect.UnionType(types=kinds):
            for one in kinds:
                yield from _choices(one, steps)
        case inspect.LiteralType(values=values) if not steps:
            yield from values
        case inspect.EnumType(cls=cls) if not steps:
            yield from (member.value for member in cls)
        case (
            inspect.ListType(item_type=inner)
            | inspect.VarTupleType(item_type=inner)
            | inspect.DictType(value_type=inner)
        ) if steps and steps[0] is None:
            yield from _choices(inner, steps[1:])
        case inspect.StructType(tag_field=tag_field, tag=tag) if steps == [tag_field] and tag is not None:
            yield tag
        case inspect.StructType(fields=fields) if steps:
            for field in fields:
                if field.encode_name == steps[0]:
                    yield from _choices(field.type, steps[1:])
