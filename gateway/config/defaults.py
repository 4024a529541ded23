"""What is there without a gateway.toml: the providers, their variables, and the routing table."""

from __future__ import annotations

from gateway.config.settings import CloudProvider, Kind, Provider, Route, SandboxProvider

OPENROUTER = "openrouter"
"""The provider that knows other providers' models too; it has rules of its own in the routing table."""

SANDBOX_MODELS = ("echo", "lorem", "embedding")
"""What a provider of the kind sandbox serves."""

BASE_URL_VARIABLES = {
    "ANTHROPIC_BASE_URL": "anthropic",
    "OPENAI_BASE_URL": "openai",
    "GEMINI_BASE_URL": "google",
    "DEEPSEEK_BASE_URL": "deepseek",
    "OPENROUTER_BASE_URL": "openrouter",
}


def _cloud(kind: Kind, base_url: str, api_key_env: str, *, responses: bool = False) -> CloudProvider:
    return CloudProvider(
        kind=kind,
        base_url=base_url,
        api_key_env=(api_key_env,),
        requests_per_minute=10_000,
        tokens_per_minute=2_000_000,
        responses=responses,
    )


def default_providers() -> dict[str, Provider]:
    """The five clouds and the sandbox."""
    return {
        "openai": _cloud("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", responses=True),
        "anthropic": _cloud("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        "google": _cloud("gemini", "https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
        "deepseek": _cloud("openai", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
        "openrouter": _cloud("openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", responses=True),
        "sandbox": SandboxProvider(kind="sandbox"),
    }


def default_routes() -> tuple[Route, ...]:
    """The routing table: the first match wins, `*` alone is asked last."""
    table = (
        ("claude-*", "anthropic"),
        ("gpt-*", "openai"),
        ("chatgpt-*", "openai"),
        ("o1*", "openai"),
        ("o3*", "openai"),
        ("o4*", "openai"),
        ("text-embedding-*", "openai"),
        ("gemini-*", "google"),
        ("deepseek-*", "deepseek"),
        ("sandbox/*", "sandbox"),
        ("*", "openrouter"),
    )
    return tuple(Route(match=match, provider=provider) for match, provider in table)
