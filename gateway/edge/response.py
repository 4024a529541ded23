"""An upstream's answer as callers read it: decoded, bounded, never ending cleanly when it was cut short."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import msgspec

from gateway.dialects.envelope import RawHeaders
from gateway.edge.content_coding import Inflater, UndecodableContent, decoder_for
from gateway.edge.response_parser import ResponseParser
from gateway.edge.upstream_exchange import Exchange
from gateway.edge.usual_answer import PlainAnswer
from gateway.errors import UpstreamBroken, UpstreamTooLarge

_UNTRUE_ONCE_DECODED = frozenset({b"content-encoding", b"content-length"})


class UpstreamResponse(msgspec.Struct, frozen=True, eq=False):
    """The head has arrived; the body is read by `read` or by `receive`.

    Header names are in lower case; hop-by-hop fields are left for the caller to strip, those that a decoded
    body makes untrue are gone. Call `close` in the end; an answer read whole has given its connection back by then.
    """

    status: int
    headers: RawHeaders
    _exchange: Exchange
    _answer: PlainAnswer | ResponseParser
    _decoder: Inflater | None = None

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body, decoded. Raises UpstreamTooLarge, UpstreamBroken."""
        answer = self._answer
        if answer.complete and self._decoder is None:
            # A short answer arrives in one read with its head: there is nothing to wait for.
            body = answer.take_body()
            if len(body) > limit_bytes:
                self._refuse_size()
            return body
        pieces: list[bytes] = []
        size = 0
        while piece := await self.receive():
            size += len(piece)
            if size > limit_bytes:
                self._refuse_size()
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def receive(self) -> bytes:
        """What has arrived of the body, decoded and in bounded pieces; b"" at its proper end.

        Raises UpstreamBroken when the body is cut short or malformed.
        """
        answer, decoder = self._answer, self._decoder
        while True:
            piece = answer.take_body() if answer.body else b""
            if decoder is not None:
                piece = self._decode(decoder, piece)
            if piece:
                return piece
            if answer.complete:
                return b""
            await self._exchange.receive_more()

    async def pass_to(self, take: Callable[[bytes], bool]) -> bool:
        """Gives `take` each piece of the body as it arrives, in whichever task's turn, until that returns False.

        Returns whether there may be more, False at the body's proper end. Raises as `receive` does, and what `take`
        raises.
        """
        answer, exchange = self._answer, self._exchange
        wanted = True

        def look() -> bool:
            """Takes what is here; whether to wait for more."""
            nonlocal wanted
            exchange.take_arrived()
            if answer.body:
                wanted = take(answer.take_body())
            return wanted and not answer.complete

        while wanted and (piece := await self.receive()):
            wanted = take(piece)
            if wanted and self._decoder is None and not answer.complete:
                await exchange.watch(look)
        return not wanted

    def leave(self) -> None:
        """What is still to come of the answer is of no interest: its connection is kept if it ends soon."""
        self._exchange.leave()

    def close(self) -> None:
        """Closes the connection at once unless the answer has ended. Never blocks; twice is harmless."""
        self._exchange.close()

    def _refuse_size(self) -> NoReturn:
        self.close()
        raise UpstreamTooLarge("The provider's answer is larger than the bound.")

    def _decode(self, decoder: Inflater, data: bytes) -> bytes:
        try:
            piece = decoder.decode(data)
            if not piece and self._answer.complete:
                decoder.check_end()
        except UndecodableContent as problem:
            self.close()
            raise UpstreamBroken(f"The provider's answer cannot be read: {problem}.") from problem
        return piece


def response_of(exchange: Exchange) -> UpstreamResponse:
    """Of an exchange whose answer's head has come. Raises UpstreamBroken for a content coding that nobody asked for."""
    answer = exchange.answer
    assert answer is not None, "its head has come"
    if not answer.content_coding:
        return UpstreamResponse(answer.status, answer.headers, exchange, answer)
    try:
        decoder = decoder_for(answer.content_coding)
    except UndecodableContent as problem:
        raise UpstreamBroken(f"The provider's answer cannot be read: {problem}.") from problem
    headers = answer.headers
    if decoder is not None:
        headers = [field for field in headers if field[0] not in _UNTRUE_ONCE_DECODED]
    return UpstreamResponse(answer.status, headers, exchange, answer, decoder)
