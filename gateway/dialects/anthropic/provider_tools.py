"""Functions, the provider's own tools, and which of them shall be called.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools; the provider's own:
.../tool-use/web-search-tool, .../tool-use/code-execution-tool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gateway.dialects.anthropic.provider_models import Abilities
from gateway.dialects.anthropic.provider_refusals import SERVICE, refused
from gateway.dialects.anthropic.provider_schemas import closed
from gateway.dialects.anthropic.provider_wire import ToolChoice, ToolDefinition
from gateway.dialects.conversation import Conversation, NativeTool, Tool
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES
from gateway.errors import InvalidRequest

WireTool = ToolDefinition | dict[str, Any]

_MODES: Final = {"auto": "auto", "none": "none", "required": "any", "tool": "tool"}
_SEARCH_SETTINGS: Final = frozenset(
    {"type", "filters", "user_location", "search_context_size", "search_content_types", "external_web_access"}
)
"""Those that are translated, and those that do not change what is searched."""


class Toolbox(NamedTuple):
    tools: list[WireTool]
    choice: ToolChoice | None
    forced: bool
    """A function must be called."""


def toolbox(request: Conversation, can: Abilities, called: Sequence[str]) -> Toolbox:
    """What the model is given; `called` are the functions that the conversation shows at work.

    The API wants tools defined where calls stand in the messages. Where the client has taken them away, their names
    are, and none may be called. Raises InvalidRequest for what cannot be had.
    """
    choice = request.tool_choice
    allowed = None if choice is None or choice.allowed is None else set(choice.allowed)
    tools: list[WireTool] = [_definition(tool) for tool in request.tools if allowed is None or tool.name in allowed]
    tools += [_native(tool) for tool in request.native_tools]
    forced = choice is not None and choice.forces
    if forced and not can.forces_tools:
        raise refused(request, "tool_choice", "this model cannot be made to call a function; 'auto' lets it.")
    if not tools:
        if forced:
            raise refused(request, "tool_choice", "there are no tools to choose from.")
        return _put_away(called)
    return Toolbox(tools, _choice(request), forced)


def _put_away(called: Sequence[str]) -> Toolbox:
    """For a conversation that has no tools, or no longer has them."""
    names: list[WireTool] = [ToolDefinition(name, {"type": "object"}) for name in called]
    return Toolbox(names, ToolChoice("none") if names else None, forced=False)


def _definition(tool: Tool) -> ToolDefinition:
    schema = {"type": "object", **(tool.parameters or {"properties": {}})}
    strict = True if tool.strict else None
    return ToolDefinition(tool.name, closed(schema) if strict else schema, tool.description, strict, tool.cache_control)


def _choice(request: Conversation) -> ToolChoice | None:
    one_by_one = True if request.parallel_tool_calls is False else None
    choice = request.tool_choice
    if choice is None:
        return None if one_by_one is None else ToolChoice("auto", None, one_by_one)
    if choice.mode == "none":
        return ToolChoice("none")
    return ToolChoice(_MODES[choice.mode], choice.name, one_by_one)


# The provider's own tools, where another dialect has a word for them.


def _native(tool: NativeTool) -> dict[str, Any]:
    if tool.dialect == ANTHROPIC_MESSAGES:
        return tool.value
    translate = _TRANSLATIONS.get(tool.type)
    translated = None if translate is None else translate(tool)
    if translated is None:
        raise _unheard_of(tool.field, f"it has no '{tool.type}' like this.")
    return translated


def _unheard_of(field: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"'{field}' cannot be had from a model behind {SERVICE}: {why}", param=field)


def _web_search(tool: NativeTool) -> dict[str, Any] | None:
    """How much context a search may bring is the provider's own choice; where it may search is the client's."""
    value = tool.value
    search: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
    for name, setting in value.items():
        if setting not in (None, [], {}) and name not in _SEARCH_SETTINGS:
            raise _unheard_of(f"{tool.field}.{name}", "its web search has no such setting.")
    filters = value.get("filters") or {}
    if not isinstance(filters, dict) or filters.keys() - {"allowed_domains"}:
        raise _unheard_of(f"{tool.field}.filters", "its web search is given the domains that are allowed, or none.")
    if filters.get("allowed_domains"):
        search["allowed_domains"] = filters["allowed_domains"]
    where = value.get("user_location")
    if where is not None:
        # Chat completions put the place into a member of its own, Responses do not.
        place = where.get("approximate", where) if isinstance(where, dict) else None
        if not isinstance(place, dict):
            return None
        search["user_location"] = {
            "type": "approximate",
            **{name: place[name] for name in ("city", "region", "country", "timezone") if place.get(name)},
        }
    return search


def _code_execution(tool: NativeTool) -> dict[str, Any] | None:
    """A container of the provider's own choice, and no files: those of another provider are not to be had."""
    container = tool.value.get("container")
    if not isinstance(container, dict) or container.get("type") != "auto" or container.get("file_ids"):
        return None
    return {"type": "code_execution_20250825", "name": "code_execution"}


_TRANSLATIONS: Final[Mapping[str, Callable[[NativeTool], dict[str, Any] | None]]] = {
    "web_search": _web_search,
    "web_search_2025_08_26": _web_search,
    "web_search_preview": _web_search,
    "web_search_preview_2025_03_11": _web_search,
    "code_interpreter": _code_execution,
}
