"""What one client may take from the server: bytes, counts and seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Bounds of the HTTP/1.1 server; the defaults are what the gateway promises."""

    header_bytes: int = 64 * 1024
    """Request line and header fields together; beyond it 431."""
    header_count: int = 100
    body_bytes: int = 32 * 1024 * 1024
    """Beyond it 413."""

    header_s: float = 10.0
    """From a request's first byte (or a new connection) to the end of its head; then 408."""
    body_progress_s: float = 30.0
    """Between two pieces of a body; then 408."""
    keep_alive_s: float = 75.0
    """From an answer to the next request's first byte; then the connection is closed."""
    write_stall_s: float = 10.0
    """A client that takes no byte of its answer for this long is cut off."""

    whole_body_bytes: int = 64 * 1024
    """A body of known length up to this has arrived whole before the app is called, but for clients in a hurry."""
    body_buffer_bytes: int = 256 * 1024
    """Of a longer body, what may wait for the app; then reading stops until the app takes some."""
    pipelined_bytes: int = 64 * 1024
    """What may wait behind a request that is being answered; then reading stops until the answer is out."""

    discard_bytes: int = 64 * 1024
    """A body's rest up to this, which the app did not want, is read and dropped so that the connection stays usable."""
    discard_s: float = 1.0
    linger_bytes: int = 32 * 1024 * 1024
    """After the last answer, what is still read and dropped so that a reset does not destroy the answer."""
    linger_s: float = 1.0

    max_connections: int = 4096
    """At this many, the longest idle one is closed for a new one; with none idle, accepting pauses."""
    accept_pause_s: float = 0.1
    """Wait after a failed accept (out of file descriptors, for instance)."""
