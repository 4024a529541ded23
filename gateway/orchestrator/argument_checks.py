"""Arguments of tools against their JSON Schemas (2020-12), and how a mistake in them is told.

Nothing here can be interrupted: what is checked is bounded, and a list of plain texts or numbers looked at in one go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from gateway.errors import InvalidRequest

MOST_VALUES: Final = 4_096
"""Of one call's arguments: each takes 7 µs to check, all of them 30 ms."""
_MOST_SAID: Final = 300
"""Characters of what is wrong with arguments; they may quote them."""
_PLAIN: Final[Mapping[str, set[type]]] = {
    "string": {str},
    "integer": {int},
    "number": {int, float},
    "boolean": {bool},
}
"""What lists hold that are looked at in one go."""
_SAYS_NOTHING: Final = frozenset({"title", "description", "examples", "default", "$comment"})


class Mistake(Protocol):
    """What is needed of a jsonschema.ValidationError."""

    message: str
    validator: Any
    validator_value: Any
    instance: Any
    schema: Any

    @property
    def absolute_path(self) -> Sequence[Any]: ...


Check = Callable[[object], Mistake | None]


def checker(schema: Mapping[str, Any]) -> Check:
    """Finds the first mistake in arguments; of several forms that they might have had, in the nearest one."""
    from jsonschema import Draft202012Validator  # 60 ms, and only for those who use tools
    from jsonschema.exceptions import best_match
    from jsonschema.validators import extend
    from referencing import Registry

    every = Draft202012Validator.VALIDATORS["items"]

    def items(validator: Any, items: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not (isinstance(instance, list) and _fit_plainly(instance, items)):
            yield from every(validator, items, instance, schema)

    validator = extend(Draft202012Validator, {"items": items})(schema, registry=Registry())  # or a $ref is fetched
    # The first is enough: looking for the best one would look at every item of a long list.
    return lambda arguments: best_match(islice(validator.iter_errors(arguments), 1))


def count_values(arguments: object, most: int) -> int:
    """How many values they hold, themselves among them; `most` + 1 where that is more."""
    count, left = 1, [arguments]
    while left and count <= most:
        value = left.pop()
        if isinstance(value, dict):
            count += len(value)
            left += value.values()
        elif isinstance(value, list):
            count += len(value)
            left += value
    return min(count, most + 1)


def told(mistake: Mistake) -> InvalidRequest:
    """The 400 that names the field."""
    path = "arguments"
    for step in mistake.absolute_path:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    if mistake.validator == "required" and isinstance(mistake.instance, dict):
        missing = next((name for name in mistake.validator_value if name not in mistake.instance), "")
        path += f".{missing}"
        return InvalidRequest(f"Missing required parameter: '{path}'.", param=path)
    if mistake.validator == "additionalProperties" and isinstance(mistake.instance, dict):
        unknown = next(name for name in mistake.instance if not _is_known(name, mistake.schema))
        path += f".{unknown[:_MOST_SAID]}"
        return InvalidRequest(f"Unknown parameter: '{path}'.", param=path)
    return InvalidRequest(f"Invalid '{path}': {mistake.message[:_MOST_SAID]}.", param=path)


def _fit_plainly(values: list[Any], schema: Any) -> bool:
    """Whether it is plain to see that each of them fits; else one may, or may not."""
    if not isinstance(schema, Mapping) or not schema.keys() - _SAYS_NOTHING <= {"type", "minLength"}:
        return False
    kind = schema.get("type")
    if not isinstance(kind, str) or not set(map(type, values)) <= _PLAIN.get(kind, set()):
        return False
    return kind != "string" or min(map(len, values), default=0) >= schema.get("minLength", 0)


def _is_known(name: str, schema: Mapping[str, Any]) -> bool:
    patterns = schema.get("patternProperties", ())
    return name in schema.get("properties", ()) or any(re.search(pattern, name) for pattern in patterns)
