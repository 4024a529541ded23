"""Who may come in, and the secrets that settings name: looked up in the environment, checked, kept out of sight."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.config.addresses import is_proxy
from gateway.config.client_keys import Auth, ClientKey, ClientKeySetting, KeyTerms
from gateway.config.mistakes import Path
from gateway.config.platform import HttpTool
from gateway.config.reader import Reader
from gateway.config.secrets import HIDDEN, Secrets
from gateway.config.settings import (
    ADMIN_TOKEN,
    CloudProvider,
    Metrics,
    Provider,
    Server,
    Traces,
    Upstream,
)
from gateway.config.store_address import StoreAddress

API_KEYS = "LLM_GATEWAY_API_KEYS"
"""The variable with client keys, separated by commas."""

_KEYS: Path = ("auth", "keys")


class _Found(NamedTuple):
    setting: ClientKeySetting
    digest: bytes


def read_client_keys(reader: Reader, auth: Auth, environ: Mapping[str, str]) -> tuple[ClientKey, ...]:
    """The client keys of [[auth.keys]] and of LLM_GATEWAY_API_KEYS, each with a label and a value of its own."""
    found = [*_from_file(reader, auth, environ), *_from_environment(reader, environ)]
    _check_labels(reader, auth, {setting.label for setting, _ in found if setting.env == API_KEYS})
    owners: dict[bytes, str] = {}
    if admin := environ.get(ADMIN_TOKEN, "").strip():
        owners[_digest(admin)] = ADMIN_TOKEN
    for setting, digest in found:
        if digest in owners:
            same = f"the value that {owners[digest]} has too"
            reader.note_variable(setting.env or "auth.keys", f"a key of its own for {setting.label}", same)
        owners[digest] = setting.env or setting.label
    return tuple(_client_key(setting, digest) for setting, digest in found)


def auth_required(
    reader: Reader, server: Server, auth: Auth, keys: Iterable[ClientKey], store: StoreAddress | None
) -> bool:
    """Whether clients must show a key; notes a gateway that nobody could use or everybody could."""
    if auth.mode == "off" or (auth.mode == "auto" and is_loopback(server.host)):
        return False
    may_be_elsewhere = store is not None and store.kind != "memory"
    if not auth.keys and not any(keys) and not may_be_elsewhere and not reader.is_wrong(_KEYS, ("auth", "mode")):
        if auth.mode == "keys":
            expected, found, path = "client keys, as mode is keys", "none", ("auth", "mode")
            hint = f"set {API_KEYS} or add [[auth.keys]]"
        else:
            expected, found, path = "client keys or a loopback address", server.host, ("server", "host")
            hint = (
                f"the gateway would be open to the world: set {API_KEYS}, or listen on 127.0.0.1, "
                'or write mode = "off" under [auth] if everybody may come in'
            )
        reader.note(path, expected, None, hint, shown=found)
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name other than localhost may be anywhere."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_secrets(
    reader: Reader,
    providers: Mapping[str, Provider],
    metrics: Metrics,
    upstream: Upstream,
    traces: Traces,
    tools: Mapping[str, HttpTool],
    environ: Mapping[str, str],
) -> Secrets:
    """What the variables hold that the settings name."""
    named = [ADMIN_TOKEN]
    for provider in providers.values():
        if isinstance(provider, CloudProvider):
            named.extend(provider.api_key_env)
    if metrics.token_env:
        named.append(metrics.token_env)
        if not environ.get(metrics.token_env, "").strip():
            # Unset, the metrics would be open although somebody meant to close them.
            reader.note_variable(metrics.token_env, "the token that metrics.token_env names", "nothing")
    for variable in filter(None, (tool.token_env for tool in tools.values())):
        named.append(variable)
        if not environ.get(variable, "").strip():
            # Unset, the tool would be asked as nobody in particular.
            reader.note_variable(variable, "the token that token_env of a tool names", "nothing")
    own = (provider.upstream.proxy_env for provider in providers.values() if isinstance(provider, CloudProvider))
    for variable in filter(None, (upstream.proxy_env, *own)):
        named.append(variable)
        if not is_proxy(environ.get(variable, "").strip(), with_user=True):
            # Unset, providers would be asked directly although somebody meant them not to be.
            reader.note_variable(variable, "the http or https address that proxy_env names", HIDDEN)
    values = {variable: environ.get(variable, "").strip() for variable in named}
    for variable, value in values.items():
        _check_sendable(reader, variable, value)
    values[traces.headers_env] = environ.get(traces.headers_env, "").strip()  # checked where it is taken apart
    return Secrets({variable: value for variable, value in values.items() if value})


def _from_file(reader: Reader, auth: Auth, environ: Mapping[str, str]) -> Iterator[_Found]:
    for position, setting in enumerate(auth.keys):
        path: Path = (*_KEYS, position)
        if reader.is_unread(path):
            continue
        env, sha256 = (*path, "env"), (*path, "sha256")
        # What cannot be read is there all the same.
        given = [bool(setting.env) or reader.is_wrong(env), bool(setting.sha256) or reader.is_wrong(sha256)]
        if any(given) == all(given):
            reader.note(env, "one of env and sha256", None, shown="both" if any(given) else "neither")
        if setting.sha256:
            yield _Found(setting, bytes.fromhex(setting.sha256))
        elif value := environ.get(setting.env, "").strip():
            _check_sendable(reader, setting.env, value)
            yield _Found(setting, _digest(value))
        if setting.env and not environ.get(setting.env, "").strip():
            reader.note(env, "a variable that is set", None, shown=f"{setting.env}, which is not")


def _check_labels(reader: Reader, auth: Auth, taken: set[str]) -> None:
    """`taken` are those that keys from elsewhere have."""
    for position, setting in enumerate(auth.keys):
        path: Path = (*_KEYS, position, "label")
        if setting.label in taken and not reader.is_wrong(path):
            reader.note(path, "a label of its own for each key", setting.label)
        taken = {*taken, setting.label}


def _from_environment(reader: Reader, environ: Mapping[str, str]) -> Iterator[_Found]:
    written = environ.get(API_KEYS, "").strip()
    values = [stripped for value in written.split(",") if (stripped := value.strip())]
    if written and not values:
        # Put together from variables that were not set, perhaps; nobody meant no key by it.
        reader.note_variable(API_KEYS, "client keys, separated by commas", written)
    for number, value in enumerate(values, 1):
        _check_sendable(reader, API_KEYS, value)
        yield _Found(ClientKeySetting(label=f"key-{number}", env=API_KEYS), _digest(value))


def _client_key(setting: ClientKeySetting, digest: bytes) -> ClientKey:
    terms = {name: getattr(setting, name) for name in KeyTerms.__struct_fields__}
    return ClientKey(label=setting.label, sha256=digest, **terms)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


def _check_sendable(reader: Reader, variable: str, value: str) -> None:
    """A key travels in a header: no line ends, no blanks, ASCII only."""
    if not (value.isascii() and value.isprintable()) or " " in value:
        reader.note_variable(variable, "a key of printable ASCII characters without blanks", HIDDEN)
