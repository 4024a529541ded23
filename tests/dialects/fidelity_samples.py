"""What a sample is: a request that has a property, and the same one without it; those of embeddings, which are few."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gateway.dialects.conversation import Maker
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES

Body = dict[str, Any]


class Sample(NamedTuple):
    members: Body
    """What asks for it, laid over a short question."""
    beside: Mapping[str, Any] = MappingProxyType({})
    """What both requests have: what the property needs to make sense, or what it stands in."""
    field: str | None = None
    """The field that a refusal names, where it is not the row's own."""
    models: Mapping[str, str] = MappingProxyType({})
    """By target, where not every model can do it."""


def only(name: str, value: Any, **beside: Any) -> Sample:
    """A property of the request itself."""
    return Sample({name: value}, beside)


HI: Final[Body] = {"role": "user", "content": "hi"}
SCHEMA: Final[Body] = {"type": "object", "properties": {}, "additionalProperties": False}
PNG: Final = "iVBORw0KGgo="
PDF: Final = "JVBERi0xLjQ="
MAKERS: Final = (Maker.ANTHROPIC, Maker.GOOGLE, Maker.OPENAI, Maker.DEEPSEEK)

THINKERS: Final = {ANTHROPIC_MESSAGES: "claude-sonnet-5"}
"""Those that think unasked."""
MARK: Final[Body] = {"type": "ephemeral"}
TEXT: Final[Body] = {"type": "text", "text": "hi"}

EMBEDDINGS: Final[Mapping[str, Sample]] = {
    "dimensions": only("dimensions", 256),
    "encoding_format": only("encoding_format", "base64"),
    "input": only("input", "ho"),
    "model": only("model", "another"),
    "user": only("user", "u"),
}
