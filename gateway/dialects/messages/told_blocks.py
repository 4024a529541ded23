"""Messages: the blocks of one streamed turn, put together again, and what of its events the client may see at once."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.messages.answer_blocks import UNREADABLE_INPUT

Object = dict[str, Any]

CALL: Final = "tool_use"
_JOINED: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "input",
}
"""Deltas that add to a member of their block."""
_read_object: Final = msgspec.json.Decoder(Object).decode


class ToldBlocks:
    """What the events of one turn have said so far."""

    def __init__(self) -> None:
        self.held: dict[int, list[Object]] = {}
        """The events of each call, by its place in the turn: whose they are is known when it is over."""
        self._blocks: dict[int, Object] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}

    def see(self, index: int, event: Object) -> bool:
        """Takes an event of a block; whether the client may see it now."""
        match event:
            case {"type": "content_block_start", "content_block": dict(block)}:
                self._blocks[index] = {**block}
                if block.get("type") == CALL:
                    self.held[index] = []
            case {"type": "content_block_delta", "delta": dict(delta)} if index in self._blocks:
                self._add(index, delta)
        if index in self.held:
            self.held[index].append(event)
            return False
        return True

    def content(self) -> list[Object]:
        """The blocks as a whole answer would have had them."""
        return [self._whole(index, block) for index, block in self._blocks.items()]

    def _add(self, index: int, delta: Object) -> None:
        kind = delta.get("type")
        if kind == "citations_delta":
            block = self._blocks[index]
            block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
        elif name := _JOINED.get(str(kind)):
            said = next((value for key, value in delta.items() if key != "type" and isinstance(value, str)), "")
            self._pieces.setdefault((index, name), []).append(said)

    def _whole(self, index: int, block: Object) -> Object:
        whole = {**block}
        for name in ("text", "thinking", "signature"):
            if pieces := self._pieces.get((index, name)):
                whole[name] = (block.get(name) or "") + "".join(pieces)
        if written := "".join(self._pieces.get((index, "input"), ())):
            whole["input"] = _input(written)
        return whole


def _input(written: str) -> Object:
    try:
        return _read_object(written)
    except (ValueError, RecursionError):
        return {UNREADABLE_INPUT: written}
