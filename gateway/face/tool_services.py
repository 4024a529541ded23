"""What tools are run with, for clients and for models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
