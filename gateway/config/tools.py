"""[tools]: how tools are run, and the operator's own, one table each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.config.addresses import BadAddress, normal_base_url
from gateway.config.mistakes import Path
from gateway.config.platform import OWN_TOOLS, HttpTool, Tools
from gateway.config.reader import STAND_IN, Reader
from gateway.config.secrets import HIDDEN

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What every provider takes as a function's name."""


def read_tools(reader: Reader, table: object) -> tuple[Tools, dict[str, HttpTool]]:
    """The settings, and the operator's tools."""
    given = reader.tables(table, ("tools",))
    tables = {name: value for name, value in given.items() if isinstance(value, dict)}
    settings = {name: value for name, value in given.items() if name not in tables}
    tools: dict[str, HttpTool] = {}
    for name, value in tables.items():
        path: Path = ("tools", name)
        if not _NAME.fullmatch(name):
            reader.note(path, "a name of at most 64 letters, digits, - and _", name)
        elif name in OWN_TOOLS:
            reader.note(path, "another name than a tool has that is always there", name)
        tools[name] = reader.struct(HttpTool, value, path)
        _check(reader, tools[name], path)
    return reader.struct(Tools, settings, ("tools",)), tools


def _check(reader: Reader, tool: HttpTool, path: Path) -> None:
    try:
        normal_base_url(tool.url, "")
    except BadAddress as bad:
        if tool.url != STAND_IN:
            reader.note((*path, "url"), str(bad), tool.url, shown=HIDDEN if "@" in tool.url else None)
    mistake = _schema_mistake(tool.schema)
    if mistake is not None:
        reader.note_once((*path, "schema"), f"a JSON Schema of an object ({mistake})", "another table")


def _schema_mistake(schema: dict[str, Any]) -> str | None:
    if schema.get("type") != "object":
        return 'its type is not "object"'
    from jsonschema import Draft202012Validator, SchemaError  # 60 ms, and only for those who have tools of their own

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as problem:
        return str(problem.message)
    return _loose_end(schema)


def _loose_end(schema: dict[str, Any]) -> str | None:
    """A schema stands for itself: nothing is fetched from anywhere."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return f"nothing in it is called {reference!r}"
    return None


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for keyword, value in schema.items():
            if keyword == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)
