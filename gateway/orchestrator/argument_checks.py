"""Arguments of tools against their JSON Schemas (2020-12), and how a mistake in them is told.

What is checked is bounded, and looked at a few keywords at a time, with turns for others in between; a list of plain
texts or numbers in one go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from gateway.dialects.codec import Steps
from gateway.errors import InvalidRequest
from gateway.unhurried import PIECES_A_TURN

MOST_VALUES: Final = 4_096
"""Of one call's arguments: each takes 7 µs to check, all of them 30 ms."""
_KEYWORDS_A_STEP: Final = 64
_VERDICTS: Final = ("anyOf", "oneOf", "not", "if", "contains", "unevaluatedItems", "unevaluatedProperties")
"""Keywords that have to know what comes of a schema before they go on: within them nothing pauses."""
_PAUSE: Final = object()
"""The keyword of what is no mistake: it comes up through all that is under way, so that others get their turn."""
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


Check = Callable[[object], Steps[Mistake | None]]
Keyword = Callable[[Any, Any, Any, Any], Iterable[Any] | None]
"""As jsonschema calls one: (validator, the keyword's value, instance, schema) to what is wrong."""


def checker(schema: Mapping[str, Any]) -> Check:
    """Finds the first mistake in arguments; of several forms that they might have had, in the nearest one."""
    from jsonschema import Draft202012Validator  # 60 ms, and only for those who use tools
    from jsonschema.exceptions import ValidationError, best_match
    from jsonschema.validators import extend
    from referencing import Registry

    keywords: dict[str, Keyword] = dict(Draft202012Validator.VALIDATORS)
    keywords["items"] = _items(keywords["items"])
    keywords["uniqueItems"] = _unique(ValidationError)
    paced = _paced(keywords, lambda: ValidationError("", validator=_PAUSE))
    validator = extend(Draft202012Validator, paced)(schema, registry=Registry())  # or a $ref is fetched

    def check(arguments: object) -> Steps[Mistake | None]:
        for mistake in validator.iter_errors(arguments):
            if mistake.validator is not _PAUSE:
                # The first is enough: looking for the best one would look at every item of a long list.
                nearest: Mistake | None = best_match([mistake])
                return nearest
            yield PIECES_A_TURN
        return None

    return check


def _paced(keywords: Mapping[str, Keyword], pause: Callable[[], Any]) -> dict[str, Keyword]:
    """The same, with a pause now and then where it can be handed up."""
    seen = within = 0

    def pausing(keyword: Keyword) -> Keyword:
        def look(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            nonlocal seen
            seen += 1
            if seen >= _KEYWORDS_A_STEP and not within:
                seen = 0
                yield pause()
            yield from keyword(validator, value, instance, schema) or ()

        return look

    def judging(keyword: Keyword) -> Keyword:
        def judge(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            nonlocal within
            within += 1
            try:
                found = [*islice(keyword(validator, value, instance, schema) or (), 1)]
            finally:
                within -= 1
            yield from found

        return judge

    return {name: (judging if name in _VERDICTS else pausing)(keyword) for name, keyword in keywords.items()}


def _items(every: Keyword) -> Keyword:
    def items(validator: Any, items: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not (isinstance(instance, list) and _fit_plainly(instance, items)):
            yield from every(validator, items, instance, schema) or ()

    return items


def _unique(mistake: Callable[[str], Any]) -> Keyword:
    """jsonschema compares each object with each other one: a second for a thousand of them."""

    def unique(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        if wanted and isinstance(instance, list) and len(set(map(_comparable, instance))) < len(instance):
            yield mistake(f"{instance!r} has non-unique elements")

    return unique


def _comparable(value: Any) -> Any:
    """Equal for what JSON Schema takes to be equal: 1 and 1.0, but not 1 and true."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list):
        return list, tuple(map(_comparable, value))
    if isinstance(value, dict):
        return dict, frozenset((name, _comparable(one)) for name, one in value.items())
    return value


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
