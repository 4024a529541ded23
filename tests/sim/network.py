"""The network in memory, delivering in pieces of random size, with every act noted where somebody wants to read it."""

from __future__ import annotations

from random import Random

import trio

from tests.memory_network import MemoryNetwork, MemoryStream, Pipe


class TracedNetwork(MemoryNetwork):
    """Notes every byte with its time in `trace`, if there is one."""

    def __init__(self, chance: Random, *, window_bytes: int, trace: list[str] | None = None) -> None:
        super().__init__(chance, window_bytes=window_bytes)
        self.trace = trace

    def pair(self, here: tuple[str, int], there: tuple[str, int]) -> tuple[MemoryStream, MemoryStream]:
        if self.trace is None:
            return super().pair(here, there)
        forth, back = Pipe(self.window_bytes), Pipe(self.window_bytes)
        ends = (
            TracedStream(self, self.trace, here, there, back, forth),
            TracedStream(self, self.trace, there, here, forth, back),
        )
        self.streams.extend(ends)
        return ends


class TracedStream(MemoryStream):
    """One end of a connection whose every act is noted."""

    def __init__(
        self, network: TracedNetwork, trace: list[str], here: tuple[str, int], there: tuple[str, int], *pipes: Pipe
    ) -> None:
        super().__init__(network, here, there, *pipes)
        self._trace = trace

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        taken = super().send_nowait(data)
        self._note(f"> {bytes(data[:taken])!r}")
        return taken

    def receive_nowait(self, max_bytes: int) -> bytes:
        data = super().receive_nowait(max_bytes)
        self._note(f"< {len(data)}")
        return data

    def send_eof(self) -> None:
        super().send_eof()
        self._note("ends")

    def close(self, *, abort: bool = False) -> None:
        if not self.closed:
            self._note("resets" if abort else "closes")
        super().close(abort=abort)

    def _note(self, what: str) -> None:
        host, port = self.address
        self._trace.append(f"{trio.current_time()!r} {host}:{port} {self.peer[1]} {what}")
