"""A streamed answer on its way from the provider's connection into the call's relay, in whichever dialects."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from actors.errors import Stage
from gateway.calls.course import Course
from gateway.calls.passage import Passage
from gateway.calls.progress import noting
from gateway.calls.upstream import ANSWER_LIMIT_BYTES, UpstreamResponse
from gateway.dialects.envelope import ModelReply, RawHeaders, Usage
from gateway.errors import GatewayError, UpstreamBroken, UpstreamError, UpstreamTooLarge
from gateway.providers.headers import read_head

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every event.
_STREAMING: Final = Stage.STREAMING


TRAILER_S: Final = 5.0
"""How long usage and `[DONE]` are waited for once the answer is whole."""
CONTENT_TYPE: Final = b"text/event-stream; charset=utf-8"

Judge = Callable[[RawHeaders, bytes], UpstreamError]
"""The failure for an error object that came with status 200."""


class StreamedAnswer:
    """One answer being passed on; `pass_on` returns when it is whole."""

    def __init__(self, course: Course, response: UpstreamResponse, passage: Passage, *, judge: Judge) -> None:
        self._course = course
        self._attempt = course.attempt
        self._response = response
        self._passage = passage
        self._judge = judge
        self._stream = course.notes.so_far = passage.stream()
        self._idle_s = course.within(course.attempt.candidate.timeouts.idle_s)
        relay = course.attempt.call.relay
        assert relay is not None, "a streamed call has one"
        write_nowait = partial(relay.write_nowait, course.attempt.epoch)
        self._noting = noting(course.attempt, write_nowait)
        self._write_nowait: Callable[[bytes], bool] = self._noting or write_nowait
        self._unwritten = b""
        """What the relay had no room for."""

    async def pass_on(self) -> None:
        """Commits at the first content and writes all of it.

        Raises UpstreamError for an error before the first content, UpstreamBroken for one after it or for an answer
        that is cut, and whatever the connection raises.
        """
        first = await self._first_bytes()
        self._course.begins(first)
        if first.startswith((b"{", b"[")):
            await self._pass_on_json(await self._rest_of(first))
            return
        try:
            await self._pass_on_events(first)
        finally:
            self._settle()

    async def _pass_on_events(self, data: bytes) -> None:
        """Most pieces are passed on where they arrive, by `_pass_on`; here is what has to wait for something."""
        stream, response = self._stream, self._response
        self._pass_on(data)
        while True:
            if self._unwritten:
                await self._write_rest()
            if stream.error is not None:
                raise self._failure(stream.error)
            if stream.done:
                response.leave()  # what ends the message often comes by itself, just behind the answer
                return
            if stream.settled:
                self._pass_on(await self._receive_trailer())
            elif not await response.pass_to(self._pass_on):
                self._pass_on(b"")

    def _pass_on(self, data: bytes) -> bool:
        """What `data` (b"" is the end) means for the client goes into the relay; whether all is as it mostly is.

        Called by whoever has received it, so it must not wait: what the relay has no room for is kept.
        """
        attempt, stream = self._attempt, self._stream
        piece = stream.feed(data) if data else stream.end()
        if piece:
            if attempt.content_at is None:
                self._commit()
            if not self._write_nowait(piece):
                self._unwritten = piece
                return False
        if stream.settled:
            attempt.enter(_STREAMING)  # no silence is timed any more, also not one that would end right now
            return False
        if attempt.content_at is not None:
            attempt.enter(_STREAMING, self._idle_s)
        return True

    async def _write_rest(self) -> None:
        """Waits for a slow reader with the provider's connection at rest."""
        piece, self._unwritten = self._unwritten, b""
        await self._attempt.write(piece)
        if self._noting is not None:
            self._noting.note(piece)
        if not self._stream.settled:
            self._attempt.enter(_STREAMING, self._idle_s)

    def _commit(self) -> None:
        self._course.check_filter(self._stream.finish_reason)
        head = ModelReply(200, read_head(self._response.headers).headers_as(CONTENT_TYPE))
        self._attempt.commit(head)

    async def _receive_trailer(self) -> bytes:
        """What follows a whole answer. Its loss harms nobody: b"", as at the connection's end."""
        self._attempt.enter(_STREAMING)
        with trio.move_on_after(TRAILER_S):
            try:
                return await self._response.receive()
            except GatewayError:
                pass  # the client has the answer; a cut after it is none of its concern
        return b""

    def _failure(self, error: bytes) -> GatewayError:
        failure = self._judge(self._response.headers, error)
        if self._attempt.content_at is None:
            return failure
        return UpstreamBroken(failure.message)

    def _settle(self) -> None:
        stream = self._stream
        self._course.notes.malformed = stream.malformed
        usage = stream.usage
        if usage is None and stream.started:
            usage = Usage(prompt=self._course.prompt_tokens, completion=stream.delivered_tokens)
        self._course.used(usage, stream.finish_reason)

    # A provider that answers a request for a stream with plain JSON, whatever it calls it.

    async def _pass_on_json(self, body: bytes) -> None:
        """An error, or a whole answer, which becomes the stream that was asked for: it has been paid for."""
        try:
            answer = self._passage.read(body)
            if answer.error is not None:
                raise self._judge(self._response.headers, answer.error)
            piece = self._passage.as_stream(body)
        except ValueError as problem:
            raise UpstreamBroken("The provider sent something that is neither a stream nor an answer.") from problem
        self._course.used(answer.usage, answer.finish_reason)
        self._course.check_filter(answer.finish_reason)
        self._commit()
        await self._attempt.write(piece)

    async def _first_bytes(self) -> bytes:
        """The first bytes that are no white space, which OpenRouter sends ahead of plain JSON."""
        while data := await self._response.receive():
            if data := data.lstrip():
                return data
        return b""

    async def _rest_of(self, first: bytes) -> bytes:
        body = bytearray(first)
        while data := await self._response.receive():
            body += data
            if len(body) > ANSWER_LIMIT_BYTES:
                raise UpstreamTooLarge(f"The provider's answer is longer than {ANSWER_LIMIT_BYTES} bytes.")
        self._attempt.hold(len(body))
        return bytes(body)
