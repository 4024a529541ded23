"""Request targets (RFC 9112 section 3.2) and the Host field: what is asked for, and where."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from gateway.errors import InvalidRequest

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.v]+\])(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)


Target = tuple[str, bytes, bytes, bytes | None]
"""Path, percent-decoded ("*" for the asterisk form); the same as it came; query; authority of an absolute-form target,
which stands above the Host field."""


def parse_target(method: str, target: bytes) -> Target:
    """Takes `target` apart. Raises InvalidRequest."""
    authority = None
    if target[:1] != b"/":
        if target == b"*" and method == "OPTIONS":
            return "*", target, b"", None
        authority, target = split_absolute(target)
    if b"#" in target:
        raise InvalidRequest("The request target must not carry a fragment.")
    raw_path, _, query = target.partition(b"?")
    return _decode_path(raw_path), raw_path, query, authority


def split_absolute(target: bytes) -> tuple[bytes, bytes]:
    """Authority and path of an absolute-form target. Raises InvalidRequest."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not _AUTHORITY.fullmatch(absolute[1]):
        raise InvalidRequest("The request target must be a path or an http URL.")
    rest = absolute[2]
    return absolute[1], rest if rest[:1] == b"/" else b"/" + rest


def check_host(value: bytes) -> None:
    """Raises InvalidRequest where `value` cannot be a Host field."""
    if not _AUTHORITY.fullmatch(value):
        raise InvalidRequest("The Host header is malformed.")


def _decode_path(raw_path: bytes) -> str:
    if b"%" not in raw_path:
        return raw_path.decode("ascii")  # llhttp lets nothing else through
    if _BROKEN_ESCAPE.search(raw_path):
        raise InvalidRequest("The path holds a malformed percent-escape.")
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("The path is not UTF-8.") from None
    if "\0" in path:
        raise InvalidRequest("The path holds a NUL.")
    return path
