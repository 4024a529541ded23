"""One request and its answer on one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn

import msgspec
import trio

from gateway.edge.pool import Connection
from gateway.edge.response_parser import ResponseParser, cut_short
from gateway.edge.usual_answer import AnswerHeads, PlainAnswer
from gateway.errors import GatewayError, UpstreamReset
from gateway.world import Stream

_RECEIVE_BYTES: Final = 32 * 1024
"""At a time. A reader that stalls has a piece of this size in each of the places between the provider and itself."""


class Exchange(msgspec.Struct, eq=False):
    """Sends, receives, and parts with the connection at the answer's last byte, or at `leave` or `close`.

    Every failure parts with the connection too.
    """

    _connection: Connection | None
    _stream: Stream
    _heads: AnswerHeads
    _has_no_body: bool
    """The request is a HEAD."""
    answer: PlainAnswer | ResponseParser | None = None
    """None until something of it has arrived."""
    _is_left: bool = False
    _is_sent: bool = False

    def send_nowait(self, message: tuple[bytes, bytes]) -> list[memoryview] | None:
        """Sends what can be sent of both parts at once, and returns what is left for `send_rest`.

        A connection lost meanwhile is no failure yet: an answer may have come before that, and reading will tell.
        """
        first, rest = message
        try:
            taken = self._stream.send_nowait(first)
        except trio.WouldBlock:
            taken = 0
        except OSError:
            return None
        if taken == len(first) and not rest:
            self._is_sent = True
            return None
        return [memoryview(first)[taken:], memoryview(rest)]

    async def send_rest(self, parts: list[memoryview]) -> None:
        """Goes on sending while watching for an answer, which makes the rest pointless."""
        failures: list[GatewayError] = []
        async with trio.open_nursery() as nursery:
            cancel = nursery.cancel_scope.cancel
            nursery.start_soon(_keep_failure, partial(self.watch, self._take_head), failures, cancel)
            self._is_sent = await _send_all(self._stream, parts)
            cancel()
        for failure in failures:
            raise failure

    def receive_head(self) -> Awaitable[None]:
        """Takes what arrives until the answer's head is here, which is yet to come.

        To be awaited at once. Raises UpstreamReset, UpstreamBroken, UpstreamTooLarge, and ClosedResourceError where
        another task closes the stream, which `lose` is to be told.
        """
        return self._stream.watch_readable(self._take_head)

    def receive_more(self) -> Awaitable[None]:
        """Takes what arrives next. Raises UpstreamReset, UpstreamBroken, UpstreamTooLarge."""
        return self.watch(self._take_once)

    def _take_head(self) -> bool:
        self.take_arrived()
        return self.answer is None or not self.answer.has_head

    def _take_once(self) -> bool:
        self.take_arrived()
        return False

    async def watch(self, on_arrival: Callable[[], bool]) -> None:
        """Calls `on_arrival` whenever `take_arrived` has something to do, in whichever task's turn, until it is False.

        Raises UpstreamReset, UpstreamBroken, and what `on_arrival` raises.
        """
        try:
            await self._stream.watch_readable(on_arrival)
        except trio.ClosedResourceError as loss:
            self.lose(loss)

    def take_arrived(self) -> None:
        """Takes what is here of the answer. Raises UpstreamReset, UpstreamBroken, UpstreamTooLarge."""
        try:
            data = self._stream.receive_nowait(_RECEIVE_BYTES)
            answer = self.answer
            if answer is None:
                answer = self._begin(data)
            elif data:
                answer.feed(data)
            else:
                answer.end()
        except trio.WouldBlock:
            return
        except OSError as loss:
            self.lose(loss)
        except GatewayError:
            self._break_off()
            raise
        if answer.complete:
            self._finish(answer)

    def _begin(self, data: bytes) -> PlainAnswer | ResponseParser:
        """The answer whose first bytes have come."""
        if not data:
            raise _no_answer()
        self.answer, rest = self._heads.begin(data, has_no_body=self._has_no_body)
        if rest:
            self.answer.feed(rest)
        return self.answer

    def leave(self) -> None:
        """The rest of the answer is of no interest: the connection is kept where its end is here or comes soon."""
        self._read_on()
        connection = self._connection
        if connection is None:
            return
        if self._is_sent and self.answer is not None and self.answer.reusable:
            self._is_left = True
            connection.let_end(self._read_on)
        else:
            self._break_off()

    def close(self) -> None:
        """Breaks the exchange off, unless it has ended or been left: the connection is reset at once. Never blocks."""
        if self._connection is not None and not self._is_left:
            self._break_off()

    def _read_on(self) -> None:
        if self._connection is not None:
            with suppress(GatewayError):  # which closes it
                self.take_arrived()
            if self.answer is not None:
                self.answer.take_body()

    def lose(self, loss: Exception) -> NoReturn:
        """The connection has gone. Raises UpstreamReset, UpstreamBroken."""
        self._break_off()
        raise (_no_answer() if self.answer is None else cut_short()) from loss

    def _break_off(self) -> None:
        if self._connection is not None:
            self._connection.discard(abort=True)
            self._connection = None

    def _finish(self, answer: PlainAnswer | ResponseParser) -> None:
        """The answer has ended: gives the connection back if it is in order."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._is_sent and answer.reusable:
            connection.release()
        else:
            connection.discard(abort=not self._is_sent)


def _no_answer() -> UpstreamReset:
    return UpstreamReset("The provider closed the connection without an answer.")


async def _keep_failure(
    receive: Callable[[], Awaitable[None]], failures: list[GatewayError], then: Callable[[], None]
) -> None:
    """Runs `receive`, keeps its failure out of the nursery's exception groups, and calls `then`."""
    try:
        await receive()
    except GatewayError as failure:
        failures.append(failure)
    then()


async def _send_all(stream: Stream, parts: list[memoryview]) -> bool:
    """Whether all could be sent."""
    try:
        for part in parts:
            rest = part
            while rest:
                try:
                    rest = rest[stream.send_nowait(rest) :]
                except trio.WouldBlock:
                    await stream.wait_writable()
    except (OSError, trio.ClosedResourceError):
        return False
    return True
