"""The models that a provider with a key is listed with; any other name is passed on to it all the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WELL_KNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openai": (
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-4.1",
            "gpt-4.1-mini",
            "gpt-4.1-nano",
            "gpt-5",
            "gpt-5-mini",
            "gpt-5-nano",
            "gpt-5.1",
            "gpt-5.2",
            "gpt-5.4",
            "gpt-5.5",
            "o3",
            "o4-mini",
            "text-embedding-3-large",
            "text-embedding-3-small",
        ),
        "anthropic": (
            "claude-haiku-4-5",
            "claude-opus-4-5",
            "claude-opus-4-6",
            "claude-opus-4-8",
            "claude-opus-5",
            "claude-sonnet-4-5",
            "claude-sonnet-4-6",
            "claude-sonnet-5",
        ),
        "google": (
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
            "gemini-2.5-pro",
            "gemini-3-flash-preview",
            "gemini-3-pro-preview",
            "gemini-3.5-flash",
            "gemini-embedding-001",
        ),
        "deepseek": ("deepseek-chat", "deepseek-reasoner", "deepseek-v4-flash", "deepseek-v4-pro"),
        "openrouter": (
            "anthropic/claude-sonnet-4.5",
            "deepseek/deepseek-chat",
            "google/gemini-2.5-flash",
            "meta-llama/llama-3.3-70b-instruct",
            "openai/gpt-4.1-mini",
            "openai/gpt-5",
            "openrouter/auto",
            "qwen/qwen3-coder",
            "z-ai/glm-5-turbo",
        ),
    }
)
