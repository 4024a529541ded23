"""A block of a stream that nobody but this API understands, gathered to be kept whole."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from gateway.dialects.conversation import Native
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES

_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class _DeltaEvent(msgspec.Struct):
    delta: dict[str, Any]


_decode_event = msgspec.json.Decoder(_DeltaEvent).decode


class GatheredBlock:
    """The block as it began, with all that is added to it."""

    __slots__ = ("_input", "_value")

    def __init__(self, block: msgspec.Raw) -> None:
        """Raises ValueError where the block is no object."""
        self._value = _decode_object(block)
        self._input = ""

    def add(self, event: bytes) -> None:
        """Takes a content_block_delta: more of a call's input, or of a member that the block has."""
        for name, piece in _decode_event(event).delta.items():
            so_far = self._value.get(name)
            if name == "partial_json":
                self._input += piece if isinstance(piece, str) else ""
            elif name != "type":
                self._value[name] = so_far + piece if isinstance(so_far, str) and isinstance(piece, str) else piece

    def native(self) -> Native:
        """The block; an input that was cut short is left as the block began with it."""
        if self._input:
            with contextlib.suppress(ValueError, RecursionError):
                self._value["input"] = _decode_object(self._input)
        return Native(ANTHROPIC_MESSAGES, self._value)
