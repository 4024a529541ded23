"""Responses: the settings of a request that its answers repeat.

They are kept as JSON, so that an answer takes them in without looking; what was not asked for has OpenAI's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

Echo = dict[str, msgspec.Raw]

_encode = msgspec.json.Encoder().encode
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])

_NULL: Final = msgspec.Raw(b"null")
_DEFAULTS: Final[Mapping[str, msgspec.Raw]] = {
    "background": msgspec.Raw(b"false"),
    "instructions": msgspec.Raw(b"null"),
    "max_output_tokens": msgspec.Raw(b"null"),
    "max_tool_calls": msgspec.Raw(b"null"),
    "metadata": msgspec.Raw(b"{}"),
    "parallel_tool_calls": msgspec.Raw(b"true"),
    "previous_response_id": msgspec.Raw(b"null"),
    "prompt_cache_key": msgspec.Raw(b"null"),
    "reasoning": msgspec.Raw(b'{"effort":null,"summary":null}'),
    "safety_identifier": msgspec.Raw(b"null"),
    "store": msgspec.Raw(b"true"),
    "temperature": msgspec.Raw(b"1.0"),
    "text": msgspec.Raw(b'{"format":{"type":"text"}}'),
    "tool_choice": msgspec.Raw(b'"auto"'),
    "tools": msgspec.Raw(b"[]"),
    "top_logprobs": msgspec.Raw(b"0"),
    "top_p": msgspec.Raw(b"1.0"),
    "truncation": msgspec.Raw(b'"disabled"'),
}
_ALSO: Final = ("prompt_cache_retention", "user")
"""Repeated only where they were set."""


class _Kind(msgspec.Struct, gc=False):
    type: str


class _Function(msgspec.Struct):
    """A function as answers show it: the specification wants what requests may leave out."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_function = msgspec.json.Decoder(_Function).decode


def default_echo() -> Echo:
    """That of a request which asked for nothing."""
    return dict(_DEFAULTS)


def echo_of(members: Mapping[str, msgspec.Raw]) -> Echo:
    """That of a request whose own members these are. Raises msgspec.ValidationError for tools that are none."""
    echo = dict(_DEFAULTS)
    for name, raw in members.items():
        if (name in _DEFAULTS or name in _ALSO) and raw != _NULL:
            echo[name] = _shown_tools(raw) if name == "tools" else raw
    return echo


def _shown_tools(raw: msgspec.Raw) -> msgspec.Raw:
    """All others are shown as they are written: what their members may be is for their provider to say."""
    tools = _raw_list.decode(raw)
    shown = [_decode_function(tool) if _decode_kind(tool).type == "function" else tool for tool in tools]
    return msgspec.Raw(_encode(shown))
