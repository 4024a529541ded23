"""What may be answered from the cache: exactly the same question, of the same client, to the same models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from actors.letters import Call, Candidate
from gateway.config.routing import Glob
from gateway.dialects.envelope import ModelRequest
from gateway.exchange import Request

CACHE_CONTROL: Final = b"cache-control"
ENDPOINTS: Final = frozenset({"chat/completions", "messages", "embeddings"})
"""A response has an id and a life of its own: none is the same as another."""

_DIRECTIVE: Final = re.compile(rb"[^\s,;=]+")
_BEYOND_THE_MODEL: Final = (b'"web_search_options"', b'"mcp_servers"', b'"plugins"', b'"container"')
"""Members with which a provider does more than ask its model, and finds something else tomorrow."""
_FUNCTIONS: Final = (None, "function", "custom")
"""Types of tools that the client runs; all others are run by a provider."""


class Wish(NamedTuple):
    """What a client's Cache-Control asks for (RFC 9111, section 5.2.1)."""

    reads: bool = True
    """It takes an answer that is kept."""
    keeps: bool = True
    """Its answer may be kept."""


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None


_tool_decoder: Final = msgspec.json.Decoder(_Tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRules:
    """What the operator wants."""

    models: Sequence[Glob]
    """By the names that clients use."""
    joins: bool
    """What is asked while the same is under way waits for that answer."""

    def covers(self, call: Call) -> bool:
        """Whether the answer to `call` may serve for another like it."""
        asked: ModelRequest = call.payload
        return (
            asked.endpoint in ENDPOINTS
            and any(glob.matches(call.model) for glob in self.models)
            and not any(member in asked.body for member in _BEYOND_THE_MODEL)
            and _all_functions(getattr(asked.decoded, "tools", None) or ())
        )


def wish_of(request: Request) -> Wish:
    said = request.fields.get(CACHE_CONTROL)
    if said is None:
        return Wish()
    directives = set(_DIRECTIVE.findall(said.lower()))
    no_store = b"no-store" in directives
    return Wish(reads=not no_store and b"no-cache" not in directives, keeps=not no_store)


def key_of(call: Call, candidates: Iterable[Candidate], owner: str) -> str:
    """Names the question: who asks, where, in which bytes, and whom it would be put to, on which terms."""
    asked: ModelRequest = call.payload
    told = [
        owner,
        asked.endpoint,
        [[name.decode("latin-1"), value.decode("latin-1")] for name, value in asked.own_headers],
        [[candidate.provider, candidate.model] for candidate in candidates],
        asked.fallbacks,
        dict(asked.parameters),
    ]
    return sha256(msgspec.json.encode(told) + asked.body).hexdigest()


def _all_functions(tools: Iterable[msgspec.Raw]) -> bool:
    try:
        return all(_tool_decoder.decode(tool).type in _FUNCTIONS for tool in tools)
    except (ValueError, RecursionError):
        return False  # whoever reads the request will say what is wrong with it
