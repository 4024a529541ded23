"""Messages, a request that is passed on: what the gateway needs of it, and the little that it changes in it.

Members nobody reads here are skipped and travel on as the client wrote them. A request to count tokens is one without
`max_tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.dialects.decoded_weight import check_count
from gateway.dialects.envelope import NO_PARAMETERS
from gateway.dialects.messages.fidelity import NAME
from gateway.dialects.mistakes import unreadable
from gateway.dialects.parameters import with_parameters
from gateway.dialects.prompt_weight import reserved_tokens
from gateway.errors import InvalidRequest

_NULL: Final = msgspec.Raw(b"null")


class Message(msgspec.Struct, gc=False):
    """One message of the conversation; its content stays as the client wrote it."""

    role: str
    content: msgspec.Raw = _NULL


class MessagesRequest(msgspec.Struct):
    """What the gateway reads of a request; made by `decode_request` or `decode_count`, which have checked it."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    stream: bool | None = None
    system: msgspec.Raw = _NULL
    tools: list[msgspec.Raw] | None = None
    output_config: msgspec.Raw = _NULL
    output_format: msgspec.Raw = _NULL

    def pieces(self) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
        """As in `prompt_parts.Prompt`."""
        contents = [message.content for message in self.messages]
        if self.system is not _NULL:
            contents.append(self.system)
        others = [*(self.tools or ()), self.output_config, self.output_format]
        return contents, [raw for raw in others if raw != _NULL]


_ANY_BOUND: Final = 2**31 - 1
"""More than any budget of thinking, which has to fit in."""
_request_decoder = msgspec.json.Decoder(MessagesRequest)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes) -> MessagesRequest:
    """Reads and checks a request. Raises InvalidRequest whose `param` names the field, like `messages[0].role`."""
    request = decode_count(body)
    if request.max_tokens is None:
        raise InvalidRequest("Missing required parameter: 'max_tokens'.", param="max_tokens")
    return request


def decode_count(body: bytes) -> MessagesRequest:
    """Reads and checks a request to count tokens. Raises InvalidRequest as `decode_request` does."""
    try:
        request = _request_decoder.decode(body)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    if not request.model:
        raise InvalidRequest("Invalid 'model': an empty string names no model.", param="model")
    check_count(request.messages)
    return request


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
    return reserved_tokens(request.max_tokens or 0)


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
