"""What each setting cannot know by itself: whether they fit together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gateway.config.addresses import BadAddress, is_origin, is_proxy, normal_base_url
from gateway.config.defaults import OPENROUTER, SANDBOX_MODELS
from gateway.config.mistakes import Path
from gateway.config.platform import (
    CMS,
    CODE_ORCHESTRATOR,
    REDIS,
    Cms,
    CodeOrchestrator,
    Health,
    Service,
)
from gateway.config.reader import STAND_IN, Reader
from gateway.config.routing import RoutingTable
from gateway.config.secrets import HIDDEN
from gateway.config.settings import (
    CloudProvider,
    Model,
    ModelPrices,
    Provider,
    ProviderUpstream,
    Retry,
    Route,
    SandboxProvider,
    Server,
    Upstream,
)
from gateway.config.tables import is_model_name


def check_server(reader: Reader, server: Server) -> None:
    for have, lack in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if getattr(server, have) and not getattr(server, lack) and not reader.is_wrong(("server", lack)):
            reader.note(("server", lack), f"a file, as {have} is set", None, shown="nothing")


def check_origins(reader: Reader, server: Server) -> None:
    for position, origin in enumerate(server.cors_origins):
        path: Path = ("server", "cors_origins", position)
        if origin != "*" and not is_origin(origin) and not reader.is_wrong(path):
            expected = 'an origin as browsers write it, like "https://app.example" or "http://localhost:3000", or "*"'
            reader.note(path, expected, origin)


def check_retry(reader: Reader, retry: Retry) -> None:
    base, most = ("retry", "backoff_base_s"), ("retry", "backoff_max_s")
    if retry.backoff_base_s > retry.backoff_max_s and not reader.is_wrong(base, most):
        expected = f"at least backoff_base_s ({retry.backoff_base_s:g})"
        reader.note(most, expected, retry.backoff_max_s)
    start, cap = ("retry", "budget_start"), ("retry", "budget_cap")
    if retry.budget_start > retry.budget_cap and not reader.is_wrong(start, cap):
        reader.note(cap, f"at least budget_start ({retry.budget_start:g})", retry.budget_cap)


def check_providers(reader: Reader, providers: Mapping[str, Provider]) -> None:
    for name, provider in providers.items():
        least, most = ("providers", name, "min_concurrent"), ("providers", name, "max_concurrent")
        is_too_narrow = provider.adaptive_concurrency and provider.min_concurrent > provider.max_concurrent
        if is_too_narrow and not reader.is_wrong(least, most):
            reader.note(least, f"at most max_concurrent ({provider.max_concurrent})", provider.min_concurrent)


def check_transports(reader: Reader, upstream: Upstream, providers: Mapping[str, Provider]) -> None:
    """A proxy and HTTP/2 are the httpx engine's; with the other one they would do nothing."""
    places: dict[Path, Upstream | ProviderUpstream] = {("upstream",): upstream}
    for name, provider in providers.items():
        if isinstance(provider, CloudProvider):
            places["providers", name, "upstream"] = provider.upstream
    for path, place in places.items():
        is_edge = (place.engine or upstream.engine) == "edge"
        is_known = not reader.is_wrong((*path, "engine")) and (
            bool(place.engine) or not reader.is_wrong(("upstream", "engine"))
        )
        for setting in ("proxy", "proxy_env", "http2"):
            if getattr(place, setting) and is_edge and is_known:
                reader.note((*path, setting), 'engine = "httpx", which this setting is for', None, shown='"edge"')
        if place.proxy and not is_proxy(place.proxy, with_user=False):
            hint = "an address with a password belongs into a variable, which proxy_env names"
            expected = "an http or https address without user, path or query"
            reader.note((*path, "proxy"), expected, None, hint, shown=HIDDEN)
        if place.proxy and place.proxy_env:
            reader.note((*path, "proxy"), "one of proxy and proxy_env", None, shown="both")


def check_required(
    reader: Reader, health: Health, providers: Collection[str], cms: Cms, orchestrator: CodeOrchestrator
) -> None:
    """Only what is there can be waited for, and what nobody looks at is never known to be there."""
    services: dict[str, Service] = {CMS: cms, CODE_ORCHESTRATOR: orchestrator}
    if cms.enabled == "off" and cms.require_tier:
        reader.note(("cms", "require_tier"), '0, as cms.enabled is "off"', cms.require_tier)
    if cms.enabled == "off" and CMS in health.required:
        reader.note((CMS, "enabled"), f'"auto" or "on", as health.required names {CMS}', cms.enabled)
    for position, name in enumerate(health.required):
        path: Path = ("health", "required", position)
        if name not in (known := [REDIS, *services, *providers]) and not reader.is_wrong(path):
            if not reader.is_unread(("providers",)):
                reader.suggest(path, "redis, cms, code_orchestrator or a provider's name", name, known)
        elif name in services and services[name].check_s == 0:
            reader.note((name, "check_s"), f"more than 0, as health.required names {name}", 0)


def check_services(reader: Reader, services: Mapping[str, Service]) -> None:
    """By section; an address may hold no password and no query."""
    for section, service in services.items():
        if service.url:
            try:
                normal_base_url(service.url, "")
            except BadAddress as bad:
                reader.note((section, "url"), str(bad), service.url, shown=HIDDEN if "@" in service.url else None)


