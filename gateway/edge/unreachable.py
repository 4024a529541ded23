"""Why no connection to a provider could be made, in words that give no address away."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

from actors.errors import Overloaded
from gateway.errors import UpstreamUnreachable

_OUR_OWN_WANTS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Why a socket could not be made here: no provider is to blame."""


class Exhausted(Overloaded):
    """The process has no descriptor or memory left for a connection, to whatever provider."""

    retryable = False
    elsewhere = False


def unreachable(failure: OSError | UnicodeError) -> Exhausted | UpstreamUnreachable:
    """What a connection that failed is to the call that wanted it."""
    if isinstance(failure, OSError) and failure.errno in _OUR_OWN_WANTS:
        return Exhausted("The gateway has no room for another connection.", retry_after=1.0)
    told = UpstreamUnreachable(f"The provider could not be reached: {_reason(failure)}.")
    told.elsewhere = isinstance(failure, ssl.SSLCertVerificationError)  # which nobody mends within a call
    return told


def _reason(failure: OSError | UnicodeError) -> str:
    match failure:
        case ssl.SSLCertVerificationError():
            return "its certificate was not accepted"
        case ssl.SSLError():
            return "the TLS handshake failed"
        case socket.gaierror() | UnicodeError():
            return "its name could not be resolved"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return "the connection failed"
