"""What a new configuration changes in one that is at work."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.config.settings import Config

FIXED: Final = ("server", "upstream", "responses", "cache", "store", "traces")
"""Sections that hold for a process's whole life."""


def fixed_changes(before: Config, after: Config) -> list[str]:
    """The sections that take a new process to come into force."""
    return [name for name in FIXED if getattr(before, name) != getattr(after, name)]


def with_fixed_of(before: Config, after: Config) -> Config:
    """`after`, as far as it can come into force within the process that runs `before`."""
    return msgspec.structs.replace(
        after, **{name: getattr(before, name) for name in FIXED}, store_address=before.store_address
    )
