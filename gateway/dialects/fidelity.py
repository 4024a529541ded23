"""What becomes of each property of a request on its way to another dialect: the table's form, and its use.

Each client dialect has its table as data in a file of its own (`chat/fidelity.py` and so on): a row for every
property that the dialect's specification names. Codecs act on the same table that ARCHITECTURE.md prints; where a
provider's own settings decide (`chat/flavour.py`) the table is made of those, and a test sends every row to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from gateway.errors import InvalidRequest

OPENAI_CHAT: Final = "openai_chat"
DEEPSEEK_CHAT: Final = "deepseek_chat"
OPENROUTER_CHAT: Final = "openrouter_chat"
OTHER_CHAT: Final = "other_chat"
SANDBOX: Final = "sandbox"
OPENAI_RESPONSES: Final = "openai_responses"
ANTHROPIC_MESSAGES: Final = "anthropic_messages"
GEMINI: Final = "gemini"

TARGET_NAMES: Final[Mapping[str, str]] = {
    OPENAI_CHAT: "OpenAI's chat completions",
    DEEPSEEK_CHAT: "DeepSeek",
    OPENROUTER_CHAT: "OpenRouter",
    OTHER_CHAT: "this provider's chat completions",
    SANDBOX: "the sandbox",
    OPENAI_RESPONSES: "OpenAI's Responses",
    ANTHROPIC_MESSAGES: "Anthropic's Messages",
    GEMINI: "Gemini",
}
"""The dialects that providers are asked in, as a reader of an error knows them.

Of chat completions each provider has its own. What becomes of a part of a conversation there is said once for all
clients' dialects, in `chat/provider_fidelity.py`.
"""


class Mapped(msgspec.Struct, frozen=True):
    """It gets there."""

    note: str = ""
    """What it becomes, where that is not plain."""


class Kept(msgspec.Struct, frozen=True):
    """The gateway sees to it itself; the provider need not know."""

    note: str


class Dropped(msgspec.Struct, frozen=True):
    """It changes nothing that the answer's reader would miss."""

    reason: str


class Refused(msgspec.Struct, frozen=True):
    """The answer would not be the one asked for: 400, but for values that ask for nothing."""

    reason: str
    idle: tuple[Any, ...] = ()
    """Values that are as good as leaving it out."""


AS_IT_IS: Final = Mapped("travels as the client wrote it")
"""Where client and provider speak the same dialect."""
OWN_THOUGHTS: Final = Mapped("as the client wrote it, but for what another maker signed")
"""The same, of earlier reasoning."""
ONE_CALL: Final = Kept("of several calls the first alone is told")
"""Where a provider cannot be kept to one at a time (`one_call.py`)."""

Fate = Mapped | Kept | Dropped | Refused
Table = Mapping[str, Mapping[str, Fate]]
"""Property, then target dialect."""


def whence(target: str) -> str:
    """Who a reader of an error is told cannot give what was asked for."""
    return TARGET_NAMES[target] if target == SANDBOX else f"a model behind {TARGET_NAMES[target]}"


def check(table: Table, members: Iterable[tuple[str, Any]], target: str) -> None:
    """Raises InvalidRequest for the first member that `target` cannot express or that nobody knows.

    `members` are the request's own, decoded; null is the same as absent.
    """
    for name, value in members:
        if value is None:
            continue
        row = table.get(name)
        if row is None:
            raise InvalidRequest(f"Unknown member '{name}': it cannot be told to {TARGET_NAMES[target]}.", param=name)
        fate = row[target]
        if isinstance(fate, Refused) and value not in fate.idle:
            raise InvalidRequest(f"'{name}' cannot be had from {whence(target)}: {fate.reason}", param=name)
