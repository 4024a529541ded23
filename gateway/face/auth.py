"""Who may come in: clients by their keys, operators by a token; and who counts as being at this machine."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from math import inf
from typing import Final, Protocol

import msgspec

from gateway.config.client_keys import ClientKey
from gateway.errors import Forbidden, Unauthorized
from gateway.exchange import Request
from gateway.keys.caller import Caller, caller_of
from gateway.keys.secret import PREFIX

KEY_HEADERS = (b"x-api-key", b"api-key")
PROXY_HEADERS: Final = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"fastly-client-ip",
        b"x-original-host",
    }
)
"""One of these, or of PROXY_PREFIX, is there where something stands between a client and us."""
PROXY_PREFIX: Final = b"x-forwarded-"
ANY_ORIGIN: Final = "*"

_HOST = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::\d*)?")


class KeyBook(Protocol):
    """Keys that the configuration does not know."""

    async def find(self, digest: bytes) -> Caller | None:
        """Whose key has this SHA-256. Raises StoreUnavailable where nobody can say."""
        ...


class ClientKeys:
    """Lets clients in; None instead of keys lets everybody in but for web pages that nobody listed."""

    __slots__ = ("_book", "_callers", "_pages", "_wall_clock")

    def __init__(
        self,
        keys: Iterable[ClientKey] | None,
        pages: Collection[str] = (),
        *,
        book: KeyBook | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`pages` are the origins whose pages may be clients, "*" for all; `book` knows further keys."""
        self._book = book
        self._wall_clock = wall_clock
        self._pages = None if ANY_ORIGIN in pages else frozenset(page.encode() for page in pages)
        # Looked up by SHA-256: how long a search takes tells at most about digests, and nobody can make a guess at a
        # key whose digest is near to another one. Comparing keys themselves would tell how much of a guess is right.
        self._callers = None if keys is None else {key.sha256: caller_of(key) for key in keys}

    def known(self, request: Request) -> Caller | None:
        """Whom `admit` has let in with these very header fields, by a key that no word of ours revokes."""
        caller: Caller | None = request.known.get(self)
        return caller

    async def admit(self, request: Request) -> Caller:
        """By `Authorization: Bearer`, else by the headers of Anthropic's and Azure's clients.

        Waits at most for the first look-up of a key. Raises Unauthorized, Forbidden, StoreUnavailable.
        """
        token = bearer_token(request.fields.get(b"authorization"))
        if self._callers is not None and token is not None:
            caller = self._callers.get(sha256(token).digest())
            if caller is not None:
                return self._let_in(request, caller)
        keys = [key for name in KEY_HEADERS if (key := request.fields.get(name)) is not None]
        if self._callers is None:
            self._check_page(request.fields.get(b"origin"))
            return self._let_in(request, Caller("", _text(token or (keys[0] if keys else None))))
        for key in keys:
            if (caller := self._callers.get(sha256(key).digest())) is not None:
                return self._let_in(request, msgspec.structs.replace(caller, own_key=_text(token)))
        if token is None and not keys:
            raise Unauthorized("No API key was given: send it as 'Authorization: Bearer <key>'.")
        return self._unexpired(await self._look_up(token, keys))

    async def _look_up(self, token: bytes | None, keys: Sequence[bytes]) -> Caller:
        """In the book, which is asked only for keys that look like its own: guesses cost it nothing."""
        if self._book is not None:
            for key in keys if token is None else (token, *keys):
                if key.startswith(PREFIX) and (caller := await self._book.find(sha256(key).digest())) is not None:
                    return caller if key is token else msgspec.structs.replace(caller, own_key=_text(token))
        raise Unauthorized("The API key is not known here.")

    def _let_in(self, request: Request, caller: Caller) -> Caller:
        if caller.expires_at != inf:
            return self._unexpired(caller)
        request.known[self] = caller
        return caller

    def _unexpired(self, caller: Caller) -> Caller:
        if caller.expires_at <= self._wall_clock():
            raise Unauthorized("The API key has expired.")
        return caller

    def _check_page(self, origin: bytes | None) -> None:
        """Where no key is asked for, any page in a browser that reaches this address could spend our keys.

        What it may not read it could still send: a POST of text/plain needs nobody's leave, nor does a name that leads
        here. Browsers write Origin into every POST of a page.
        """
        if origin is not None and self._pages is not None and origin not in self._pages:
            raise Forbidden("Pages of this origin may not be clients here: server.cors_origins does not list it.")


class TokenDoor:
    """Asks for one token; without one configured everybody may pass."""

    __slots__ = ("_digest",)

    def __init__(self, token: str | None) -> None:
        self._digest = None if token is None else sha256(token.encode()).digest()

    @property
    def has_token(self) -> bool:
        return self._digest is not None

    def check(self, request: Request) -> None:
        """Raises Unauthorized."""
        if self._digest is None:
            return
        given = bearer_token(request.fields.get(b"authorization"))
        if given is None or not hmac.compare_digest(sha256(given).digest(), self._digest):
            raise Unauthorized("This needs its token as 'Authorization: Bearer <token>'.")


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode("latin-1")


def bearer_token(authorization: bytes | None) -> bytes | None:
    """The token of an Authorization header, where it is a Bearer one (RFC 6750)."""
    if authorization is None or authorization[:7].lower() != b"bearer ":
        return None
    return authorization[7:].strip() or None


def is_local(request: Request) -> bool:
    """Whether somebody at this machine asks: not through a proxy on it, nor by a name that a web page gave us."""
    if any(name in PROXY_HEADERS or name.startswith(PROXY_PREFIX) for name, _ in request.headers):
        return False
    peer = request.peer[0]
    hosts = [value for name, value in request.headers if name == b"host"]
    return (peer == "unix" or _is_loopback(peer)) and bool(hosts) and all(map(_is_local_host, hosts))


def _is_local_host(host: bytes) -> bool:
    """Whether a Host header names this machine, with or without a port."""
    parts = _HOST.fullmatch(host.decode("latin-1").lower())
    if parts is None:
        return False
    name = parts["v6"] or parts["name"]
    return name == "localhost" or _is_loopback(name)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
