"""gateway.toml and the environment as frozen structs; all mistakes are reported at once.

load.py           reads and merges: environment beats file beats default
origin.py         where the settings come from, to be read again
settings.py       every setting with its type, bounds and default; platform.py those of the services beside it
section.py        what settings are made of
defaults.py       the providers and the routing table that are there without a file
reader.py         decodes tables, notes mistakes (mistakes.py) and goes on
checks.py         what must fit together: routes, aliases, keys, TLS, who may come in
routing.py        which provider a name belongs to
tools.py          tools of the operator's own
stores.py         where the shared store is; store_address.py takes its URL apart
secrets.py        what must never be printed
"""

from __future__ import annotations

from gateway.config.client_keys import ClientKey
from gateway.config.load import DEFAULT_FILE, load
from gateway.config.mistakes import ConfigError, Mistake
from gateway.config.origin import Origin
from gateway.config.settings import (
    CloudProvider,
    Config,
    Model,
    Provider,
    ProviderKey,
    Route,
    SandboxProvider,
)

__all__ = [
    "DEFAULT_FILE",
    "ClientKey",
    "CloudProvider",
    "Config",
    "ConfigError",
    "Mistake",
    "Model",
    "Origin",
    "Provider",
    "ProviderKey",
    "Route",
    "SandboxProvider",
    "load",
]
