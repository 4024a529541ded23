"""Responses: a request as a conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.dialects import fidelity
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation, Text, Turn
from gateway.dialects.mistakes import unreadable
from gateway.dialects.reading import reading_pieces
from gateway.dialects.responses import request_settings as settings
from gateway.dialects.responses.echo import echo_of
from gateway.dialects.responses.fidelity import TABLE
from gateway.dialects.responses.request_items import read_input
from gateway.dialects.responses.shapes import CreateResponse
from gateway.errors import InvalidRequest

_request_decoder = msgspec.json.Decoder(CreateResponse)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])

_NULL: Final = msgspec.Raw(b"null")
_NESTED: Final = ("text", "reasoning")
"""Properties whose members have rows of their own in the table."""
_SPELLING: Final = {
    "output_format": "text.format",
    "verbosity": "text.verbosity",
    "max_tokens": "max_output_tokens",
    "logprobs": "top_logprobs",
    "cache_key": "prompt_cache_key",
    "reasoning": "reasoning.effort",
}
"""What this dialect calls members of a conversation."""


def decode(body: bytes, target: str) -> Steps[Conversation]:
    """Reads a request whose earlier turns already stand in its input (see `life.expand`).

    Raises InvalidRequest, also for what `target` cannot express.
    """
    try:
        request = _request_decoder.decode(body)
        yield reading_pieces(body)
        members = _members_decoder.decode(body)
        yield reading_pieces(body)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    _check_settled(request)
    fidelity.check(TABLE, _told(members, request), target)
    tools = settings.read_tools(request.tools, target)
    turns = yield from read_input(request.input, target)
    if request.instructions is not None:
        turns.insert(0, Turn("system", [Text(request.instructions)], field="instructions"))
    return Conversation(
        model=request.model,
        turns=turns,
        stream=request.stream is True,
        tools=tools.functions,
        native_tools=tools.natives,
        tool_choice=settings.read_tool_choice(request.tool_choice, target),
        parallel_tool_calls=request.parallel_tool_calls,
        output_format=settings.read_format(request.text),
        reasoning=settings.read_reasoning_wish(request.reasoning),
        max_tokens=request.max_output_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        logprobs=settings.read_logprobs(request, target),
        verbosity=request.text.verbosity if request.text is not None else None,
        user=request.safety_identifier or request.user,
        service_tier=request.service_tier,
        cache_key=request.prompt_cache_key,
        namespaced=tools.namespaced,
        echo=echo_of(members),
        spelling=dict(_SPELLING),
    )


def _check_settled(request: CreateResponse) -> None:
    """What the gateway does itself has been done and taken out, or cannot be done."""
    if not request.model:
        raise InvalidRequest("Invalid 'model': an empty string names no model.", param="model")
    if request.previous_response_id is not None:
        raise unknown_response(request.previous_response_id)
    if request.background:
        raise InvalidRequest("This response cannot run in the background.", param="background")


def unknown_response(response_id: str) -> InvalidRequest:
    """What is said of an earlier response that is not kept here."""
    return InvalidRequest(f"Previous response with id '{response_id}' not found.", param="previous_response_id")


def _told(members: dict[str, msgspec.Raw], request: CreateResponse) -> Iterator[tuple[str, Any]]:
    """The members that the client wrote, with their values; a member that nobody knows with the JSON of it."""
    for name, raw in members.items():
        value: Any = getattr(request, name, None if raw == _NULL else raw)
        yield name, value
        if name in _NESTED and value is not None:
            for member in value.__struct_fields__:
                yield f"{name}.{member}", getattr(value, member)
