"""The tools that the gateway has: what each is called, what it takes (JSON Schema), and how it is run.

Arguments are checked against the schema before anything is asked; a mistake names the field. What a tool says is JSON.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import trio

from gateway.dialects.codec import finish_steps
from gateway.errors import InvalidRequest, ToolNotFound
from gateway.neighbour import Behalf
from gateway.orchestrator.argument_checks import MOST_VALUES, Check, Mistake, checker, count_values, told
from gateway.unhurried import unhurried

_MANY: Final = 256
"""Values that take more than a millisecond to check."""

Run = Callable[[dict[str, Any], Behalf], Awaitable[object]]
"""Takes checked arguments, gives what can be written as JSON. Raises Failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """Of its arguments: a JSON Schema (2020-12) of an object."""
    run: Run


def read_arguments(written: str) -> object:
    """Those of a call as a model writes them. Raises InvalidRequest."""
    try:
        return msgspec.json.decode(written)
    except (ValueError, RecursionError) as problem:
        raise InvalidRequest("Invalid 'arguments': not JSON.", param="arguments") from problem


class ToolBox:
    """All tools by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._checks: dict[str, Check] = {}
        self._long_checks = trio.Lock()
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
        mistake = await self._mistake(tool, arguments)
        if mistake is not None:
            raise told(mistake)
        return self._encode(await tool.run(arguments, behalf))

    async def _mistake(self, tool: Tool, arguments: dict[str, Any]) -> Mistake | None:
        """Raises InvalidRequest for more than can be checked."""
        count = count_values(arguments, MOST_VALUES)
        if count > MOST_VALUES:
            raise InvalidRequest(f"Invalid 'arguments': they hold more than {MOST_VALUES} values.", param="arguments")
        check = self._check_of(tool)
        try:
            if count <= _MANY:
                return finish_steps(check(arguments))
            async with self._long_checks:  # a model may make many such calls at once
                return await unhurried(check(arguments))
        except RecursionError as problem:  # a schema that refers to itself lets them go on for ever
            raise InvalidRequest("Invalid 'arguments': they are nested too deeply.", param="arguments") from problem

    def _check_of(self, tool: Tool) -> Check:
        check = self._checks.get(tool.name)
        if check is None:
            check = self._checks[tool.name] = checker(tool.schema)
        return check
