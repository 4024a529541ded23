"""TLS in front of a server that has none: a thread a direction, all of which end with the test."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

from tests.certificates import Certificate

HOST = "127.0.0.1"


@contextlib.contextmanager
def tls_in_front_of(port: int, certificate: Certificate) -> Iterator[int]:
    """The port that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key_file)
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        threads.append(thread)
        thread.start()

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                start(serve, plain)

    def serve(plain: socket.socket) -> None:
        try:
            client = context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        server = socket.create_connection((HOST, port))
        sockets.extend((client, server))
        start(pipe, server, client)
        pipe(client, server)

    def pipe(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    with socket.create_server((HOST, 0)) as listener:
        start(accept, listener)
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    for end in sockets:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(5.0)
    for end in sockets:
        end.close()
