"""Parameters that the gateway's own configuration adds to a request, by the names of chat completions.

Where a client dialect has another name or place for one, it goes there; one that the dialect cannot say is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from gateway.dialects.mistakes import unreadable

_Place = tuple[str, ...]
"""A member of the body, or a member within one."""

_LENGTH_OF_CHAT: Final = (("max_tokens",), ("max_completion_tokens",))

_CHAT: Final[Mapping[str, _Place]] = MappingProxyType(
    {
        name: (name,)
        for name in (
            "temperature",
            "top_p",
            "top_k",
            "max_tokens",
            "max_completion_tokens",
            "frequency_penalty",
            "presence_penalty",
            "seed",
            "stop",
            "reasoning_effort",
            "verbosity",
            "parallel_tool_calls",
            "service_tier",
        )
    }
)
_RESPONSES: Final[Mapping[str, _Place]] = MappingProxyType(
    {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "max_tokens": ("max_output_tokens",),
        "max_completion_tokens": ("max_output_tokens",),
        "reasoning_effort": ("reasoning", "effort"),
        "verbosity": ("text", "verbosity"),
        "parallel_tool_calls": ("parallel_tool_calls",),
        "service_tier": ("service_tier",),
    }
)
_MESSAGES: Final[Mapping[str, _Place]] = MappingProxyType(
    {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "max_tokens": ("max_tokens",),
        "max_completion_tokens": ("max_tokens",),
        "stop": ("stop_sequences",),
        "reasoning_effort": ("output_config", "effort"),
    }
)
_PLACES: Final[Mapping[str, Mapping[str, _Place]]] = MappingProxyType(
    {"openai_chat": _CHAT, "openai_responses": _RESPONSES, "anthropic_messages": _MESSAGES}
)
_NONE: Final[Mapping[str, _Place]] = MappingProxyType({})
_NOTHING: Final[Mapping[str, msgspec.Raw]] = MappingProxyType({})

_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def with_parameters(
    dialect: str, body: bytes, parameters: Mapping[str, Any], replaced: Mapping[str, msgspec.Raw] = _NOTHING
) -> bytes:
    """The body of a client's request in `dialect` with `replaced` members and what it leaves out of `parameters`.

    A member that is there stays as it is, `null` included, and all others keep their values byte for byte. Raises
    InvalidRequest for a body that is no JSON object.
    """
    if not replaced and not _PLACES.get(dialect, _NONE).keys() & parameters.keys():
        return body
    try:
        members = _members_of(body)
        if not add_parameters(dialect, members, parameters) and not replaced:
            return body
        return _encode({**members, **replaced})
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem


def add_parameters(dialect: str, members: dict[str, msgspec.Raw], parameters: Mapping[str, Any]) -> bool:
    """Puts into a body's `members` what they leave out; whether there was anything.

    Raises ValueError, RecursionError for a member that cannot be read.
    """
    places = _PLACES.get(dialect, _NONE)
    changed = False
    for name, value in parameters.items():
        place = places.get(name)
        if place is not None:
            changed |= _add(members, place, value)
    return changed


def _add(members: dict[str, msgspec.Raw], place: _Place, value: Any) -> bool:
    """Whether there was nothing in this place yet."""
    first, *inner = place
    if inner:
        return _add_within(members, first, inner[0], value)
    if first in members or (place in _LENGTH_OF_CHAT and any(other in members for (other,) in _LENGTH_OF_CHAT)):
        return False
    if first == "parallel_tool_calls" and "tools" not in members:
        return False  # there is nothing to do at a time, and OpenAI refuses the word
    if first == "stop_sequences" and isinstance(value, str):
        value = [value]
    members[first] = msgspec.Raw(_encode(value))
    return True


def _add_within(members: dict[str, msgspec.Raw], outer: str, name: str, value: Any) -> bool:
    given: dict[str, msgspec.Raw] = {}
    if outer in members:
        if not bytes(members[outer]).startswith(b"{"):
            return False  # null, or what the endpoint will refuse
        given = _members_of(members[outer])
        if name in given:
            return False
    given[name] = msgspec.Raw(_encode(value))
    members[outer] = msgspec.Raw(_encode(given))
    return True
