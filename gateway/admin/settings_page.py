"""GET /admin/config: the settings in force, without a single secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.admin.asking import json_answer
from gateway.config import Config
from gateway.config.secrets import looks_secret
from gateway.exchange import Answer, Request

HELD: Final = "(set)"
"""Stands for a secret that the environment holds."""
_LOGIN: Final = re.compile(r"(^[a-z][a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)
_TOLD_OTHERWISE: Final = frozenset({"client_keys", "secrets", "store_address"})


class SettingsPage:
    """The handler. What a section of gateway.toml may hold is no secret: the file is refused if it has one."""

    def __init__(self, config: Config, in_force: Callable[[], dict[str, Any]] = dict) -> None:
        """`in_force` is what operators have changed since."""
        self._config = config
        self._in_force = in_force

    async def __call__(self, _request: Request) -> Answer:
        return json_answer({**masked(self._config), "changed": self._in_force()})


def masked(config: Config) -> dict[str, Any]:
    """The settings as plain JSON. A secret is named by its variable and said to be there, nothing else of it is."""
    document = {name: _plain(getattr(config, name)) for name in config.__struct_fields__ if name not in _TOLD_OTHERWISE}
    store = config.store_address
    return {
        **document,
        "client_keys": [key.label for key in config.client_keys],
        "store_address": None if store is None else str(store),
        "secrets": dict.fromkeys(sorted(config.secrets), HELD),
    }


def digest_of(config: Config) -> str:
    """The same for the same settings, as far as they are shown."""
    return sha256(msgspec.json.encode(masked(config), order="sorted")).hexdigest()


def _plain(value: object) -> object:
    return _without_secrets(msgspec.to_builtins(dict(value) if isinstance(value, Mapping) else value))


def _without_secrets(plain: object, name: str = "") -> object:
    """A key's digest, and a user and password within an address, are nobody's business either."""
    if isinstance(plain, dict):
        return {key: _without_secrets(inner, str(key)) for key, inner in plain.items()}
    if isinstance(plain, list | tuple):
        return [_without_secrets(inner, name) for inner in plain]
    if isinstance(plain, str) and plain and (name == "sha256" or looks_secret(plain)):
        return HELD
    return _LOGIN.sub(rf"\g<1>{HELD}@", plain) if isinstance(plain, str) else plain
