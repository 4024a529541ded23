"""A conversation in which the gateway runs tools: what every client dialect offers to whoever leads it.

The client asks for tools of the type `gateway`; models see functions. While a turn calls some of them the conversation
goes on without the client, which sees what is said and, at the end, the calls of its own functions. All of it is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec

from gateway.errors import InvalidRequest

_TYPE: Final = b'"gateway"'
DEFERRED: Final = (
    '{"deferred":"This function is run by the client, after the tools of the gateway. Call it again, if it is still '
    'wanted now that their results are known."}'
)
"""What a call of the client's own function is told that came beside one of the gateway's: every call needs a result."""


class Definition(NamedTuple):
    """A tool as models are told of it."""

    name: str
    description: str
    schema: Mapping[str, Any]


class WantedCall(NamedTuple):
    """A call that a model makes of one of the gateway's tools."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class ToolTurns(Protocol):
    """One such conversation. A turn's answer is either whole (`take`) or a stream (`feed`, `end_turn`)."""

    def body(self, *, last: bool) -> bytes:
        """The request of the next turn; in the last one no tool may be called, and none that is gets run."""
        ...

    def take(self, answer: bytes) -> list[WantedCall]:
        """Reads a whole answer; what it wants run, nothing where it is the final one. Raises ValueError."""
        ...

    def whole(self, answer: bytes) -> bytes:
        """The final answer as the client gets it. Raises ValueError."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Takes a piece of a stream, returns what the client may see of it now. Raises UpstreamBroken."""
        ...

    def end_turn(self) -> list[WantedCall]:
        """The turn's stream is over; as `take`."""
        ...

    def finish(self) -> bytes:
        """What is still to be said at the end of the final stream."""
        ...

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        """What became of the calls of this turn."""
        ...


class _GatewayTool(msgspec.Struct):
    type: Literal["gateway"]  # no tag: a struct of a tag is also read where there is none, as in Anthropic's own tools
    name: msgspec.Raw = msgspec.Raw(b"")


_decoder = msgspec.json.Decoder(_GatewayTool)
_name_decoder = msgspec.json.Decoder(str)


def gateway_tools(tools: Iterable[msgspec.Raw]) -> list[str]:
    """The names of those that the gateway is to run. Raises InvalidRequest for one without a name, or there twice."""
    names: list[str] = []
    for place, tool in enumerate(tools):
        name = gateway_tool(tool, field := f"tools[{place}]")
        if name in names:
            raise InvalidRequest(f"Invalid '{field}.name': '{name}' is there already.", param=f"{field}.name")
        if name is not None:
            names.append(name)
    return names


def gateway_tool(tool: msgspec.Raw, field: str = "tool_choice") -> str | None:
    """The name of a tool that the gateway is to run; None for any other.

    `field` is where in the request it stands. Raises InvalidRequest where it has no name.
    """
    if _TYPE not in bytes(tool):
        return None
    try:
        name = _decoder.decode(tool).name
    except (ValueError, RecursionError):
        return None
    try:
        return _name_decoder.decode(name)
    except ValueError:
        param = f"{field}.name"
        raise InvalidRequest(f"Invalid '{param}': expected the name of a tool of the gateway.", param=param) from None


def check_names(wanted: Iterable[str], others: Iterable[str]) -> None:
    """Raises InvalidRequest where a function of the client's has the name of a tool of the gateway's."""
    for name in set(wanted).intersection(others):
        raise InvalidRequest(f"Invalid 'tools': there are two of the name '{name}'.", param="tools")


def add_usage(total: dict[str, Any], usage: Mapping[str, Any] | None) -> None:
    """Adds one turn's usage to that of all turns, figure by figure."""
    for name, value in (usage or {}).items():
        if isinstance(value, Mapping):
            inner = total.setdefault(name, {})
            add_usage(inner if isinstance(inner, dict) else {}, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            before = total.get(name, 0)
            total[name] = (before if isinstance(before, int | float) else 0) + value
        else:
            total.setdefault(name, value)
