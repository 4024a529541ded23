"""Files that TLS needs: whether they can be read and hold what they are for, before anybody depends on it."""

from __future__ import annotations

import re
import ssl
from pathlib import Path as File

from gateway.config.mistakes import Path
from gateway.config.reader import Reader, show
from gateway.config.settings import Server, Store, Upstream

CERTIFICATES = "a file with certificates in PEM"
KEY = "a file with the private key of tls_cert, in PEM and without a passphrase"
_PLAIN_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")
_OPENSSLS_PLACES = re.compile(r"^\[[^\]]*\] | \(_ssl\.c.*$")
"""What of its messages is for those who look into its code."""


def check_tls_files(reader: Reader, server: Server, upstream: Upstream, store: Store) -> None:
    certified = bool(server.tls_cert) and _holds_certificates(reader, ("server", "tls_cert"), server.tls_cert)
    if server.tls_key and _can_be_read(reader, ("server", "tls_key"), server.tls_key, KEY):
        (_check_pair if certified else _check_key)(reader, server)
    for section, ca_file in (("upstream", upstream.ca_file), ("store", store.ca_file)):
        if ca_file:
            _holds_certificates(reader, (section, "ca_file"), ca_file)


def _holds_certificates(reader: Reader, path: Path, name: str) -> bool:
    if not _can_be_read(reader, path, name, CERTIFICATES):
        return False
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=name)
    except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
        _note(reader, path, name, CERTIFICATES, problem)
        return False
    return True


def _check_pair(reader: Reader, server: Server) -> None:
    try:
        # Without a passphrase of ours OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.tls_cert, server.tls_key, password="")
    except (OSError, ValueError) as problem:
        _note(reader, ("server", "tls_key"), server.tls_key, KEY, problem)


def _check_key(reader: Reader, server: Server) -> None:
    """Without its certificate OpenSSL does not look at a key; what it says of itself still tells one."""
    told = File(server.tls_key).read_bytes()
    if not _PLAIN_KEY.search(told) or b"ENCRYPTED" in told:
        reader.note(("server", "tls_key"), KEY, server.tls_key)


def _can_be_read(reader: Reader, path: Path, name: str, expected: str) -> bool:
    """A pipe cannot be read again, and waits for its writer."""
    file = File(name)
    try:
        if file.exists() and not file.is_file():
            raise OSError("not a file")
        with file.open("rb") as opened:
            opened.read(1)
    except (OSError, ValueError) as problem:
        _note(reader, path, name, expected, problem)
        return False
    return True


def _note(reader: Reader, path: Path, name: str, expected: str, problem: Exception) -> None:
    """`show` keeps back what may be a key itself, put where its file's name belongs."""
    reason = (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
    reason = _OPENSSLS_PLACES.sub("", reason)
    reader.note(path, expected, None, shown=f"{show(name, path)}: {reason}")
