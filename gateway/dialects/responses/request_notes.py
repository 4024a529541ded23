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
from gateway.dialects.prompt_parts import Pieces, is_given
from gateway.dialects.prompt_weight import reserved_tokens
from gateway.dialects.responses.request_settings import NAME
from gateway.dialects.tool_turns import gateway_tools
from gateway.dialects.two_readings import TwoReadings
from gateway.dialects.usual_parts import NULL, Said
from gateway.errors import InvalidRequest

_GATEWAY: Final = b'"gateway"'
_MANY_BYTES: Final = 64 * 1024
"""An input below this has too few items to count."""


class ResponsesRequest(msgspec.Struct):
    """What the gateway reads of a request; made by `decode_request`, which has checked it."""

    model: str
    input: msgspec.Raw = NULL
    """A string or a list of items, as the client wrote it."""
    prompt: msgspec.Raw = NULL
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    max_output_tokens: int | None = None
    instructions: msgspec.Raw = NULL
    tools: msgspec.Raw = NULL
    text: msgspec.Raw = NULL

    @property
    def kept(self) -> bool:
        """Whether the response may be asked for again; OpenAI keeps all that nobody said no to."""
        return self.store is not False

    def pieces(self) -> Pieces:
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
        return (), [raw for raw in contents if raw is not NULL], [raw for raw in others if is_given(raw)]


class _Item(msgspec.Struct, gc=False):
    """One item of the input, as far as it is part of the prompt."""

    content: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    arguments: msgspec.Raw = NULL
    input: msgspec.Raw = NULL
    summary: msgspec.Raw = NULL
    action: msgspec.Raw = NULL
    code: msgspec.Raw = NULL
    outputs: msgspec.Raw = NULL
    results: msgspec.Raw = NULL
    operation: msgspec.Raw = NULL
    tools: msgspec.Raw = NULL

    @property
    def is_message(self) -> bool:
        """Whether it has a content and nothing else."""
        given = self.output is self.arguments is self.input is self.summary is self.action is self.code
        return given and self.outputs is self.results is self.operation is self.tools is self.output


class ReadItem(msgspec.Struct, gc=False):
    """The same, where all that it says is usual and has been read."""

    content: Said = None
    output: Said = None
    arguments: str | None = None
    input: str | None = None
    summary: Said = None
    action: msgspec.Raw = NULL
    code: msgspec.Raw = NULL
    outputs: msgspec.Raw = NULL
    results: msgspec.Raw = NULL
    operation: msgspec.Raw = NULL
    tools: msgspec.Raw = NULL


class ReadResponsesRequest(ResponsesRequest):
    """One whose input has been read."""

    input: str | list[ReadItem] | None = None  # type: ignore[assignment]  # told apart by whoever asks for its pieces
    instructions: str | None = None  # type: ignore[assignment]

    def items(self) -> list[ReadItem]:
        """Those of the input; none of a text. Raises InvalidRequest for too many."""
        items: list[ReadItem] = self.input if isinstance(self.input, list) else []
        check_most(items, "input")
        return items

    def pieces(self) -> Pieces:
        """As in `prompt_parts.Prompt`."""
        others = [raw for raw in (self.tools, self.text, self.prompt) if raw is not NULL]
        if not isinstance(self.input, list):
            return (self.instructions, self.input), (), [raw for raw in others if is_given(raw)]
        items = self.items()
        said = [each.content for each in items]
        said.append(self.instructions)
        more = [
            each
            for each in items
            if not (each.output is each.arguments is each.input is each.summary)
            or not (each.action is each.code is each.outputs is each.results is each.operation is each.tools)
        ]
        if more:
            said += [each.output for each in more if each.output is not None]
            said += [each.arguments for each in more if each.arguments is not None]
            said += [each.input for each in more if each.input is not None]
            said += [each.summary for each in more if each.summary is not None]
            odd = [
                each
                for each in more
                if not (each.action is each.code is each.outputs is each.results is each.operation is each.tools)
            ]
            for each in odd:
                others += (each.action, each.code, each.outputs, each.results, each.operation, each.tools)
        return said, (), [raw for raw in others if is_given(raw)]


_readings: Final = TwoReadings[ResponsesRequest](ReadResponsesRequest, ResponsesRequest)
_items_decoder = msgspec.json.Decoder(list[_Item])
_raw_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes) -> ResponsesRequest:
    """Reads and checks a request. Raises InvalidRequest whose `param` names the field."""
    return _checked(_readings.unread(body))


def read_request(body: bytes) -> ResponsesRequest:
    """The same, with all that its input says where that is usual."""
    return _checked(_readings.read(body))


def rewrite_request(
    body: bytes, request: ResponsesRequest, *, model: str, parameters: Mapping[str, Any] = NO_PARAMETERS
) -> bytes:
    """The body for the provider, with its own name for the model and what it leaves out of `parameters`, and without
    the thoughts that another maker has signed.

    Untouched where nothing changes; every other member keeps its value byte for byte.
    """
    replaced = {} if model == request.model else {"model": msgspec.Raw(_encode(model))}
    if STAMPED in body:
        try:
            given = _members_decoder.decode(body).get("input", NULL)
            if _first_byte(given) == b"[":
                replaced["input"] = without_foreign_items(given, Maker.OPENAI)
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
    if tools is NULL or _GATEWAY not in bytes(tools):
        return []
    try:
        return gateway_tools(_raw_items_decoder.decode(tools))
    except (ValueError, RecursionError):
        return []  # what is no list is the provider's to judge


def many_items(request: ResponsesRequest) -> Sequence[object]:
    """The items of a large input; none of a small one, whose do not matter. Raises InvalidRequest for too many."""
    if isinstance(request, ReadResponsesRequest):
        return request.items()
    if len(request.input) < _MANY_BYTES or _first_byte(request.input) != b"[":
        return []
    try:
        items = _raw_items_decoder.decode(request.input)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    check_most(items, "input")
    return items


def let_go(request: ResponsesRequest) -> None:
    """What it says has been weighed, and whoever needs it reads it in its own way."""
    if isinstance(request, ReadResponsesRequest):
        request.input = request.instructions = None


def reserved_output(request: ResponsesRequest) -> int:
    """The most tokens that may be answered."""
    return reserved_tokens(request.max_output_tokens)


def _checked(request: ResponsesRequest) -> ResponsesRequest:
    if not request.model:
        raise InvalidRequest("Invalid 'model': an empty string names no model.", param="model")
    if not isinstance(request, ReadResponsesRequest):
        _check_unread(request)
    elif request.input is None:
        _check_absent(request)
    return request


def _check_unread(request: ResponsesRequest) -> None:
    if _first_byte(request.input) in b'"[':
        return
    if request.input != NULL:
        raise InvalidRequest("Invalid 'input': expected a string or an array.", param="input")
    _check_absent(request)


def _check_absent(request: ResponsesRequest) -> None:
    if request.prompt == NULL and request.previous_response_id is None:
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
