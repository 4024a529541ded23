"""Answers that are kept to be given again, as they were: whole ones as they came, streams as the same bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from actors.letters import Clock
from actors.relay import Sink, Taken
from gateway.errors import StoreUnavailable
from gateway.exchange import Answer, BodyStream, Headers
from gateway.face.provenance import COST
from gateway.face.rate_limit_headers import PREFIX
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, OK, RequestRecord
from gateway.keys.purse import REMAINING, WARNING
from gateway.store.responses import ResponseStore

NAME: Final = b"x-gateway-cache"
HIT: Final = (NAME, b"hit")
MISS: Final = (NAME, b"miss")
_OF_THEIR_TIME: Final = (COST, PREFIX, REMAINING, WARNING)
_PIECE_BYTES: Final = 64 * 1024


class KeptAnswer(msgspec.Struct, array_like=True, frozen=True):
    """An answer with the status 200."""

    streamed: bool
    headers: list[tuple[bytes, bytes]]
    body: bytes


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(KeptAnswer)


class KeptAnswers:
    """The answers, each under its question's name, for its client alone."""

    def __init__(self, store: ResponseStore, *, ttl_s: float, max_entry_bytes: int) -> None:
        self._store = store
        self._ttl_s = ttl_s
        self.max_entry_bytes = max_entry_bytes

    async def find(self, key: str, owner: str) -> KeptAnswer | None:
        """None also where the store is out of reach: the models can still be asked."""
        try:
            value = await self._store.get(key, owner)
        except StoreUnavailable:
            return None
        return None if value is None else _decoder.decode(value)

    async def keep(self, key: str, owner: str, answer: KeptAnswer) -> None:
        """What is too large, or finds no store, is not kept."""
        if len(answer.body) > self.max_entry_bytes:
            return
        try:
            await self._store.put(key, owner, _encode(answer), ttl_s=self._ttl_s)
        except StoreUnavailable:
            return


def for_others(headers: Headers) -> Headers:
    """What of an answer's head holds whenever it is given: not how limits and budgets stood, nor what it cost."""
    return [field for field in headers if not field[0].startswith(_OF_THEIR_TIME)]


def told_again(kept: KeptAnswer, record: RequestRecord, clock: Clock) -> Answer:
    """The answer, as what it was."""
    headers = [*kept.headers, HIT, (COST, b"0")]
    if not kept.streamed:
        return Answer(200, headers, kept.body)
    record.first_content_at = clock()
    return Answer(200, headers, _ToldAgain(kept.body, record, clock))


class _ToldAgain:
    """A BodyStream of bytes that are there."""

    def __init__(self, body: bytes, record: RequestRecord, clock: Clock) -> None:
        self._body = body
        self._place = 0
        self._record = record
        self._clock = clock
        record.status = 200

    async def receive(self) -> bytes | None:
        piece = self._body[self._place : self._place + _PIECE_BYTES]
        self._place += len(piece)
        self._record.bytes_out += len(piece)
        return piece or None

    def pass_to(self, sink: Sink) -> None:
        """Everything is there already."""

    def close(self) -> None:
        if self._place == len(self._body):
            self._record.finish(200, OK, self._clock())
        else:
            self._record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, self._clock())


class CopiedBody:
    """A streamed answer on its way to the client; one that ends well is handed to `keep`, if it is not too large."""

    def __init__(
        self, body: BodyStream, record: RequestRecord, max_bytes: int, keep: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._body = body
        self._record = record
        self._max_bytes = max_bytes
        self._keep = keep
        self._copy: bytearray | None = bytearray()

    async def receive(self) -> bytes | None:
        piece = await self._body.receive()
        if piece is not None:
            self._take(piece)
        elif self._copy is not None and self._record.failure is None:
            whole, self._copy = bytes(self._copy), None
            await self._keep(whole)
        return piece

    def pass_to(self, sink: Sink) -> None:
        def take(piece: bytes) -> Taken:
            taken = sink(piece)
            if taken is not Taken.NONE:  # else it comes by in `receive`
                self._take(piece)
            return taken

        self._body.pass_to(take)

    def close(self) -> None:
        self._body.close()

    def _take(self, piece: bytes) -> None:
        if self._copy is not None:
            self._copy += piece
            if len(self._copy) > self._max_bytes:
                self._copy = None
