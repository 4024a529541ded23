"""What the log says once the gateway serves: where, for whom, and with whose help."""

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
