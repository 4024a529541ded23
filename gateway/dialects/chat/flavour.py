"""How the providers that speak chat completions differ from each other, as data."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from gateway.dialects import fidelity
from gateway.dialects.conversation import Maker
from gateway.dialects.fidelity import DEEPSEEK_CHAT, OPENAI_CHAT, OPENROUTER_CHAT, OTHER_CHAT


class Flavour(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider takes beyond the least that all have in common."""

    target: str
    """As the fidelity tables name it."""
    title: str
    """Its name in messages to people."""
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    wish: Literal["reasoning_effort", "reasoning", "thinking"] = "reasoning_effort"
    """The member that says how much to think."""
    echo: Literal["none", "reasoning_content", "reasoning_details"] = "none"
    """The member in which earlier reasoning comes back."""
    unread: frozenset[str] = frozenset()
    """Members for earlier reasoning for which it refuses a message, where that is known."""
    maker: str = Maker.UNKNOWN
    """Whose reasoning it is that comes without a word about that."""
    cache_control: bool = False
    media: bool = True
    """Images, sounds and files."""
    forced_calls_while_thinking: bool = True
    """A function may be forced on a model that is to think."""
    file_urls: bool = False
    """A file may be named by its URL."""
    json_schema: bool = True
    refusals: bool = False
    """A model's earlier refusal may come back as one; elsewhere it is text."""
    allowed_tools: bool = False
    """The choice may be narrowed without leaving tools out; elsewhere the others are left out."""
    web_search: Literal["none", "web_search_options", "openrouter:web_search"] = "none"
    top_k: bool = False
    most_stops: int | None = None
    """How many stop sequences it takes, where that is known."""
    verbosity: bool = False
    service_tier: bool = False
    cache_key: bool = False
    user: Literal["none", "user", "safety_identifier"] = "user"
    longest_user: int | None = None
    longest_call_id: int | None = None


OPENAI: Final = Flavour(
    target=OPENAI_CHAT,
    title="OpenAI",
    unread=frozenset({"reasoning_content", "reasoning_details"}),
    max_tokens="max_completion_tokens",
    most_stops=4,
    refusals=True,
    allowed_tools=True,
    web_search="web_search_options",
    verbosity=True,
    service_tier=True,
    cache_key=True,
    user="safety_identifier",
    longest_user=64,
    longest_call_id=40,
)
"""https://platform.openai.com/docs/api-reference/chat/create, and Azure's of it."""

DEEPSEEK: Final = Flavour(
    target=DEEPSEEK_CHAT,
    title="DeepSeek",
    wish="thinking",
    echo="reasoning_content",
    unread=frozenset({"reasoning_details"}),
    maker=Maker.DEEPSEEK,
    media=False,
    forced_calls_while_thinking=False,
    json_schema=False,
    most_stops=16,
    user="none",
)
"""https://api-docs.deepseek.com/api/create-chat-completion."""

OPENROUTER: Final = Flavour(
    target=OPENROUTER_CHAT,
    title="OpenRouter",
    wish="reasoning",
    echo="reasoning_details",
    cache_control=True,
    file_urls=True,
    web_search="openrouter:web_search",
    top_k=True,
    verbosity=True,
    service_tier=True,
)
"""https://openrouter.ai/docs/api-reference/overview."""

PLAIN: Final = Flavour(target=OTHER_CHAT, title="this provider", top_k=True)
"""Any other server that calls itself OpenAI-compatible, like vLLM or Ollama."""

SANDBOX: Final = Flavour(target=fidelity.SANDBOX, title="the sandbox", top_k=True, most_stops=OPENAI.most_stops)
"""The provider within the gateway, which is as strict as OpenAI."""

FLAVOURS: Final = (OPENAI, DEEPSEEK, OPENROUTER, PLAIN, SANDBOX)
