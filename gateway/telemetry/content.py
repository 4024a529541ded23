"""What was said and answered, as spans have it where the configuration asks for that (`[traces] content`).

In the form of the semantic conventions (`gen_ai.input.messages`, `gen_ai.output.messages`), whatever the client's
dialect: its own codecs read both. What takes long to read is left out. Bytes of images, sounds and files never stand in
a span. https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#capturing-instructions-inputs-and-outputs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from actors.errors import Failure
from gateway.dialects.answer_events import Ended, Event, Opened, assemble
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.chat import flavour
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import ClientCodec, ProviderCodec, finish_steps
from gateway.dialects.conversation import (
    Choice,
    Finish,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.provider import ResponsesProvider
from gateway.telemetry.spans import Attributes, Finished

MAX_BYTES: Final = 64 * 1024
"""Of a request or an answer that is read once more: well under a millisecond's work for most."""

_CHAT: Final = ChatProvider(flavour.OPENAI)
_MESSAGES: Final = AnthropicProvider()
_DIALECTS: Final[Mapping[str, tuple[ClientCodec, str, ProviderCodec]]] = {
    "openai_chat": (ChatClient(), _CHAT.name, _CHAT),
    "openai_responses": (ResponsesClient(), _CHAT.name, ResponsesProvider()),
    "anthropic_messages": (MessagesClient(), _MESSAGES.name, _MESSAGES),
}
"""By `ModelRequest.dialect`: who reads what clients say, as if for a provider of which dialect, and what they hear."""
_encode = msgspec.json.Encoder().encode


def contents(finished: Finished) -> Attributes:
    """Both sides, as far as they can be read."""
    call, heard = finished.record.call, finished.trace.answer or b""
    payload = None if call is None else call.payload
    if not isinstance(payload, ModelRequest) or payload.dialect not in _DIALECTS:
        return {}
    if max(len(payload.body), len(heard)) > MAX_BYTES:
        return {"gateway.content_left_out": True}
    client, target, provider = _DIALECTS[payload.dialect]
    attributes: Attributes = {}
    if asked := _asked(client, target, payload.body):
        attributes["gen_ai.input.messages"] = _encode(asked).decode()
    if answered := _answered(provider, bytes(heard), streamed=finished.record.stream):
        attributes["gen_ai.output.messages"] = _encode(answered).decode()
    return attributes


def _asked(client: ClientCodec, target: str, body: bytes) -> list[dict[str, Any]]:
    try:
        conversation = finish_steps(client.decode(body, target))
    except (Failure, ValueError, RecursionError):  # refused, or nothing that the pivot knows
        return []
    return [_message(turn) for turn in conversation.turns]


def _answered(provider: ProviderCodec, heard: bytes, *, streamed: bool) -> list[dict[str, Any]]:
    if not heard:
        return []
    try:
        choices = _streamed(provider, heard) if streamed else provider.decode(heard).choices
    except (Failure, ValueError, RecursionError):  # an error, or an answer that says nothing yet
        return []
    return [
        {"role": "assistant", "parts": _parts(choice.parts), "finish_reason": choice.finish.value} for choice in choices
    ]


def _streamed(provider: ProviderCodec, heard: bytes) -> list[Choice]:
    """A stream that was cut ends where it was cut, as if for its length."""
    decoder = provider.stream()
    events: list[Event] = []
    with suppress(Failure):
        events += decoder.feed(heard)
        events += decoder.end()
    begun = {event.choice for event in events if isinstance(event, Opened)}
    ended = {event.choice for event in events if isinstance(event, Ended)}
    events += [Ended(Finish.LENGTH, choice) for choice in sorted(begun - ended)]
    return assemble(events).choices


def _message(turn: Turn) -> dict[str, Any]:
    only_results = all(isinstance(part, ToolResult) for part in turn.parts)
    return {"role": "tool" if turn.parts and only_results else turn.role, "parts": _parts(turn.parts)}


def _parts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [_part(part) for part in parts]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "content": text}
        case Reasoning(text=text):
            return {"type": "reasoning", "content": text}
        case ToolCall(id=id, name=name, arguments=arguments):
            return {"type": "tool_call", "id": id, "name": name, "arguments": arguments}
        case ToolResult(call_id=call_id, parts=parts):
            response = "".join(one.text for one in parts if isinstance(one, Text))
            return {"type": "tool_call_response", "id": call_id, "response": response}
        case _:
            return {"type": type(part).__name__.lower()}
