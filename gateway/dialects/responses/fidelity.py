"""What becomes of each property of a Responses request on its way to another dialect.

A name with a dot is a member within a property. What the gateway does itself (it keeps responses, continues them and
runs them in the background) is the same for every provider.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, GEMINI, OPENAI_CHAT, Dropped, Fate, Mapped, Refused, Table


def _same(fate: Fate) -> dict[str, Fate]:
    return {OPENAI_CHAT: fate, ANTHROPIC_MESSAGES: fate, GEMINI: fate}


def _row(chat: Fate, anthropic: Fate, gemini: Fate) -> dict[str, Fate]:
    return {OPENAI_CHAT: chat, ANTHROPIC_MESSAGES: anthropic, GEMINI: gemini}


_CACHE_HINT: Final = Dropped("a hint for OpenAI's cache; the answer is the same without it")
_OWN_TIER: Final = Mapped("the provider's own word for it")
_OWN_CACHE: Final = Dropped("a hint for OpenAI's cache; this provider finds cached prompts by itself")
_NO_USER: Final = Dropped("it takes no end user's name")
_NO_LOGPROBS: Final = Refused("it tells no log probabilities.", (0,))
_NO_VERBOSITY: Final = Refused("it has no such setting.", ("medium",))

TABLE: Final[Table] = {
    "background": _same(Mapped("the gateway runs it in the background")),
    "context_management": _same(Refused("only OpenAI compacts conversations in this form.")),
    "conversation": _same(Refused("conversations are objects kept by OpenAI; use previous_response_id.")),
    "include": _same(Mapped("encrypted reasoning is always given; log probabilities where the provider tells them")),
    "input": _same(Mapped("messages, calls, results and reasoning; items of OpenAI's own tools are refused")),
    "instructions": _same(Mapped("the first system message")),
    "max_output_tokens": _same(Mapped()),
    "max_tool_calls": _same(Refused("it bounds the calls of OpenAI's own tools.")),
    "metadata": _same(Mapped("kept with the response and repeated in it")),
    "model": _same(Mapped()),
    "moderation": _same(Refused("only OpenAI moderates in this form.")),
    "parallel_tool_calls": _row(
        Mapped(), Mapped("disable_parallel_tool_use"), Refused("it cannot be kept to one call at a time.", (True,))
    ),
    "previous_response_id": _same(Mapped("the gateway puts the earlier turns before the input")),
    "prompt": _same(Refused("prompt templates are kept by OpenAI.")),
    "prompt_cache_key": _row(Mapped(), _OWN_CACHE, _OWN_CACHE),
    "prompt_cache_options": _same(_CACHE_HINT),
    "prompt_cache_retention": _same(_CACHE_HINT),
    "reasoning": _same(Mapped()),
    "reasoning.context": _same(Dropped("which reasoning a model sees again is its own provider's rule")),
    "reasoning.effort": _same(Mapped("the provider's own terms of effort or budget")),
    "reasoning.generate_summary": _same(Mapped("as reasoning.summary")),
    "reasoning.mode": _same(Refused("only OpenAI has it.", ("standard",))),
    "reasoning.summary": _same(Mapped("thoughts are shown where the provider shows them")),
    "safety_identifier": _row(Mapped("user"), Mapped("metadata.user_id; it goes before `user`"), _NO_USER),
    "service_tier": _row(Mapped(), _OWN_TIER, _OWN_TIER),
    "store": _same(Mapped("the gateway keeps the response")),
    "stream": _same(Mapped()),
    "stream_options": _same(Dropped("obfuscation pads events; nothing is added to what they say")),
    "temperature": _same(Mapped()),
    "text": _same(Mapped()),
    "text.format": _same(Mapped()),
    "text.verbosity": _row(Mapped(), _NO_VERBOSITY, _NO_VERBOSITY),
    "tool_choice": _same(Mapped("OpenAI's own tools cannot be chosen")),
    "tools": _same(Mapped("functions; a provider's own tools where it has one like it")),
    "top_logprobs": _row(Mapped(), _NO_LOGPROBS, Mapped()),
    "top_p": _same(Mapped()),
    "truncation": _same(Dropped("nothing is cut off: what is too long is refused by the provider")),
    "user": _row(Mapped(), Mapped("metadata.user_id"), _NO_USER),
}
