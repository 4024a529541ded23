"""Chat completions: a conversation as the request for a provider."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider_messages import MessageWriter
from gateway.dialects.chat.provider_refusals import check_stops, refused
from gateway.dialects.chat.provider_tools import tool_members
from gateway.dialects.chat.provider_wish import reasoning_members
from gateway.dialects.chat.words import tier_of
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation, OutputFormat
from gateway.dialects.long_array import PIECES_AT_ONCE, LongArray

Members = dict[str, Any]

_encode: Final = msgspec.json.Encoder().encode

_PLAIN_MEMBERS: Final = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed")
"""The same in the pivot and here."""


def encode(request: Conversation, model: str, flavour: Flavour) -> Steps[bytes]:
    """The body, some messages a step. Raises InvalidRequest for what this provider cannot be asked.

    The client's metadata stays here: it labels completions that are stored, and none of these is.
    """
    writer = MessageWriter(flavour, model)
    messages: LongArray[Members] = LongArray()
    pieces = 0
    for turn in request.turns:
        messages.open += writer.write(turn)
        pieces += len(turn.parts) or 1
        if pieces >= PIECES_AT_ONCE:
            messages.write()
            yield pieces
            pieces = 0
    body: Members = {"model": model, "messages": messages.value()}
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    body |= {name: value for name in _PLAIN_MEMBERS if (value := getattr(request, name)) is not None}
    body |= tool_members(request, flavour)
    body |= reasoning_members(request, flavour)
    body |= _answer_members(request, flavour)
    body |= _account_members(request, flavour)
    return _encode(body)


def _answer_members(request: Conversation, flavour: Flavour) -> Members:
    """What the answer shall be like."""
    members: Members = {}
    if request.max_tokens is not None:
        members[flavour.max_tokens] = request.max_tokens
    if request.stop:
        check_stops(request, flavour)
        members["stop"] = request.stop
    if request.choices != 1:
        members["n"] = request.choices
    if request.logprobs is not None:
        members["logprobs"] = True
        if request.logprobs:
            members["top_logprobs"] = request.logprobs
    if request.output_format is not None:
        members["response_format"] = _format(request, request.output_format, flavour)
    if request.top_k is not None:
        if not flavour.top_k:
            raise refused(request, "top_k", flavour, "it has no such setting.")
        members["top_k"] = request.top_k
    if request.verbosity is not None and flavour.verbosity:
        members["verbosity"] = request.verbosity
    return members


def _format(request: Conversation, wanted: OutputFormat, flavour: Flavour) -> Members:
    if wanted.schema is None and wanted.name is None:
        return {"type": "json_object"}
    if not flavour.json_schema:
        raise refused(
            request, "output_format", flavour, "it follows no JSON schema; it can answer with JSON of any form."
        )
    form: Members = {"name": wanted.name or "answer"}
    for name in ("description", "schema", "strict"):
        if (value := getattr(wanted, name)) is not None:
            form[name] = value
    return {"type": "json_schema", "json_schema": form}


def _account_members(request: Conversation, flavour: Flavour) -> Members:
    """How the request is served and on whose behalf; nothing of it changes the answer."""
    members: Members = {}
    if flavour.service_tier and request.service_tier is not None:
        tier = tier_of(request.service_tier)
        if tier is None:
            raise refused(request, "service_tier", flavour, f"it has no tier '{request.service_tier}'.")
        members["service_tier"] = tier
    if flavour.cache_key and request.cache_key is not None:
        members["prompt_cache_key"] = request.cache_key
    if flavour.user != "none" and request.user is not None:
        members[flavour.user] = _user(request.user, flavour.longest_user)
    return members


def _user(name: str, longest: int | None) -> str:
    """The end user's name, or its digest where the provider takes none so long."""
    return name if longest is None or len(name) <= longest else hashlib.sha256(name.encode()).hexdigest()
