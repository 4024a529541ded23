"""What tools are run with, for clients and for models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.dialects.tool_turns import Definition
from gateway.errors import InvalidRequest, ToolNotFound
from gateway.neighbour import ToolRan
from gateway.orchestrator.tools import ToolBox


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServices:
    """The tools, and how they are run."""

    tools: ToolBox
    on_ran: Callable[[ToolRan], None]
    """Told of every run; must not raise."""
    max_turns: int = 5
    """How often a model is asked at most; the last time it may call nothing."""
    max_result_bytes: int = 65_536
    """What a model is given of a tool's result; a longer one is an error."""

    def definitions(self, names: Sequence[str]) -> Mapping[str, Definition]:
        """The tools that a request asks for. Raises InvalidRequest for one that is not there."""
        try:
            found = [self.tools.of(name) for name in names]
        except ToolNotFound as missing:
            raise InvalidRequest(missing.message, param="tools") from missing
        return {tool.name: Definition(tool.name, tool.description, tool.schema) for tool in found}
