"""Who may come to /admin, and what a web page may make an operator's browser send there.

With LLM_GATEWAY_ADMIN_TOKEN: who shows it. Without: who sits at this machine. Requests that a page of another origin
has made are refused whoever they come from, and what changes anything needs a header that no page can add without
being asked about it first (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.errors import Forbidden, GatewayError
from gateway.exchange import Request
from gateway.face.auth import TokenDoor, is_local

OWN_HEADER: Final = b"x-gateway-admin"
"""Any value will do: what counts is that a foreign page cannot send it."""
_HARMLESS: Final = frozenset({"GET", "HEAD"})
_OWN_SITES: Final = frozenset({b"same-origin", b"none"})


OnRefused = Callable[[Request, GatewayError], None]
"""Told of everybody who was not let in, but for those who have shown no token yet; must not raise."""


def _untold(_request: Request, _refusal: GatewayError) -> None:
    """Nobody wants to hear of it."""


class AdminDoor:
    """The way to /admin."""

    __slots__ = ("_door", "_on_refused")

    def __init__(self, token: str | None, on_refused: OnRefused = _untold) -> None:
        self._door = TokenDoor(token)
        self._on_refused = on_refused

    def check(self, request: Request) -> None:
        """Raises Unauthorized, Forbidden."""
        try:
            self._check(request)
        except GatewayError as refusal:
            if isinstance(refusal, Forbidden) or b"authorization" in request.fields:
                self._on_refused(request, refusal)
            raise

    def _check(self, request: Request) -> None:
        if self._door.has_token:
            self._door.check(request)
        else:
            _check_nearness(request)
        _check_page(request)
        if request.method not in _HARMLESS:
            _check_intent(request)

    def check_files(self, request: Request) -> None:
        """For the live page itself, which asks for the token: nothing in its files is a secret. Raises Forbidden."""
        if not self._door.has_token:
            _check_nearness(request)


def _check_nearness(request: Request) -> None:
    if not is_local(request):
        raise Forbidden("Without LLM_GATEWAY_ADMIN_TOKEN the admin API answers on this machine's own address only.")


def _check_page(request: Request) -> None:
    """A browser says where a request comes from; whoever is no browser says nothing."""
    fields = request.fields
    origin, site = fields.get(b"origin"), fields.get(b"sec-fetch-site")
    is_ours = origin is None or _authority(origin) == fields.get(b"host", b"").lower()
    if not is_ours or (site is not None and site not in _OWN_SITES):
        raise Forbidden("The admin API answers no pages of other origins.")


def _check_intent(request: Request) -> None:
    if b"authorization" not in request.fields and OWN_HEADER not in request.fields:
        raise Forbidden("What changes anything needs the header 'X-Gateway-Admin: 1', or the admin token.")


def _authority(origin: bytes) -> bytes | None:
    """Host and port of an origin; None of an opaque one. The scheme is left to whoever ends TLS in front of us."""
    _, separator, authority = origin.lower().partition(b"://")
    return authority if separator else None
