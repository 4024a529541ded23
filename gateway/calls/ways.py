"""Which client dialects a provider can serve, and how: passed on as they are where it speaks them, else translated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.calls.chat_passage import ChatWay
from gateway.calls.embeddings_passage import EmbeddingsWay, GeminiEmbeddingsWay
from gateway.calls.messages_passage import CountWay, MessagesWay
from gateway.calls.passage import Way
from gateway.calls.responses_passage import ResponsesWay
from gateway.calls.translation import Translation
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.chat import flavour
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses.codec import ResponsesClient
from gateway.providers.profile import Profile

CHAT: Final = "openai_chat"
RESPONSES: Final = "openai_responses"
MESSAGES: Final = "anthropic_messages"
TOKEN_COUNTS: Final = "anthropic_count_tokens"
EMBEDDINGS: Final = "openai_embeddings"

OutputLimit = Callable[[str], int | None]
"""How many tokens a model can write, where that is known."""

_FLAVOURS: Final[Mapping[str, Flavour]] = {
    "openai": flavour.OPENAI,
    "deepseek": flavour.DEEPSEEK,
    "openrouter": flavour.OPENROUTER,
}


def ways_of(kind: str, profile: Profile, output_limit: OutputLimit) -> dict[str, Way]:
    """By client dialect, for a provider of `kind` (openai, anthropic or gemini)."""
    if kind == "anthropic":
        return _anthropic_ways(output_limit)
    if kind == "gemini":
        return _gemini_ways()
    return _openai_ways(profile)


def _openai_ways(profile: Profile) -> dict[str, Way]:
    provider = ChatProvider(_FLAVOURS.get(profile.name, flavour.PLAIN))
    return {
        CHAT: ChatWay(sends_usage_unasked=profile.sends_usage_unasked),
        RESPONSES: ResponsesWay() if profile.offers_responses else Translation(ResponsesClient(), provider),
        MESSAGES: Translation(MessagesClient(), provider),
        EMBEDDINGS: EmbeddingsWay(),
    }


def _anthropic_ways(output_limit: OutputLimit) -> dict[str, Way]:
    provider = AnthropicProvider(output_limit)
    return {
        CHAT: Translation(ChatClient(), provider),
        RESPONSES: Translation(ResponsesClient(), provider),
        MESSAGES: MessagesWay(),
        TOKEN_COUNTS: CountWay(),
    }


def _gemini_ways() -> dict[str, Way]:
    provider = GeminiProvider()
    return {
        CHAT: Translation(ChatClient(), provider),
        RESPONSES: Translation(ResponsesClient(), provider),
        MESSAGES: Translation(MessagesClient(), provider),
        EMBEDDINGS: GeminiEmbeddingsWay(),
    }
