"""Responses, a request that is passed on: what the gateway needs of it, and the little that it changes in it.

Members nobody reads here are skipped and travel on as the client wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from gateway.dialects.conversation import Maker
from gateway.dialects.decoded_weight import Named, check_model, check_most
from gateway.dialects.envelope import NO_PARAMETERS
from gateway.dialects.foreign_thoughts import STAMPED, without_foreign_items
from gateway.dialects.mistakes import unreadable
from gateway.dialects.odd_parts import Odd
from gateway.dialects.parameters import with_parameters
from gateway.dialects.prompt_parts import MOST_PIECES, Pieces, beside, is_given
from gateway.dialects.prompt_weight import reserved_tokens
from gateway.dialects.readings import Readings
from gateway.dialects.responses.request_settings import NAME
from gateway.dialects.tool_turns import gateway_tools
from gateway.dialects.usual_parts import NULL, Said
from gateway.errors import InvalidRequest

ItemType = Literal[
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "reasoning",
    "item_reference",
    "compaction",
    "web_search_call",
    "file_search_call",
    "computer_call",
    "computer_call_output",
    "code_interpreter_call",
    "image_generation_call",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "mcp_call",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
]
"""Those that are known: a decoder has one string for each of them."""
_PLAIN: Final[frozenset[ItemType | None]] = frozenset(
    {"message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"}
)
"""Types of items that say one thing, but for reasoning, which may have a summary beside its content."""
_GATEWAY: Final = b'"gateway"'
_MANY_BYTES: Final = 64 * 1024
"""An input below this has too few items to count."""


class ResponsesRequest(msgspec.Struct, gc=False):
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

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`: nothing has been read."""
        return None

    def contents(self) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
        """As in `prompt_text.Written`."""
        contents, others = [self.instructions], [self.tools, self.text, self.prompt]
        for item in _items_of(self.input):
            if not isinstance(item, _Item):
                contents.append(item)
            elif item.is_message:
                contents.append(item.content)
            else:
                contents += (item.content, item.output, item.arguments, item.input, item.summary)
                others += (item.action, item.code, item.outputs, item.results, item.operation, item.tools)
        return [raw for raw in contents if raw is not NULL], [raw for raw in others if is_given(raw)]


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


class UsualItem(msgspec.Struct, gc=False):
    """The same, where all that it says is usual and has been read."""

    type: ItemType | None = "message"
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

    def more(self) -> list[Said]:
        """What it says beside the first that it says."""
        said: tuple[Said, ...] = (self.arguments, self.content, self.output, self.summary, self.input)
        given: list[Said] = [each for each in said if each]
        return given[1:]

    def structured(self) -> tuple[msgspec.Raw, ...]:
        return self.action, self.code, self.outputs, self.results, self.operation, self.tools


class OddItem(msgspec.Struct, gc=False):
    """The same, with any contents."""

    content: Odd = None
    output: Odd = None


class UsualRequest(ResponsesRequest):
    """One whose input has been read."""

    model: Named
    input: str | list[UsualItem] | None = None  # type: ignore[assignment]  # told apart by whoever asks for its pieces
    instructions: str | None = None  # type: ignore[assignment]

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`."""
        items: list[UsualItem] = self.input if isinstance(self.input, list) else []
        if len(items) > MOST_PIECES:
            return None
        texts = [each.arguments for each in items if each.arguments]
        said: list[Said] = [
            each.content or each.output or each.summary or each.input for each in items if not each.arguments
        ]
        texts += [text for text in (self.instructions, self.input) if isinstance(text, str)]
        others = [self.tools, self.text, self.prompt]
        types = {each.type for each in items}
        if "reasoning" in types:
            said += [each.summary for each in items if each.content and each.summary]
        if not types <= _PLAIN:
            for item in [each for each in items if each.type not in _PLAIN]:
                said += item.more()
                others += item.structured()
        return said, beside(texts, others), None


class OddRequest(ResponsesRequest):
    """One that holds what nobody here knows."""

    input: str | list[OddItem] | None = None  # type: ignore[assignment]  # told apart by whoever asks for its pieces

    def pieces(self) -> Pieces | None:
        """As in `prompt_parts.Prompt`."""
        items: list[OddItem] = self.input if isinstance(self.input, list) else []
        if len(items) > MOST_PIECES:
            return None
        contents: list[Odd] = [each.content for each in items if each.content is not None]
        contents += [each.output for each in items if each.output is not None]
        return (), 0, contents


def _check(request: ResponsesRequest) -> None:
    check_model(request.model)
    if isinstance(request.input, msgspec.Raw):
        _check_unread(request)


_readings: Final = Readings[ResponsesRequest](UsualRequest, OddRequest, ResponsesRequest, _check)
_items_decoder = msgspec.json.Decoder(list[_Item])
_raw_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes) -> ResponsesRequest:
    """Reads and checks a request, with all that its input says where that is usual.

    Raises InvalidRequest whose `param` names the field.
    """
    request = _readings.read(body)
    given: Any = request.input
    if given is None:
        _check_absent(request)
    return request


decode_unread: Final = _readings.unread
"""The same, with its input as the client wrote it."""


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
    given: Any = request.input
    if not isinstance(given, msgspec.Raw):
        items: Sequence[object] = given if isinstance(given, list) else []
    elif len(given) < _MANY_BYTES or _first_byte(given) != b"[":
        return []
    else:
        try:
            items = _raw_items_decoder.decode(given)
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
    check_most(items, "input")
    return items


def let_go(request: ResponsesRequest) -> None:
    """What it says has been weighed, and whoever needs it reads it in its own way."""
    request.input = request.instructions = NULL


def reserved_output(request: ResponsesRequest) -> int:
    """The most tokens that may be answered."""
    return reserved_tokens(request.max_output_tokens)


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
