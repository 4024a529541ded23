"""The tools that the gateway has: what each is called, what it takes (JSON Schema), and how it is run.

Arguments are checked against the schema before anything is asked; a mistake names the field. What a tool says is JSON.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

import msgspec

from gateway.errors import InvalidRequest, ToolNotFound
from gateway.neighbour import Behalf

_MOST_SAID: Final = 300
"""Characters of what is wrong with arguments; they may quote them."""

Run = Callable[[dict[str, Any], Behalf], Awaitable[object]]
"""Takes checked arguments, gives what can be written as JSON. Raises Failure."""


class Mistake(Protocol):
    """What is needed of a jsonschema.ValidationError."""

    message: str
    validator: Any
    validator_value: Any
    instance: Any
    schema: Any

    @property
    def absolute_path(self) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """Of its arguments: a JSON Schema (2020-12) of an object."""
    run: Run


class ToolBox:
    """All tools by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._checks: dict[str, Callable[[object], Mistake | None]] = {}
        self._encode = msgspec.json.Encoder().encode

    def all(self) -> list[Tool]:
        """In the order in which they are told."""
        return list(self._tools.values())

    def of(self, name: str) -> Tool:
        """Raises ToolNotFound."""
        tool = self._tools.get(name)
        if tool is None:
            raise ToolNotFound(f"There is no tool '{name}' here: {', '.join(self._tools)}.", param="name")
        return tool

    async def run(self, name: str, arguments: object, behalf: Behalf) -> bytes:
        """What the tool says, as JSON. Raises ToolNotFound, InvalidRequest for arguments that do not fit, Failure."""
        tool = self.of(name)
        if not isinstance(arguments, dict):
            raise InvalidRequest("Invalid 'arguments': expected an object.", param="arguments")
        try:
            mistake = self._check(tool)(arguments)
        except RecursionError as problem:  # a schema that refers to itself lets them go on for ever
            raise InvalidRequest("Invalid 'arguments': they are nested too deeply.", param="arguments") from problem
        if mistake is not None:
            raise _told(mistake)
        return self._encode(await tool.run(arguments, behalf))

    def _check(self, tool: Tool) -> Callable[[object], Mistake | None]:
        check = self._checks.get(tool.name)
        if check is None:
            check = self._checks[tool.name] = _checker(tool.schema)
        return check


def _checker(schema: Mapping[str, Any]) -> Callable[[object], Mistake | None]:
    from jsonschema import Draft202012Validator  # 60 ms, and only for those who use tools
    from jsonschema.exceptions import best_match
    from referencing import Registry

    validator = Draft202012Validator(schema, registry=Registry())  # or it would fetch what a $ref names
    # The first is enough: looking for the best one would look at every item of a long list. Of several forms that it
    # might have had, the one that it is nearest to is told.
    return lambda arguments: best_match(islice(validator.iter_errors(arguments), 1))


def _is_known(name: str, schema: Mapping[str, Any]) -> bool:
    patterns = schema.get("patternProperties", ())
    return name in schema.get("properties", ()) or any(re.search(pattern, name) for pattern in patterns)


def _told(mistake: Mistake) -> InvalidRequest:
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
