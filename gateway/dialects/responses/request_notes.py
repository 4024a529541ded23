"""Responses, a request that is passed on: what the gateway needs of it, and the little that it changes in it.

Members nobody reads here are skipped and travel on as the client wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.conversation import Maker
from gateway.dialects.decoded_weight import check_most
from gateway.dialects.envelope import NO_PARAMETERS
from gateway.dialects.foreign_thoughts import STAMPED, without_foreign_items
from gateway.dialects.mistakes import unreadable
from gateway.dialects.parameters import with_parameters
from gateway.dialects.prompt_weight import reserved_tokens
from gateway.dialects.responses.request_settings import NAME
from gateway.dialects.tool_turns import gateway_tools
from gateway.errors import InvalidRequest

_NULL: Final = msgspec.Raw(b"null")
_GATEWAY: Final = b'"gateway"'
_MANY_BYTES: Final = 64 * 1024
"""An input below this has too few items to count."""


class ResponsesRequest(msgspec.Struct):
    """What the gateway reads of a request; made by `decode_request`, which has checked it."""

    model: str
    input: msgspec.Raw = _NULL
    """A string or a list of items, as the client wrote it."""
    prompt: msgspec.Raw = _NULL
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    max_output_tokens: int | None = None
    instructions: msgspec.Raw = _NULL
    tools: msgspec.Raw = _NULL
    text: msgspec.Raw = _NULL

    @property
    def kept(self) -> bool:
        """Whether the response may be asked for again; OpenAI keeps all that nobody said no to."""
        return self.store is not False

    def pieces(self) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
        """As in `prompt_parts.Prompt`."""
        contents, others = [self.instructions], [self.tools, self.text, self.prompt]
        for item in _items_of(self.input):
            if not isinstance(item, _Item):
                contents.append(item)
            elif item.is_message:
                contents.append(item.content)
            else:
                contents += (item.content, item.output, item.arguments, item.input, item.summary)
                others += (item.action, item.code, item.outputs, item.results, item.operation, item.tools)
        return [raw for raw in contents if raw is not _NULL], [raw for raw in others if raw != _NULL]


class _Item(msgspec.Struct, gc=False):
    """One item of the input, as far as it is part of the prompt."""

    content: msgspec.Raw = _NULL
    output: msgspec.Raw = _NULL
    arguments: msgspec.Raw = _NULL
    input: msgspec.Raw = _NULL
    summary: msgspec.Raw = _NULL
    action: msgspec.Raw = _NULL
    code: msgspec.Raw = _NULL
    outputs: msgspec.Raw = _NULL
    results: msgspec.Raw = _NULL
    operation: msgspec.Raw = _NULL
    tools: msgspec.Raw = _NULL

    @property
    def is_message(self) -> bool:
        """Whether it has a content and nothing else."""
        given = self.output is self.arguments is self.input is self.summary is self.action is self.code
        return given and self.outputs is self.results is self.operation is self.tools is self.output


_request_decoder = msgspec.json.Decoder(ResponsesRequest)
_items_decoder = msgspec.json.Decoder(list[_Item])
_raw_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes) -> ResponsesRequest:
    """Reads and checks a request. Raises InvalidRequest whose `param` names the field."""
    try:
        request = _request_decoder.decode(body)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    if not request.model:
        raise InvalidRequest("Invalid 'model': an empty string names no model.", param="model")
    _check_input(request)
    return request


def rewrite_request(
    body: bytes, request: ResponsesRequest, *, model: str, parameters: Mapping[str, Any] = NO_PARAMETERS
) -> bytes:
    """The body for the provider, with its own name for the model and what it leaves out of `parameters`, and without
    the thoughts that another maker has signed.

    Untouched where nothing changes; every other member keeps its value byte for byte.
    """
    replaced = {} if model == request.model else {"model": msgspec.Raw(_encode(model))}
    if _first_byte(request.input) == b"[" and STAMPED in body:
        try:
            replaced["input"] = without_foreign_items(request.input, Maker.OPENAI)
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
    return with_parameters(NAME, body, parameters, replaced)


def replace_members(body: bytes, changed: dict[str, msgspec.Raw | None]) -> bytes:
    """The same JSON object with some members set, or taken out (None). Raises InvalidRequest for what is too deep."""
    try:
        members: dict[str, msgspec.Raw | None] = {**_members_decoder.decode(body), **changed}
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    return _encode({name: raw for name, raw in members.items() if raw is not None})


def gateway_tools_of(request: ResponsesRequest) -> list[str]:
    """The names of the tools that the gateway is to run."""
    tools = request.tools
    if tools is _NULL or _GATEWAY not in bytes(tools):
        return []
    try:
        return gateway_tools(_raw_items_decoder.decode(tools))
    except (ValueError, RecursionError):
        return []  # what is no list is the provider's to judge


def many_items(request: ResponsesRequest) -> list[msgspec.Raw]:
    """The items of a large input; none of a small one, whose do not matter. Raises InvalidRequest for too many."""
    if len(request.input) < _MANY_BYTES or _first_byte(request.input) != b"[":
        return []
    try:
        items = _raw_items_decoder.decode(request.input)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    check_most(items, "input")
    return items


def reserved_output(request: ResponsesRequest) -> int:
    """The most tokens that may be answered."""
    return reserved_tokens(request.max_output_tokens)


def _check_input(request: ResponsesRequest) -> None:
    if _first_byte(request.input) in b'"[':
        return
    if request.input != _NULL:
        raise InvalidRequest("Invalid 'input': expected a string or an array.", param="input")
    if request.prompt == _NULL and request.previous_response_id is None:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input")


def _items_of(given: msgspec.Raw) -> Sequence[_Item | msgspec.Raw]:
    """The items of an input; what is no list of them is one content."""
    if _first_byte(given) != b"[":
        return [given]
    try:
        return _items_decoder.decode(given)
    except (ValueError, RecursionError):
        return [given]  # an unusual input is the provider's to judge; here it only weighs more


def _first_byte(raw: msgspec.Raw) -> bytes:
    return bytes(memoryview(raw)[:1])
