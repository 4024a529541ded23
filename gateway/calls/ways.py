"""Which client dialects a provider can serve, and how: passed on as they are where it speaks them, else translated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from gateway.calls.chat_passage import ChatWay
from gateway.calls.count_passage import IN_MESSAGES, IN_RESPONSES, CountTranslation, input_tokens, messages_count
from gateway.calls.embeddings_passage import EmbeddingsWay, GeminiEmbeddingsWay
from gateway.calls.messages_passage import MessagesWay
from gateway.calls.passage import Way
from gateway.calls.responses_passage import ResponsesWay
from gateway.calls.resumption import Resumption
from gateway.calls.translation import Translation
from gateway.calls.way_by_model import WayByModel
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.anthropic.provider_count import AnthropicCounter
from gateway.dialects.chat import flavour
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import ClientCodec, ProviderCodec
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.gemini.count import GeminiCounter
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.provider import ResponsesProvider
from gateway.dialects.responses.provider_count import ResponsesCounter
from gateway.providers.patience import hands_reasoning_out
from gateway.providers.prefixes import prefix_form
from gateway.providers.profile import Profile

CHAT: Final = "openai_chat"
RESPONSES: Final = "openai_responses"
MESSAGES: Final = "anthropic_messages"
TOKEN_COUNTS: Final = "anthropic_count_tokens"  # noqa: S105  # a dialect, no password
INPUT_TOKENS: Final = "openai_input_tokens"
EMBEDDINGS: Final = "openai_embeddings"

RESUMING: Final = frozenset({"openai", "anthropic", "gemini", "sandbox"})
"""The kinds of provider that can go on with an answer that broke in the middle."""

OutputLimit = Callable[[str], int | None]
"""How many tokens a model can write, where that is known."""

_FLAVOURS: Final[Mapping[str, Flavour]] = {
    "openai": flavour.OPENAI,
    "deepseek": flavour.DEEPSEEK,
    "openrouter": flavour.OPENROUTER,
}


def ways_of(kind: str, profile: Profile, output_limit: OutputLimit) -> dict[str, Way]:
    """By client dialect, for a provider of `kind` (openai, anthropic, gemini or sandbox)."""
    match kind:
        case "anthropic":
            translated = _translated(AnthropicProvider(output_limit))
            return {
                **translated,
                MESSAGES: MessagesWay(translated[MESSAGES]),
                TOKEN_COUNTS: messages_count(),
                INPUT_TOKENS: CountTranslation(IN_RESPONSES, AnthropicCounter()),
            }
        case "gemini":
            return {
                **_translated(GeminiProvider()),
                EMBEDDINGS: GeminiEmbeddingsWay(),
                TOKEN_COUNTS: CountTranslation(IN_MESSAGES, GeminiCounter()),
                INPUT_TOKENS: CountTranslation(IN_RESPONSES, GeminiCounter()),
            }
        case "sandbox":
            return _openai_ways(profile, flavour.SANDBOX)
        case _:
            return _openai_ways(profile, _FLAVOURS.get(profile.name, flavour.PLAIN))


def resumptions_of(kind: str, profile: Profile, output_limit: OutputLimit) -> dict[str, Resumption]:
    """By client dialect, how a provider of `kind` goes on with answers that broke.

    One that has OpenAI's responses is asked for the rest of one in chat completions: their streams can be read.
    """
    ways = ways_of(kind, profile, output_limit)
    match kind:
        case "anthropic":
            provider: ProviderCodec = AnthropicProvider(output_limit)
        case "gemini":
            provider = GeminiProvider()
        case "sandbox":
            provider = ChatProvider(flavour.SANDBOX)
        case _:
            provider = ChatProvider(_FLAVOURS.get(profile.name, flavour.PLAIN))
    if RESPONSES in ways and not ways[RESPONSES].translates:
        ways[RESPONSES] = Translation(ResponsesClient(), provider)
    if profile.reasons_in_responses:
        ways[MESSAGES] = Translation(MessagesClient(), provider)
    prefix_of = partial(prefix_form, kind, profile.name)
    return {dialect: Resumption(ways[dialect], provider, prefix_of) for dialect in (CHAT, RESPONSES, MESSAGES)}


def _translated(provider: ProviderCodec) -> dict[str, Way]:
    """The way of every client dialect that has conversations, through the pivot."""
    clients: dict[str, ClientCodec] = {CHAT: ChatClient(), RESPONSES: ResponsesClient(), MESSAGES: MessagesClient()}
    return {dialect: Translation(client, provider) for dialect, client in clients.items()}


def _openai_ways(profile: Profile, its: Flavour) -> dict[str, Way]:
    ways = _translated(ChatProvider(its))
    ways[CHAT] = ChatWay(sends_usage_unasked=profile.sends_usage_unasked, unread=its.unread)
    ways[EMBEDDINGS] = EmbeddingsWay()
    if profile.reasons_in_responses:
        thinking = Translation(MessagesClient(), ResponsesProvider())
        ways[MESSAGES] = WayByModel(hands_reasoning_out, thinking, ways[MESSAGES])
    if profile.counts_tokens:
        ways[TOKEN_COUNTS] = CountTranslation(IN_MESSAGES, ResponsesCounter())
        ways[INPUT_TOKENS] = input_tokens()
    if profile.offers_responses:
        ways[RESPONSES] = ResponsesWay(terminated=profile.terminates_responses)
    return ways
