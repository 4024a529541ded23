"""The tables in which users choose the names: providers, routes, models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.config.addresses import BadAddress, normal_base_url
from gateway.config.defaults import default_providers, default_routes
from gateway.config.mistakes import Path
from gateway.config.reader import STAND_IN, Reader, show
from gateway.config.secrets import HIDDEN
from gateway.config.settings import CloudProvider, Model, Provider, Route, SandboxProvider

LONGEST_MODEL_NAME = 256

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CLOUD_KINDS: Final = ("openai", "anthropic", "gemini")
_SANDBOX_ONLY: Final = frozenset(SandboxProvider.__struct_fields__) - frozenset(CloudProvider.__struct_fields__)


def read_providers(reader: Reader, table: object) -> dict[str, Provider]:
    """The default providers, changed and joined by those of the file."""
    given = reader.tables(table, ("providers",))
    providers = default_providers()
    for name in [*providers, *(name for name in given if name not in providers)]:
        path: Path = ("providers", name)
        if not _PROVIDER_NAME.fullmatch(name):
            reader.note(path, "a name of lower-case letters, digits, - and _", name)
        settings = given.get(name, {})
        if name not in providers and isinstance(settings, dict) and "kind" not in settings:
            known = "one of the providers that are always there, or kind and base_url of a new one"
            reader.suggest(path, known, name, providers)
        providers[name] = _provider(reader, settings, path, providers.get(name))
    return providers


def read_routes(reader: Reader, tables: object) -> tuple[Route, ...]:
    """The file's routes, which replace the default table; without any, the default."""
    return default_routes() if tables is None else reader.structs(Route, tables, ("routes",))


def read_models(reader: Reader, table: object) -> dict[str, Model]:
    """The configured models and aliases."""
    models: dict[str, Model] = {}
    for name, settings in reader.tables(table, ("models",)).items():
        path: Path = ("models", name)
        if not is_model_name(name):
            reader.note(path, f"a name of 1 to {LONGEST_MODEL_NAME} characters", name)
        models[name] = reader.struct(Model, settings, path)
    return models


def is_model_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_MODEL_NAME


def _provider(reader: Reader, settings: object, path: Path, default: Provider | None) -> Provider:
    table = reader.tables(settings, path)
    kind = table.get("kind", None if default is None else default.kind)
    if kind == "sandbox":
        return reader.struct(SandboxProvider, table, path, default if isinstance(default, SandboxProvider) else None)
    base = default if isinstance(default, CloudProvider) else None
    if kind not in _CLOUD_KINDS:
        # What no kind has, or takes, is told; whether it needs an address is not.
        base = base or CloudProvider(kind="openai", base_url=STAND_IN)
        other = {name: table[name] for name in table if name in _SANDBOX_ONLY}
        table = {name: table[name] for name in table if name not in _SANDBOX_ONLY}
        reader.struct(SandboxProvider, other, path, SandboxProvider(kind="sandbox"))
    table = _with_upstream_table(_with_key_list(table))
    return _checked(reader, reader.struct(CloudProvider, table, path, base), table, path)


def _with_key_list(table: dict[str, Any]) -> dict[str, Any]:
    """One variable may stand without the brackets of a list, and none as an empty text."""
    if not isinstance(table.get("api_key_env"), str):
        return table
    return {**table, "api_key_env": [table["api_key_env"]] if table["api_key_env"] else []}


def _with_upstream_table(table: dict[str, Any]) -> dict[str, Any]:
    """The engine alone may stand for the table that names it."""
    if not isinstance(table.get("upstream"), str):
        return table
    return {**table, "upstream": {"engine": table["upstream"]}}


def _checked(reader: Reader, provider: CloudProvider, table: Mapping[str, Any], path: Path) -> CloudProvider:
    variables = provider.api_key_env
    if len(set(variables)) < len(variables) and not reader.is_wrong((*path, "api_key_env")):
        reader.note((*path, "api_key_env"), "each variable once", None, shown=", ".join(variables))
    if provider.auth == "passthrough" and table.get("api_key_env"):
        reader.note((*path, "auth"), "one source of keys: api_key_env or the client's own", provider.auth)
    if provider.kind != "openai" and "responses" in table and not reader.is_wrong((*path, "kind")):
        reader.note(
            (*path, "responses"), 'kind = "openai", which this setting is for', None, shown=f'"{provider.kind}"'
        )
    if provider.base_url == STAND_IN:
        return provider
    try:
        address = normal_base_url(provider.base_url, provider.kind)
    except BadAddress as bad:
        # A password may stand anywhere before an @.
        found = HIDDEN if "@" in provider.base_url else show(provider.base_url)
        reader.note((*path, "base_url"), str(bad), None, shown=found)
        return provider
    return msgspec.structs.replace(provider, base_url=address)
