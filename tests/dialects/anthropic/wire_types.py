"""Whether a body is what the official client's types allow: no member missing, none that they do not know."""

from __future__ import annotations

import collections.abc
import types
import typing
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import typing_extensions
from anthropic.types import message_create_params

_LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)
_NO_LONGER_TYPED = {"temperature": float, "top_p": float, "top_k": int}
"""Members that the client's types have dropped, for the newest models refuse them; older ones still take them."""


def problems(body: Any) -> list[str]:
    """What is wrong with a request to create a message."""
    known = dict(body)
    dropped = [(name, known.pop(name)) for name in _NO_LONGER_TYPED if name in known]
    found = list(_problems(known, message_create_params.MessageCreateParams, "request"))
    return found + [each for name, value in dropped for each in _problems(value, _NO_LONGER_TYPED[name], name)]


def _problems(value: Any, hint: Any, where: str) -> collections.abc.Iterator[str]:
    origin, args = get_origin(hint), get_args(hint)
    if hint in (Any, object):
        return
    if origin in (typing_extensions.Required, typing_extensions.NotRequired, typing.Annotated):
        yield from _problems(value, args[0], where)
    elif origin in (typing.Union, types.UnionType):
        found = [list(_problems(value, each, where)) for each in args]
        if all(found):
            yield from min(found, key=lambda each: ("wrong kind" in " ".join(each), len(each)))
    elif origin is typing.Literal:
        if value not in args:
            yield f"{where}: wrong kind {value!r}, not one of {args}"
    elif typing_extensions.is_typeddict(hint):
        yield from _dict_problems(value, hint, where)
    elif origin in _LISTS:
        if not isinstance(value, list):
            yield f"{where}: wrong kind {value!r}, not a list"
            return
        for index, each in enumerate(value):
            yield from _problems(each, args[0], f"{where}[{index}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{where}: wrong kind {value!r}, not an object"
    elif isinstance(hint, type):
        wanted = (int, float) if hint is float else hint
        if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
            yield f"{where}: wrong kind {value!r}, not {hint}"
    else:
        yield f"{where}: wrong kind {value!r}, not {hint}, which no JSON is"


def _dict_problems(value: Any, hint: Any, where: str) -> collections.abc.Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: wrong kind {value!r}, not an object"
        return
    members = _members(hint)
    for name, each in value.items():
        if name not in members:
            yield f"{where}.{name}: not known to {hint.__name__}"
        else:
            yield from _problems(each, members[name], f"{where}.{name}")
    for name, member in members.items():
        if get_origin(member) is typing_extensions.Required and name not in value:
            yield f"{where}.{name}: missing"


@cache
def _members(hint: Any) -> dict[str, Any]:
    return get_type_hints(hint, include_extras=True)
