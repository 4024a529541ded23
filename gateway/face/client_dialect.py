"""What an endpoint that asks models has to bring: the wire format of its clients. See chat.py for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.prompt_weight import PromptWeight
from gateway.errors import Description


class Asked(msgspec.Struct, gc=False):
    """What a client's body says, as far as the face needs it."""

    model: str
    stream: bool
    prompt_tokens: int
    """By estimate."""
    output_tokens: int
    """The most that may be answered."""
    decoded: Any
    """The dialect's own struct of the body."""
    decoded_bytes: int = 0
    """What that takes in memory, where it is much: a body of many small pieces takes more in pieces than as it came."""
    weight: PromptWeight | None = None
    """What the prompt takes of a context window; None for what is no conversation."""


class ClientDialect(Protocol):
    """The wire format that clients of one endpoint speak."""

    @property
    def endpoint(self) -> str:
        """The path without its prefix: "chat/completions"."""
        ...

    @property
    def name(self) -> str:
        """As in ModelRequest.dialect."""
        ...

    @property
    def own_headers(self) -> Sequence[bytes]:
        """Names of a request's headers that only a provider of the same dialect is sent."""
        ...

    @property
    def most_values(self) -> int:
        """How many values a body may hold."""
        ...

    def read(self, body: bytes) -> Asked:
        """Decodes and checks. Raises InvalidRequest whose `param` names the field."""
        ...

    def output_limit(self, decoded: Any, /) -> int | None:
        """The most tokens of one answer, where the client of a request that has been read bounds it."""
        ...

    def text_of(self, body: bytes, /) -> Steps[str]:
        """The prompt of a body that has been read before, as one text."""
        ...

    def error_body(self, description: Description) -> bytes: ...

    def error_event(self, description: Description) -> bytes:
        """The end of a stream that broke; nothing in it may look like a clean one."""
        ...
