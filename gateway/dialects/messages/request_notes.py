"""Messages, a request that is passed on: what the gateway needs of it, and the little that it changes in it.

Members nobody reads here are skipped and travel on as the client wrote them. A request to count tokens is one without
`max_tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.decoded_weight import check_count
from gateway.dialects.envelope import NO_PARAMETERS
from gateway.dialects.messages.fidelity import NAME
from gateway.dialects.mistakes import unreadable
from gateway.dialects.parameters import with_parameters
from gateway.dialects.prompt_text import prompt_text
from gateway.dialects.prompt_weight import (
    NO_MEDIA,
    Media,
    PromptWeight,
    may_hold_media,
    reserved_tokens,
    weigh_prompt,
)
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


class _Source(msgspec.Struct, gc=False):
    type: str = ""
    data: msgspec.Raw = _NULL


class _Block(msgspec.Struct, gc=False):
    """A block of a content, as far as it can hold media, or blocks that do."""

    type: str = ""
    source: msgspec.Raw = _NULL
    content: msgspec.Raw = _NULL


_ANY_BOUND: Final = 2**31 - 1
"""More than any budget of thinking, which has to fit in."""
_request_decoder = msgspec.json.Decoder(MessagesRequest)
_blocks_decoder = msgspec.json.Decoder(list[_Block])
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_source_decoder = msgspec.json.Decoder(_Source)
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


def weigh(request: MessagesRequest, body: bytes) -> PromptWeight:
    """How large the prompt is."""
    return weigh_prompt(body, *_pieces(request), _weigh_media)


def text_of(request: MessagesRequest) -> Steps[str]:
    """The prompt as one text."""
    return prompt_text(*_pieces(request))


def estimate_prompt(request: MessagesRequest, body: bytes) -> int:
    """Tokens of the prompt, guessed from its size."""
    return weigh(request, body).reserved


def estimate_tokens(request: MessagesRequest, body: bytes) -> int:
    """Tokens to reserve: the prompt and the most that may be answered; settled by the usage."""
    return estimate_prompt(request, body) + reserved_output(request)


def reserved_output(request: MessagesRequest) -> int:
    """What of `estimate_tokens` is not the prompt."""
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


def _pieces(request: MessagesRequest) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
    """What is said, and the definitions of tools."""
    contents = [message.content for message in request.messages]
    if request.system is not _NULL:
        contents.append(request.system)
    return contents, request.tools or []


def _weigh_media(content: msgspec.Raw) -> Media:
    """What a tool returned is content too."""
    blocks = _blocks_decoder.decode(content)
    pieces = [_media_bytes(block.source) for block in blocks if block.source is not _NULL]
    nested = [_weigh_media(block.content) if may_hold_media(block.content) else NO_MEDIA for block in blocks]
    own = [size for size in pieces if size is not None]
    return sum(own) + sum(size for size, _ in nested), len(own) + sum(count for _, count in nested)


def _media_bytes(source: msgspec.Raw) -> int | None:
    """How much of the request one source takes; None where it is plain text, or the source of a search result."""
    if bytes(memoryview(source)[:1]) != b"{":
        return None
    read = _source_decoder.decode(source)
    return None if read.type in ("text", "content") else len(read.data)
