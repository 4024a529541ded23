"""JSON schemas as structured outputs and strict tools want them."""

from __future__ import annotations

from typing import Any


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with every object closed to further properties, where it does not say so itself.

    The API asks for it (https://platform.claude.com/docs/en/build-with-claude/structured-outputs), and what follows
    the closed schema follows the open one too.
    """
    closed_schema: dict[str, Any] = {name: _closed_within(name, value) for name, value in schema.items()}
    kind = closed_schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        closed_schema.setdefault("additionalProperties", False)
    return closed_schema


_BY_NAME = frozenset({"properties", "$defs", "definitions"})
"""Members that hold schemas by names of the author's choice."""
_NO_SCHEMAS = frozenset({"enum", "const", "default", "examples", "required"})
"""Members that hold values, which may look like schemas."""


def _closed_within(name: str, value: Any) -> Any:
    if name in _NO_SCHEMAS:
        return value
    if isinstance(value, list):
        return [closed(each) if isinstance(each, dict) else each for each in value]
    if not isinstance(value, dict):
        return value
    if name in _BY_NAME:
        return {key: closed(each) if isinstance(each, dict) else each for key, each in value.items()}
    return closed(value)
