"""A value that fits a JSON schema, always the same one: the sandbox's tool arguments and structured output.

Covers what tool and output schemas use in practice. Where a schema asks for more (a pattern, a format, conditions
across fields), the value has the right type and no more is promised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

_DEEPEST: Final = 24
"""Where a schema that contains itself is cut off."""
_MOST_VALUES: Final = 1000
"""A few lines of schema can ask for more values than there are atoms."""
_SHALLOW: Final = 4
"""Down to here all that a schema offers is there, further down what it requires."""
_PLAIN: Final = frozenset({"string", "integer", "number", "boolean"})
_MOST_ITEMS: Final = 16
_MOST_CHARACTERS: Final = 1024
_LARGE: Final = 2**53
"""Up to here numbers are what they are in any JSON."""
_FORMATS: Final = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "lorem@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}


def example(schema: object) -> Any:
    """A value for `schema`; of what is no schema, null."""
    return _Examples(schema).of(schema, 0)


class _Examples:
    def __init__(self, root: object) -> None:
        self._root = root
        self._values_left = _MOST_VALUES

    def of(self, schema: object, depth: int) -> Any:
        self._values_left -= 1
        if not isinstance(schema, Mapping) or depth > _DEEPEST or self._values_left < 0:
            return None
        if "$ref" in schema:
            return self.of(self._resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return schema["enum"][0]
        for several in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(several), list) and schema[several]:
                return self.of(_one_of(schema, several, depth), depth + 1)
        return self._of_type(_type(schema), schema, depth)

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                wanted = min(_count(schema, "minItems", 1), _MOST_ITEMS)
                return [self.of(schema.get("items", {"type": "string"}), depth + 1) for _ in range(wanted)]
            case "string":
                return _string(schema)
            case "integer" | "number":
                return _number(schema, kind)
            case "boolean":
                return True
            case _:
                return None

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Every property near the top; further down only what is required, so that a tree ends."""
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return {}
        required = schema.get("required")
        names = properties if depth <= _SHALLOW else required if isinstance(required, list) else ()
        return {name: self.of(properties.get(name, {}), depth + 1) for name in names if isinstance(name, str)}

    def _resolve(self, reference: object) -> object:
        """A reference within the document (`#/$defs/Name`); anything else is nothing."""
        found = self._root
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


def _one_of(schema: Mapping[str, Any], several: str, depth: int) -> object:
    options = schema[several]
    if several == "allOf":
        merged = {key: value for key, value in schema.items() if key != several}
        for option in options:
            merged |= option if isinstance(option, Mapping) else {}
        return merged
    # What ends at once is preferred, and further down even null, or a tree of trees has no end.
    plain = _PLAIN | {"null"} if depth > _SHALLOW else _PLAIN
    return next(
        (option for option in options if isinstance(option, Mapping) and option.get("type") in plain), options[0]
    )


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _string(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(str(schema.get("format")), "lorem")
    text = text.ljust(min(_count(schema, "minLength", 0), _MOST_CHARACTERS), "m")
    return text[: _count(schema, "maxLength", len(text))]


def _number(schema: Mapping[str, Any], kind: str) -> float:
    """The smallest number that is allowed, or 1 where that is allowed too."""
    low = _bound(schema, "minimum", "exclusiveMinimum", -math.inf, 1)
    high = _bound(schema, "maximum", "exclusiveMaximum", math.inf, -1)
    value = min(max(1.0, low), high)
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and 0 < step < _LARGE and abs(value / step) < _LARGE:
        value = math.ceil(value / step) * step
    return int(value) if kind == "integer" else value


def _bound(schema: Mapping[str, Any], inclusive: str, exclusive: str, default: float, away: int) -> float:
    for name, offset in ((inclusive, 0), (exclusive, away)):
        bound = schema.get(name)
        if isinstance(bound, int | float) and not isinstance(bound, bool) and abs(bound) < _LARGE:
            return bound + offset
    return default


def _count(schema: Mapping[str, Any], name: str, default: int) -> int:
    value = schema.get(name)
    return value if isinstance(value, int) and value >= 0 else default
