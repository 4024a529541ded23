"""Where the shared store is: one URL for a single server, for Sentinels or for a cluster.

memory://                                           none: each process keeps its own
redis://[user:password@]host[:port][/db]            one server; rediss:// over TLS
unix://[user:password@]/path/of/the/socket[?db=N]
redis+sentinel://[user:password@]host[:port],host[:port]/service[/db]    rediss+sentinel:// over TLS
redis+cluster://[user:password@]host[:port],host[:port]                  rediss+cluster:// over TLS
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORT = 6379
SENTINEL_PORT = 26379
OPTIONS = frozenset(
    {
        "db",
        "sentinel_password",
        "sentinel_username",
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
    }
)
"""What may stand behind the ?, by redis-py's names."""

Kind = Literal["memory", "server", "unix", "sentinel", "cluster"]
_KINDS: dict[str, tuple[Kind, bool]] = {
    "memory": ("memory", False),
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}


class BadStoreAddress(ValueError):
    """Not a usable address: what was expected, never what stood there (it may hold a password)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """A store's address, taken apart. Its repr holds no secret."""

    kind: Kind
    tls: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    """Of a Unix socket."""
    service: str = ""
    """What the Sentinels call it."""
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """For people: without names and passwords."""
        places = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{self.kind} {self.path or places}{f' ({self.service})' if self.service else ''}"


def read_store_address(text: str) -> StoreAddress:
    """The address in `text`. Raises BadStoreAddress."""
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in _KINDS:
        raise BadStoreAddress("a URL that begins with " + ", ".join(f"{known}://" for known in _KINDS))
    kind, tls = _KINDS[scheme]
    try:
        parts = urlsplit(text)
    except ValueError:
        raise BadStoreAddress("a URL with a valid host") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.fragment or not options.keys() <= OPTIONS:
        raise BadStoreAddress("a URL with no other options than " + ", ".join(sorted(OPTIONS)))
    if kind == "memory":
        return StoreAddress(kind=kind)
    username, password, places = _authority(parts)
    path = [unquote(part) for part in parts.path.split("/") if part]
    service = path.pop(0) if kind == "sentinel" and path else ""
    if kind == "sentinel" and not service:
        raise BadStoreAddress("a URL with the name of the service behind the Sentinels' addresses")
    named_db = options.pop("db", "")
    db = named_db if kind == "unix" else (path.pop(0) if path else named_db)
    if kind != "unix" and path:
        raise BadStoreAddress("a URL that ends with the number of the database")
    return StoreAddress(
        kind=kind,
        tls=tls,
        hosts=() if kind == "unix" else _hosts(places, SENTINEL_PORT if kind == "sentinel" else PORT),
        path=_socket(parts) if kind == "unix" else "",
        service=service,
        db=_number(db or "0", 0, 65_535, "the number of a database"),
        username=username,
        password=password,
        options=options,
    )


def _authority(parts: SplitResult) -> tuple[str | None, str | None, str]:
    login, _, places = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    return unquote(username) or None, unquote(password) or None, places


def _hosts(places: str, default_port: int) -> tuple[tuple[str, int], ...]:
    return tuple(_host(place, default_port) for place in places.split(","))


def _host(place: str, default_port: int) -> tuple[str, int]:
    name, separator, port = place.rpartition(":")
    if not separator or port.endswith("]"):  # an IPv6 address without a port
        name, port = place, str(default_port)
    name = name.removeprefix("[").removesuffix("]")
    if not name:
        raise BadStoreAddress("a URL with a host")
    return name, _number(port, 1, 65_535, "a port from 1 to 65535")


def _socket(parts: SplitResult) -> str:
    if not parts.path.startswith("/") or parts.path == "/":
        raise BadStoreAddress("a URL with the absolute path of a socket")
    return unquote(parts.path)


def _number(text: str, low: int, high: int, what: str) -> int:
    if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
        raise BadStoreAddress(f"a URL with {what}")
    return int(text)
