"""An answer that httpcore brings: decoded, bounded, never ending cleanly when it was cut short."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Final, NoReturn

import httpcore
import trio

from gateway.dialects.envelope import RawHeaders
from gateway.edge.content_coding import Inflater, UndecodableContent, decoder_for
from gateway.errors import UpstreamBroken, UpstreamTooLarge

ENDING_S: Final = 5.0
"""How long an answer that nobody reads any more may take to its end."""
_BODILESS: Final = frozenset({204, 304})
_CODING: Final = b"content-encoding"
_UNTRUE_ONCE_DECODED: Final = frozenset({_CODING, b"content-length"})


class HttpxResponse:
    """A `gateway.calls.upstream.UpstreamResponse`. `end(in_order)` is told once when the answer is over for us."""

    def __init__(self, response: httpcore.Response, end: Callable[[HttpxResponse, bool], None]) -> None:
        """Raises UpstreamBroken for a content coding that nobody asked for."""
        self.status = response.status
        self.headers: RawHeaders = [(name.lower(), value) for name, value in response.headers]
        self._response = response
        self._end = end
        self._pieces: AsyncIterator[bytes] | None = None
        self._is_whole = False
        self.is_left = False
        self._has_ended = False
        self._failure: UpstreamBroken | None = None
        self._decoder = self._new_decoder()

    async def read(self, limit_bytes: int, /) -> bytes:
        """The whole body, decoded. Raises UpstreamTooLarge, UpstreamBroken."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.receive():
            size += len(piece)
            if size > limit_bytes:
                self.close()
                raise UpstreamTooLarge("The provider's answer is larger than the bound.")
            pieces.append(piece)
        return b"".join(pieces)

    async def receive(self) -> bytes:
        """What has arrived of the body, decoded and in bounded pieces; b"" at its proper end. Raises UpstreamBroken."""
        piece = b""
        while not piece:
            if self._decoder is not None and (piece := self._decode(self._decoder, b"")):
                break
            piece = await self._next_piece()
            if self._is_whole:
                break
            if self._decoder is not None:
                piece = self._decode(self._decoder, piece)
        return piece

    async def pass_to(self, take: Callable[[bytes], bool], /) -> bool:
        """Gives `take` each piece of the body until it returns False; whether there may be more."""
        while piece := await self.receive():
            if not take(piece):
                return True
        return False

    def leave(self) -> None:
        """What is still to come of the answer is of no interest: its connection is kept if it ends soon."""
        self.is_left = True
        if not self._has_ended:
            self._end(self, self._is_whole)

    def close(self) -> None:
        """Breaks it off at once, unless it has ended or been left. Never blocks; twice is harmless."""
        if not self.is_left and not self._has_ended:
            self._has_ended = True
            self._end(self, False)

    async def finish(self) -> bool:
        """Reads on to the end of an answer that was left, for at most ENDING_S; whether it has come."""
        self._has_ended = True
        with trio.move_on_after(ENDING_S):
            try:
                while not self._is_whole:
                    await self._read_piece()
            except UpstreamBroken:
                return False
        return self._is_whole

    async def unwind(self) -> None:
        """Ends httpcore's part in an answer that was broken off: its generators wait for a piece that nobody wants."""
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                while not self._is_whole:
                    await self._read_piece()
            except UpstreamBroken:
                pass  # nobody is interested
        await self._close_stream()

    async def _next_piece(self) -> bytes:
        """b"" at the end, and from then on."""
        if self._is_whole:
            return b""
        try:
            piece = await self._read_piece()
        except UpstreamBroken:
            self.close()
            raise
        if self._is_whole:
            self._check_end()
            self._has_ended = True
            self._end(self, True)
        return piece

    async def _read_piece(self) -> bytes:
        """Raises UpstreamBroken, and then for ever: an iterator that has failed seems to be at its end."""
        if self._failure is not None:
            raise self._failure
        if self._pieces is None:
            stream = self._response.stream
            assert isinstance(stream, AsyncIterable), "httpcore's asynchronous pools answer asynchronously"
            self._pieces = aiter(stream)
        try:
            while not (piece := await anext(self._pieces)):
                pass
        except StopAsyncIteration:
            await self._close_stream()
            self._is_whole = True
            return b""
        except (httpcore.NetworkError, httpcore.ProtocolError) as loss:
            self._failure = UpstreamBroken("The provider's answer was cut short.")
            raise self._failure from loss
        return piece

    async def _close_stream(self) -> None:
        """Gives the connection back within httpcore, which its iterators do not do at their end."""
        await self._response.aclose()

    def _new_decoder(self) -> Inflater | None:
        if self.status in _BODILESS:
            return None
        coding = b", ".join(value for name, value in self.headers if name == _CODING)
        try:
            decoder = decoder_for(coding)
        except UndecodableContent as problem:
            raise UpstreamBroken(f"The provider's answer cannot be read: {problem}.") from problem
        if decoder is not None:
            self.headers = [field for field in self.headers if field[0] not in _UNTRUE_ONCE_DECODED]
        return decoder

    def _decode(self, decoder: Inflater, data: bytes) -> bytes:
        try:
            return decoder.decode(data)
        except UndecodableContent as problem:
            self._refuse(problem)

    def _check_end(self) -> None:
        try:
            if self._decoder is not None:
                self._decoder.check_end()
        except UndecodableContent as problem:
            self._refuse(problem)

    def _refuse(self, problem: UndecodableContent) -> NoReturn:
        self._is_whole = False
        self._failure = UpstreamBroken(f"The provider's answer cannot be read: {problem}.")
        self.close()
        raise self._failure from problem
