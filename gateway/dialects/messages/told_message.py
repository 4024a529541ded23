"""Messages, Anthropic's own whole answer as the stream that was asked for, from a provider that does not stream.

Nothing of it is lost: members that nobody here knows stand in the events where they stood in the message.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.messages.answer_stream import MESSAGE_STOP
from gateway.dialects.sse import encode_event

_ENDING: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
"""Members of a message that a stream tells at its end."""

_encode: Final = msgspec.json.Encoder().encode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def as_stream(body: bytes) -> bytes:
    """Raises ValueError where the body holds no message."""
    try:
        message = _decode_object(body)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    content = message.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise ValueError("no content")
    ending = {name: message[name] for name in _ENDING if name in message}
    head: dict[str, Any] = {**message, "content": []} | dict.fromkeys(ending)
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}]
    for index, block in enumerate(content):
        events += _block_told(index, block)
    events.append({"type": "message_delta", "delta": ending, "usage": message.get("usage")})
    return b"".join(encode_event(_encode(event), event["type"].encode()) for event in events) + MESSAGE_STOP


def _block_told(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    """The block without its words, then these; one of any other kind whole."""
    empty, deltas = block, list[dict[str, Any]]()
    match block:
        case {"type": "text", "text": str(text)}:
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": text}]
        case {"type": "thinking", "thinking": str(thinking)}:
            empty = {**block, "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": thinking}]
            deltas.append({"type": "signature_delta", "signature": block.get("signature", "")})
        case {"type": "tool_use", "input": dict(arguments)}:
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": _encode(arguments).decode()}]
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]
