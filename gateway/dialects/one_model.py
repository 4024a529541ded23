"""A request that may ask one model alone: the one by whose name it is judged.

Providers have words of their own for further models: OpenRouter's `models`, Anthropic's `fallbacks`, a tool that
brings its `model`. And of a member that is written twice everybody may take another one. Both would lead around what a
client's key is kept to, and around the price that its budget goes by.
https://openrouter.ai/docs/guides/routing/model-fallbacks
https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.errors import ModelForbidden

_MODEL: Final = "model"
_LEADING_ELSEWHERE: Final = frozenset({"fallbacks", "preset", "route"})
_BRINGING_MODELS: Final = ("tools", "plugins")
_NULL: Final = msgspec.Raw(b"null")

_Members = dict[str, msgspec.Raw]
_members_of: Final = msgspec.json.Decoder(_Members).decode
_list_of: Final = msgspec.json.Decoder(list[_Members]).decode
_encode: Final = msgspec.json.Encoder().encode


def of_one_model(body: bytes) -> bytes:
    """The body with each of its members once, as it is read here; their values stay byte for byte.

    A body that cannot be read comes back as it is: its dialect says what is wrong with it. Raises ModelForbidden, whose
    `param` names the member that asks for another model.
    """
    try:
        members = _members_of(body)
    except (ValueError, RecursionError):
        return body
    for place in _further_models(members):
        raise ModelForbidden(
            f"This key may ask for one model by its name alone, and '{place}' names more.", param=place
        )
    return _encode(members)


def _further_models(members: _Members) -> Iterator[str]:
    for name, value in members.items():
        if (name in _LEADING_ELSEWHERE or (name != _MODEL and _speaks_of_models(name))) and value != _NULL:
            yield name
    for name in _BRINGING_MODELS:
        for number, item in enumerate(_items(members.get(name, _NULL))):
            yield from (f"{name}[{number}].{inner}" for inner in item if _speaks_of_models(inner))


def _speaks_of_models(name: str) -> bool:
    """In any case of its letters: not every provider tells those apart."""
    return _MODEL in name.lower()


def _items(value: msgspec.Raw) -> list[_Members]:
    try:
        return _list_of(value)
    except (ValueError, RecursionError):
        return []  # not a list of objects: who reads it will say so
