"""Responses: functions in a namespace, which no other dialect knows: there `find` of `crm` is `crm__find`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.dialects.conversation import Tool

_LONGEST: Final = 64
"""So long a function's name may be; OpenAI's chat has the tightest bound of all."""
_MARK: Final = 8
"""Hexadecimal digits that stand for the end of a name that is cut."""


def one_name(namespace: str | None, name: str) -> str:
    """The name by which another dialect knows the function; always the same, as later turns have to name it again."""
    if namespace is None:
        return name
    whole = f"{namespace}__{name}"
    if len(whole) <= _LONGEST:
        return whole
    return whole[: _LONGEST - _MARK] + hashlib.sha256(whole.encode()).hexdigest()[:_MARK]


def in_one_name(namespace: str, description: str | None, function: Tool) -> Tool:
    """The function as another dialect knows it; what is said of its namespace stands before what is said of itself."""
    said = "\n\n".join(each for each in (description, function.description) if each)
    return msgspec.structs.replace(
        function, name=one_name(namespace, function.name), description=said or function.description
    )


def as_called(name: str, namespaced: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """What a call of the function that a provider knows by `name` says of it to the client."""
    if name not in namespaced:
        return {"name": name}
    namespace, own = namespaced[name]
    return {"name": own, "namespace": namespace}
