"""What the configuration means to the actors: limits, budgets and retries in their own terms."""

from __future__ import annotations

from actors.admission import ProviderSettings
from actors.buckets import RateLimits
from actors.key_ring import KeyPauses
from actors.policy.gradient import GradientSettings
from actors.policy.retry_budget import BudgetTerms
from actors.policy.retry_plan import RetrySettings
from actors.router import RouterSettings
from gateway.config import Config
from gateway.config.section import Rates
from gateway.config.settings import MEGABYTE, Provider
from gateway.keys.caller import limits_of
from gateway.providers.catalog import Catalog


def provider_settings(config: Config, catalog: Catalog, name: str) -> ProviderSettings:
    """Those of one provider."""
    provider = config.providers[name]
    keys = tuple(key.label for key in config.provider_keys(name))
    models = catalog.models_of(name).items()
    return ProviderSettings(
        name=name,
        keys=keys or ("none",),
        missing_keys=config.missing_keys(name),
        limits=_limits(provider),
        model_limits={model: _limits(rates) for model, rates in models if _limits(rates) != RateLimits()},
        max_concurrent=provider.max_concurrent,
        gradient=_gradient(provider),
        kept_for_high=provider.kept_for_high,
        memory_bytes=provider.memory_mb * MEGABYTE,
        key_pauses=KeyPauses(cooldown_max_s=config.retry.cooldown_max_s),
    )


def router_settings(config: Config) -> RouterSettings:
    """Those of the router; a limit of 0 is none."""
    retry = config.retry
    return RouterSettings(
        retry=RetrySettings(
            attempts=retry.attempts, backoff_base_s=retry.backoff_base_s, backoff_max_s=retry.backoff_max_s
        ),
        budget=BudgetTerms(retry.budget_deposit, retry.budget_start, retry.budget_cap),
        resume=config.midstream.policy == "resume",
        clients={key.label: limits_of(key) for key in config.client_keys},
    )


def _gradient(provider: Provider) -> GradientSettings | None:
    if not provider.adaptive_concurrency:
        return None
    return GradientSettings(least=provider.min_concurrent, most=provider.max_concurrent)


def _limits(rates: Rates) -> RateLimits:
    return RateLimits(
        requests_per_minute=rates.requests_per_minute or None, tokens_per_minute=rates.tokens_per_minute or None
    )
