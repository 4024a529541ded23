"""Messages, a request that is passed on: what the gateway needs of it, and the little that it changes in it.

Members nobody reads here are skipped and travel on as the client wrote them. A request to count tokens is one without
`max_tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.dialects.decoded_weight import Named, Some, check_count, check_model
from gateway.dialects.envelope import NO_PARAMETERS
from gateway.dialects.messages.fidelity import NAME
from gateway.dialects.mistakes import unreadable
from gateway.dialects.odd_parts import Odd
from gateway.dialects.parameters import with_parameters
from gateway.dialects.prompt_parts import MOST_PIECES, Pieces, beside, is_given
from gateway.dialects.prompt_weight import reserved_tokens
from gateway.dialects.readings import Readings
from gateway.dialects.usual_parts import NULL, Said
from gateway.errors import InvalidRequest


class Message(msgspec.Struct, gc=False):
    """One message of the conversation; its content stays as the client wrote it."""

    role: str
    content: msgspec.Raw = NULL


class UsualMessage(msgspec.Struct, gc=False):
    """The same, of usual parts, all of which has been read."""

    role: str
    content: Said = None


class OddMessage(msgspec.Struct, gc=False):
    """The same, of any parts."""

    role: str
    content: Odd = None


class MessagesRequest(msgspec.Struct, gc=False):
    """What the gateway reads of a request; made by `decode_request` or `decode_count`, which have checked it."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    stream: bool | None = None
    system: msgspec.Raw = NULL
    tools: list[msgspec.Raw] | None = None
    output_config: msgspec.Raw = NULL
    output_format: msgspec.Raw = NULL

    def contents(self) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
        """As in `prompt_text.Written`."""
        contents = [message.content for message in self.messages]
        if self.system is not NULL:
            contents.append(self.system)
        return contents, [raw for raw in self.structured() if is_given(raw)]

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`: nothing has been read."""
        return None

    def structured(self) -> list[msgspec.Raw]:
        """What is, beside messages."""
        if self.tools is None and self.output_config is self.output_format:
            return []
        return [*(self.tools or ()), self.output_config, self.output_format]


class UsualRequest(MessagesRequest):
    """One whose messages have been read."""

    model: Named
    messages: Some[UsualMessage]  # type: ignore[assignment]  # told apart by whoever asks for its pieces
    system: Said = None  # type: ignore[assignment]

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`."""
        if len(self.messages) > MOST_PIECES:
            return None
        said = [each.content for each in self.messages]
        if self.system is not None:
            said.append(self.system)
        others = self.structured()
        return said, beside((), others) if others else 0, None


class OddRequest(MessagesRequest):
    """One that holds what nobody here knows."""

    messages: list[OddMessage]  # type: ignore[assignment]  # told apart by whoever asks for its pieces

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`."""
        messages: list[OddMessage] = self.messages
        return None if len(messages) > MOST_PIECES else ((), 0, [each.content for each in messages])


_ANY_BOUND: Final = 2**31 - 1
"""More than any budget of thinking, which has to fit in."""


def _check(request: MessagesRequest) -> None:
    check_model(request.model)
    check_count(request.messages)


_readings: Final = Readings[MessagesRequest](UsualRequest, OddRequest, MessagesRequest, _check)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes) -> MessagesRequest:
    """Reads and checks a request. Raises InvalidRequest whose `param` names the field, like `messages[0].role`."""
    request = decode_count(body)
    if request.max_tokens is None:
        raise InvalidRequest("Missing required parameter: 'max_tokens'.", param="max_tokens")
    return request


decode_count: Final = _readings.read
"""Reads and checks a request to count tokens, with all that its messages say where that is usual.

Raises InvalidRequest as `decode_request` does.
"""
decode_unread: Final = _readings.unread
"""The same, with its contents as the client wrote them."""


def rewrite_request(
    body: bytes, request: MessagesRequest, *, model: str, parameters: Mapping[str, Any] = NO_PARAMETERS
) -> bytes:
    """The body for the provider, with its own name for the model and what it leaves out of `parameters`.

    Untouched where nothing changes; every other member keeps its value byte for byte. Raises InvalidRequest for what
    only a second reading finds too deep.
    """
    renamed = {} if model == request.model else {"model": msgspec.Raw(_encode(model))}
    return with_parameters(NAME, body, parameters, renamed)


def reserved_output(request: MessagesRequest) -> int:
    """The most tokens that may be answered."""
    return 0 if request.max_tokens is None else reserved_tokens(request.max_tokens)


def write_count(tokens: int) -> bytes:
    """The answer to a request to count tokens."""
    return b'{"input_tokens":%d}' % tokens


def request_of_count(body: bytes) -> bytes:
    """The request for an answer whose prompt is to be counted; how long that may be makes no difference.

    Raises InvalidRequest for what only a second reading finds too deep.
    """
    try:
        return _encode({**_members_decoder.decode(body), "max_tokens": _ANY_BOUND})
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
