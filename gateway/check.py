"""What `llm-gateway check` tells of a valid configuration: who may come in, the routing table, who has a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.config import Config, SandboxProvider
from gateway.config.platform import CMS, CODE_ORCHESTRATOR
from gateway.errors import GatewayError
from gateway.providers.catalog import Catalog


class Report(NamedTuple):
    text: str
    all_served: bool
    """Whether every configured model has somebody to serve it."""


def report(config: Config) -> Report:
    """The report; it names variables, never what they hold."""
    catalog = Catalog(config)
    refused = dict(_refused(config, catalog))
    sections = [
        ("", [_listens(config), _clients(config)]),
        ("For operators:", _rows(_operators(config))),
        ("Models, asked for in this order:", _rows(_models(config, catalog, refused))),
        ("Routes, first match wins:", _rows(_routes(config))),
        ("Providers:", _rows(_providers(config))),
        ("Beside it:", _rows(_neighbours(config))),
        ("Cannot be served:", _rows(refused.items())),
    ]
    text = "\n\n".join("\n".join([title, *lines] if title else lines) for title, lines in sections if lines)
    return Report(f"The configuration is valid.\n\n{text}\n", not refused)


def _listens(config: Config) -> str:
    server = config.server
    scheme = "https" if server.tls_cert else "http"
    return f"Listens on {scheme}://{server.host}:{server.port} ({server.engine})."


def _clients(config: Config) -> str:
    labels = ", ".join(key.label for key in config.client_keys)
    stored = "one of the store's" if _shares(config) else ""
    if config.auth_required:
        return f"Clients must show a key: {' or '.join(filter(None, (labels, stored)))}."
    if labels and config.auth.mode == "auto":
        return f'Clients need no key on this address, although there are some ({labels}): auth.mode = "keys" asks.'
    return "Clients need no key."


def _operators(config: Config) -> Iterator[tuple[str, str]]:
    asks = "asks for LLM_GATEWAY_ADMIN_TOKEN", "from this machine only: LLM_GATEWAY_ADMIN_TOKEN is not set"
    yield "/admin", asks[config.admin_token is None]
    yield "/metrics", f"asks for {config.metrics.token_env}" if config.metrics_token else "open"
    yield "shared store", _store(config)
    yield "traces", config.traces.endpoint or "none"


def _shares(config: Config) -> bool:
    """Whether a store is named, that is one."""
    return config.store_address is not None and config.store_address.kind != "memory"


def _store(config: Config) -> str:
    if config.store_address is not None:
        return str(config.store_address) if _shares(config) else "none: each process keeps its own"
    if config.server.workers > 1:
        return "localhost:6379 if one answers there, else one of these workers' own"
    return "localhost:6379 if one answers there"


def _models(config: Config, catalog: Catalog, refused: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name in config.models:
        if name not in refused:
            yield name, ", then ".join(f"{place.provider}: {place.model}" for place in catalog.places(name))


def _refused(config: Config, catalog: Catalog) -> Iterator[tuple[str, str]]:
    for name in config.models:
        try:
            catalog.places(name)
        except GatewayError as missing:
            yield name, missing.message


def _routes(config: Config) -> Iterator[tuple[str, str]]:
    rest = [route for route in config.routes if route.match == "*"]
    for route in config.routes:
        if route not in rest:
            yield route.match, route.provider
    yield "<provider>/<model>", "that provider"
    yield from ((route.match, route.provider) for route in rest[:1])


def _providers(config: Config) -> Iterator[tuple[str, str]]:
    for name, provider in config.providers.items():
        missing = config.missing_keys(name)
        keys = ", ".join(key.label for key in config.provider_keys(name))
        if isinstance(provider, SandboxProvider):
            yield name, "needs no key"
        elif missing:
            yield name, f"no key: set {' or '.join(missing)}"
        elif provider.auth == "passthrough":
            yield name, f"the client's own key, {provider.base_url}"
        else:
            yield name, f"{f'key in {keys}' if keys else 'needs no key'}, {provider.base_url}"


def _neighbours(config: Config) -> Iterator[tuple[str, str]]:
    """The services that somebody said where they are, and tools of the operator's own."""
    for name, service in ((CMS, config.cms), (CODE_ORCHESTRATOR, config.code_orchestrator)):
        if config.is_off(name):
            yield name, "switched off"
        elif service.url or name in config.health.required:
            yield name, service.address + (", required" if name in config.health.required else "")
    for name, tool in config.http_tools.items():
        yield f"tool {name}", f"{tool.method} {tool.url}"


def _rows(pairs: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(pairs)
    width = max((len(left) for left, _ in rows), default=0)
    return [f"  {left:<{width}}  {right}" for left, right in rows]
