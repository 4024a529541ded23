"""Reads gateway.toml and lays the environment over it: environment beats file beats default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import tomli

from gateway.config.checks import (
    ModelChecks,
    check_origins,
    check_propagated,
    check_providers,
    check_required,
    check_retry,
    check_routes,
    check_server,
    check_services,
    check_transports,
)
from gateway.config.client_keys import Auth
from gateway.config.clients import auth_required, read_client_keys, read_secrets
from gateway.config.mistakes import ConfigError, Mistake
from gateway.config.overlay import overlay_of
from gateway.config.platform import Cms, CodeOrchestrator, Health
from gateway.config.reader import ENVIRONMENT, Reader
from gateway.config.routing import RoutingTable
from gateway.config.secrets import HIDDEN, secrets_within
from gateway.config.section import Section
from gateway.config.settings import (
    Cache,
    Catalogue,
    Config,
    Log,
    Memory,
    Metrics,
    Midstream,
    Responses,
    Retry,
    Server,
    Store,
    TimeoutSettings,
    Traces,
    Upstream,
)
from gateway.config.stores import read_store
from gateway.config.tables import read_models, read_providers, read_routes
from gateway.config.tls_files import check_tls_files
from gateway.config.toml_lines import lines_of
from gateway.config.tools import read_tools
from gateway.config.traces import read_traces

DEFAULT_FILE = "gateway.toml"
CONFIG_VARIABLE = "LLM_GATEWAY_CONFIG"

_NAMED_TABLES = ("providers", "routes", "models", "tools")


class Sections(Section, frozen=True, kw_only=True):
    """The tables whose keys are all known beforehand."""

    server: Server = Server()
    auth: Auth = Auth()
    timeouts: TimeoutSettings = TimeoutSettings()
    retry: Retry = Retry()
    midstream: Midstream = Midstream()
    memory: Memory = Memory()
    responses: Responses = Responses()
    cache: Cache = Cache()
    store: Store = Store()
    catalogue: Catalogue = Catalogue()
    health: Health = Health()
    cms: Cms = Cms()
    code_orchestrator: CodeOrchestrator = CodeOrchestrator()
    upstream: Upstream = Upstream()
    log: Log = Log()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()


class Source(NamedTuple):
    """A file of settings and what it says."""

    name: str
    text: str


def load(path: Path | None, environ: Mapping[str, str], options: Mapping[str, str] | None = None) -> Config:
    """The configuration of one gateway. Raises ConfigError with everything that is wrong.

    Reads `path`, else the file that LLM_GATEWAY_CONFIG names, else ./gateway.toml where there is one. `options` are
    the command line's by name ("--port"); they beat the environment.
    """
    return understand(read_source(path, environ), environ, options)


def understand(source: Source, environ: Mapping[str, str], options: Mapping[str, str] | None = None) -> Config:
    """What `source` says, with the environment and the options laid over it. Raises ConfigError as `load` does."""
    reader = Reader(source.name, lines_of(source.text), overlay_of(environ, options or {}))
    document = _parse(source, reader)
    if document is None:
        # What the file says is unknown, so nothing can be checked against it; the overlay still can.
        _read_sections(reader, {})
        read_providers(reader, {})
        raise ConfigError(reader.mistakes)
    config = _assemble(reader, document, environ)
    for place in secrets_within(document):
        reader.note_once(place, "no secret in this file, only the name of the variable that holds it", HIDDEN)
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return config


def read_source(path: Path | None, environ: Mapping[str, str], *, was_there: bool = False) -> Source:
    """The file's text, none at all where nobody named one and there is none, unless there `was_there` one before.

    Raises ConfigError.
    """
    source, key = "command line", "--config"
    if path is None:
        named = environ.get(CONFIG_VARIABLE, "").strip()
        if not (named or was_there or Path(DEFAULT_FILE).is_file()):
            return Source(DEFAULT_FILE, "")
        source, key = (ENVIRONMENT, CONFIG_VARIABLE) if named else (DEFAULT_FILE, "")
        path = Path(named or DEFAULT_FILE)
    try:
        # Editors on Windows put a byte order mark first.
        return Source(str(path), path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        expected, found = "a TOML file in UTF-8", f"{path}, which is not UTF-8"
    except (OSError, ValueError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else str(failure)
        expected, found = "a file that can be read", f"{path}: {reason}"
    raise ConfigError([Mistake(source=source, key=key, expected=expected, found=found)])


def _parse(source: Source, reader: Reader) -> dict[str, Any] | None:
    try:
        return tomli.loads(source.text)
    except tomli.TOMLDecodeError as bad:
        line = getattr(bad, "lineno", None)
        mistake = Mistake(source=source.name, key="", line=line, expected="TOML", found=f"a syntax error: {bad}")
    except RecursionError:
        mistake = Mistake(source=source.name, key="", expected="TOML", found="tables nested too deep")
    reader.mistakes.append(mistake)
    return None


def _read_sections(reader: Reader, document: dict[str, Any]) -> Sections:
    known = (*Sections.__struct_fields__, *_NAMED_TABLES)
    reader.refuse_unknown(document, known, ())
    sections = {name: table for name, table in document.items() if name in Sections.__struct_fields__}
    return reader.struct(Sections, sections, ())


def _assemble(reader: Reader, document: dict[str, Any], environ: Mapping[str, str]) -> Config:
    sections = _read_sections(reader, document)
    providers = read_providers(reader, document.get("providers", {}))
    routes = read_routes(reader, document.get("routes"))
    models = read_models(reader, document.get("models", {}))
    check_server(reader, sections.server)
    check_tls_files(reader, sections.server, sections.upstream, sections.store)
    check_origins(reader, sections.server)
    check_retry(reader, sections.retry)
    check_providers(reader, providers)
    check_transports(reader, sections.upstream, providers)
    check_required(reader, sections.health, providers, sections.cms, sections.code_orchestrator)
    check_propagated(reader, sections.cms.propagate, providers)
    check_services(reader, {"cms": sections.cms, "code_orchestrator": sections.code_orchestrator})
    check_routes(reader, routes, providers)
    ModelChecks(reader, models, RoutingTable(routes, providers), providers).run()
    keys = read_client_keys(reader, sections.auth, environ)
    store = read_store(reader, sections.store, environ)
    tools, http_tools = read_tools(reader, document.get("tools", {}))
    return Config(
        **{name: getattr(sections, name) for name in Sections.__struct_fields__ if name not in ("server", "traces")},
        server=_with_engine(sections.server),
        traces=read_traces(reader, sections.traces, environ),
        providers=MappingProxyType(providers),
        routes=routes,
        models=MappingProxyType(models),
        tools=tools,
        http_tools=MappingProxyType(http_tools),
        auth_required=auth_required(reader, sections.server, sections.auth, keys, store),
        client_keys=keys,
        secrets=read_secrets(
            reader, providers, sections.metrics, sections.upstream, sections.traces, http_tools, environ
        ),
        store_address=store,
    )


def _with_engine(server: Server) -> Server:
    """TLS is Hypercorn's: the edge engine speaks plain HTTP only."""
    return msgspec.structs.replace(server, engine="hypercorn") if server.tls_cert else server
