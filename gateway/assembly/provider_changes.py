"""Which providers a new configuration adds, takes away, or makes into others."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gateway.assembly.actor_settings import provider_settings
from gateway.assembly.settled import Settled
from gateway.config.settings import ProviderTimeouts


class ProviderChanges(NamedTuple):
    """By name, in the order of the configuration."""

    added: list[str]
    changed: list[str]
    removed: list[str]


def provider_changes(before: Settled, after: Settled) -> ProviderChanges:
    """What the providers' actors have to do with; timeouts are their callers', so those alone change no provider."""
    old, new = before.config.providers, after.config.providers
    return ProviderChanges(
        added=[name for name in new if name not in old],
        changed=[name for name in new if name in old and _what_it_is(before, name) != _what_it_is(after, name)],
        removed=[name for name in old if name not in new],
    )


def _what_it_is(settled: Settled, name: str) -> tuple[object, ...]:
    config = settled.config
    return (
        msgspec.structs.replace(config.providers[name], timeouts=ProviderTimeouts()),
        config.provider_keys(name),
        config.transport(name),
        config.cms.reaches(name),
        provider_settings(config, settled.catalog, name),
    )
