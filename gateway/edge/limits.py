"""What one client may take from the server: bytes, counts and seconds."""

from __future__ import annotations

from dataclasses import dataclass, fields

from gateway.config.settings import Server

_USUAL = Server()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Bounds of the HTTP server; what can be set has its name and its default in [server]."""

    header_bytes: int = _USUAL.header_bytes
    """Request line and header fields together; beyond it 431."""
    header_count: int = _USUAL.header_count
    body_bytes: int = _USUAL.body_bytes
    """Beyond it 413."""

    header_s: float = _USUAL.header_s
    """From a request's first byte (or a new connection) to the end of its head; then 408."""
    body_progress_s: float = _USUAL.body_progress_s
    """Between two pieces of a body; then 408."""
    keep_alive_s: float = _USUAL.keep_alive_s
    """From an answer to the next request's first byte; then the connection is closed."""
    write_stall_s: float = _USUAL.write_stall_s
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
    linger_s: float = 30.0
    """After the last answer, for so long what still comes is read and dropped, so that no reset destroys the answer."""
    linger_silence_s: float = 5.0
    """Between two pieces of that; then the connection is closed."""
    linger_least_s: float = 1.0
    """For closing, where all of its request has come; and what any client has when a drain's grace is over."""
    linger_bytes: int = 256 * 1024 * 1024
    """Dropped at most."""
    max_parting: int = 512
    """Connections that may be left so at a time; beyond it the one that began first is closed."""

    max_connections: int = _USUAL.max_connections
    """At this many, the longest idle one is closed for a new one, or one that is parting; else accepting pauses."""
    accept_pause_s: float = 0.1
    """Wait after a failed accept (out of file descriptors, for instance)."""

    @classmethod
    def of(cls, settings: Server) -> ServerLimits:
        """As the configuration has them."""
        return cls(**{each.name: getattr(settings, each.name) for each in fields(cls) if hasattr(settings, each.name)})