def check_propagated(reader: Reader, names: Sequence[str], providers: Collection[str]) -> None:
    """A name that is nobody's would tell nobody of tiers, and nobody would notice."""
    known = ["*", *providers]
    for position, name in enumerate(names):
        path: Path = ("cms", "propagate", position)
        if name not in known and not reader.is_wrong(path) and not reader.is_unread(("providers",)):
            reader.suggest(path, '"*" or the name of a provider', name, known)


def check_routes(reader: Reader, routes: tuple[Route, ...], providers: Collection[str]) -> None:
    if reader.is_unread(("providers",)):
        return
    for position, route in enumerate(routes):
        path: Path = ("routes", position, "provider")
        if route.provider not in providers and not reader.is_wrong(path):
            reader.suggest(path, "the name of a provider", route.provider, providers)


class ModelChecks:
    """Whether every alias ends somewhere, and every fallback is a model that somebody serves."""

    def __init__(
        self, reader: Reader, models: Mapping[str, Model], table: RoutingTable, providers: Mapping[str, Provider]
    ) -> None:
        self._reader = reader
        self._models = models
        self._table = table
        self._providers = providers
        self._in_loops: set[str] = set()
        # Whose a name is, nobody can say who has not read all the names and patterns there are.
        self._names_can_be_judged = STAND_IN not in table.patterns and not any(
            reader.is_unread((section,)) for section in ("routes", "models", "providers")
        )

    def run(self) -> None:
        priced: dict[str, str] = {}
        for name, model in self._models.items():
            path: Path = ("models", name)
            self._check_values(path, model)
            if name in self._in_loops:
                continue
            if model.target is None:
                if is_model_name(name) and not self._reader.is_wrong((*path, "target")):
                    self._check_name(path, name)
            elif not self._loops(name):
                self._check_name((*path, "target"), model.target)
            for position, fallback in enumerate(model.fallbacks):
                place: Path = (*path, "fallbacks", position)
                if fallback == name:
                    self._reader.note(place, "another model than this one", fallback)
                elif not self._reader.is_wrong(place):
                    self._check_name(place, fallback)
            way = self._way_of(name)
            if self._has_prices(name) and not any(map(self._has_prices, way[1:])):
                self._check_prices(name, priced.setdefault(way[-1], name))

    def _way_of(self, name: str) -> list[str]:
        """A name and those that it leads to, as far as no loop."""
        way = [name]
        while (model := self._models.get(way[-1])) is not None and model.target is not None:
            if way[-1] in self._in_loops:
                break
            way.append(model.target)
        return way

    def _has_prices(self, name: str) -> bool:
        model = self._models.get(name)
        return model is not None and model.prices != ModelPrices()

    def _check_prices(self, name: str, other: str) -> None:
        """A model has one price, which the last name on a way to it says: two ways must not say two."""
        if self._models[name].prices != self._models[other].prices:
            expected = f'the prices of [models."{other}"], which leads to the same model'
            self._reader.note(("models", name, "prices"), expected, None, shown="others")

    def _check_values(self, path: Path, model: Model) -> None:
        """What one setting of a model says about another."""
        given = model.parameters
        if given.max_tokens is not None and given.max_completion_tokens is not None:
            expected = "one of max_tokens and max_completion_tokens"
            self._reader.note((*path, "parameters", "max_tokens"), expected, None, shown="both")
        prices = model.prices
        sold: Path = (*path, "prices", "input")
        made: Path = (*path, "prices", "output")
        is_half = prices != ModelPrices() and prices.input is None and prices.output is None
        if is_half and not self._reader.is_wrong(sold, made):
            self._reader.note((*path, "prices"), "the price of input, of output or of both", None, shown="neither")

    def _loops(self, start: str) -> bool:
        """Follows the targets; a ring is told once, at the first of its members."""
        seen = [start]
        while (model := self._models.get(seen[-1])) is not None and model.target is not None:
            if model.target in seen:
                ring = [*seen[seen.index(model.target) :], model.target]
                if not self._in_loops.intersection(ring):
                    path: Path = ("models", ring[0], "target")
                    self._reader.note(path, "targets that end at a model", None, shown=" -> ".join(ring))
                self._in_loops.update(ring)
                return True
            seen.append(model.target)
        return False

    def _check_name(self, path: Path, name: str) -> None:
        """Notes a name that no rule knows. One with a vendor in it is OpenRouter's to judge."""
        if name in self._models and path != ("models", name):
            return
        place = self._table.place(name)
        if place is None or (place.provider == OPENROUTER and not place.named and "/" not in name):
            if self._names_can_be_judged:
                known = [*self._models, *self._table.patterns]
                expected = "a model of [models], one that a route names, or <provider>/<model>"
                self._reader.suggest(path, expected, name, known)
        elif isinstance(self._providers.get(place.provider), SandboxProvider) and place.model not in SANDBOX_MODELS:
            known = [f"{place.provider}/{model}" for model in SANDBOX_MODELS]
            self._reader.suggest(path, " or ".join(known), name, known)
