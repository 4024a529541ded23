"""What the log says once the gateway serves: where, for whom, with whose help, and what of the settings is idle."""

from __future__ import annotations

from typing import Any

from gateway import __version__
from gateway.config.settings import Config


def announcement(config: Config, address: tuple[str, int]) -> dict[str, Any]:
    """The fields of "gateway ready"; `address` is where it really listens."""
    host, port = address
    server = config.server
    return {
        "version": __version__,
        "url": f"{'https' if server.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}",
        "engine": server.engine,
        "workers": server.workers,
        "keys": "asked for" if config.auth_required else "not asked for",
        "providers": [name for name in config.providers if not config.missing_keys(name)],
    }


def unasked_keys(config: Config) -> dict[str, Any] | None:
    """The fields of a warning where there are client keys that nobody has to show: what holds for them does nothing."""
    if config.auth_required or config.auth.mode != "auto" or not config.client_keys:
        return None
    return {
        "keys": [key.label for key in config.client_keys],
        "because": f'auth.mode = "auto" asks for none on {config.server.host}; their budgets and limits do nothing',
        "remedy": 'auth.mode = "keys"',
    }
