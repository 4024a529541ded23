"""Base URLs of providers, brought into the one form that the code which appends to them expects."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_APPENDED: dict[str, str] = {"anthropic": "/v1", "gemini": "/v1beta"}
"""What the code appends by itself for a kind, as its official client does."""

_OFFICIAL_PATHS: dict[str, str] = {"api.openai.com": "/v1", "openrouter.ai": "/api/v1"}
"""Where the API lies on hosts whose users like to write the bare name."""


class BadAddress(ValueError):
    """Not a usable base URL: what was expected, never what stood there (it may hold a password)."""


def normal_base_url(text: str, kind: str) -> str:
    """`text` without a slash at its end and without what the code appends for `kind`. Raises BadAddress."""
    parts = _split(text)
    path = parts.path.rstrip("/")
    host = parts.hostname or ""
    path = path or _OFFICIAL_PATHS.get(host, "")
    path = path.removesuffix(_APPENDED.get(kind, "")).rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def is_proxy(text: str, *, with_user: bool) -> bool:
    """Whether `text` is a proxy's address; only `with_user` may it hold a user and a password."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    has_user = parts.username is not None or parts.password is not None
    is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return is_address and is_bare and (with_user or not has_user)


def is_origin(text: str) -> bool:
    """Whether `text` is an origin as browsers write it: scheme, host in lower case, a port unless it is the usual."""
    try:
        parts = _split(text)
    except BadAddress:
        return False
    port = "" if parts.port is None else f":{parts.port}"
    usual = (parts.scheme, parts.port) in {("http", 80), ("https", 443)}
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return not usual and text == f"{parts.scheme}://{host}{port}"


def _split(text: str) -> SplitResult:
    # urlsplit strips control characters silently, and a host name beyond ASCII needs its xn-- form.
    if not text.isascii() or not text.isprintable() or " " in text:
        raise BadAddress("a URL of printable ASCII characters without spaces")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadAddress("a URL with a valid host and a port from 1 to 65535") from None
    if parts.scheme not in {"http", "https"}:
        raise BadAddress("a URL that begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("a URL without a user name or password in it")
    if not parts.hostname or port == 0:
        raise BadAddress("a URL with a valid host and a port from 1 to 65535")
    if parts.query or parts.fragment:
        raise BadAddress("a URL without ? and #")
    return parts
