"""What the stories of chat completions share: a conversation driven to the wire, and what stands on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gateway.dialects.answer_events import Event
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.flavour import PLAIN, Flavour
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import Conversation, Reply, Text, Turn

FRAME = Frame(id="abc", created=7)


def conversation(*turns: Turn, **settings: Any) -> Conversation:
    """A request of these turns, or of one short question."""
    return Conversation(model="m", turns=list(turns) or [Turn("user", [Text("hi")], field="messages[0]")], **settings)


def read_request(members: dict[str, Any], target: str = "anthropic_messages") -> Conversation:
    """What a client's request is in the pivot; a short question stands in where it has no messages."""
    whole = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}
    return finish_steps(ChatClient().decode(json.dumps(whole).encode(), target))


def written_request(request: Conversation, flavour: Flavour = PLAIN, model: str = "m") -> dict[str, Any]:
    """What a provider is sent."""
    body: dict[str, Any] = json.loads(finish_steps(ChatProvider(flavour).encode(request, model)))
    return body


def written_answer(reply: Reply, request: Conversation | None = None) -> dict[str, Any]:
    """What a client is answered at once."""
    answer: dict[str, Any] = json.loads(ChatClient().encode(reply, request or conversation(), FRAME))
    return answer


def written_stream(events: Iterable[Event], request: Conversation | None = None) -> list[dict[str, Any]]:
    """The chunks of a client's stream, each event encoded by itself."""
    encoder = ChatClient().stream(request or conversation(stream=True), FRAME)
    stream = b"".join(encoder.encode([event]) for event in events) + encoder.end()
    return chunks_of(stream)


def chunks_of(stream: bytes) -> list[dict[str, Any]]:
    """The data of a whole stream's events."""
    blocks = stream.decode().split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""]
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]


def stream_of(*chunks: dict[str, Any] | str) -> bytes:
    """A provider's stream; texts are data as they are."""
    written = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks)
    return b"".join(f"data: {chunk}\n\n".encode() for chunk in written)


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> dict[str, Any]:
    """One chunk of a provider's stream."""
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return {"id": "x", "model": "m-1", "choices": [choice], **more}
