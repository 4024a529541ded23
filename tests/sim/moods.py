"""What a virtual provider does with one request, mood by mood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Final

import trio

from tests.sim.answers import Answer, Bill, Question
from tests.sim.history import Exchange
from tests.sim.scenario import CALM_AT, Mood
from tests.sim.voices import Voice
from tests.whole.upstream import Asked

STREAM_ENDS: Final = (
    Mood.CUT,
    Mood.STREAM_RESET,
    Mood.STALLED,
    Mood.NO_END,
    Mood.ERROR_FIRST,
    Mood.ERROR_WITHIN,
)
"""What only a stream can do; whole answers are well then."""
STRAY: Final = "stray"
_STATUS_LINE = b"content-type: application/json"


class Turn:
    """One request being answered."""

    def __init__(self, asked: Asked, voice: Voice, question: Question, exchange: Exchange, chance: Random) -> None:
        self._asked = asked
        self._voice = voice
        self._question = question
        self._exchange = exchange
        self._chance = chance
        self._is_cut = False
        """What ends the stream does not come."""
        self._every_s = 0.0 if trio.current_time() >= CALM_AT else chance.choice([0.0, 0.0, 0.05, 0.4])
        self._think_s = 0.0 if trio.current_time() >= CALM_AT else chance.choice([0.0, 0.0, 0.1, 1.0])

    async def play(self, mood: Mood) -> None:
        """Answers; notes how far it came, and who ended it."""
        exchange = self._exchange
        try:
            await self._act(mood)
            exchange.over_at = trio.current_time()
        except (trio.Cancelled, OSError, trio.ClosedResourceError):
            exchange.broken_at = trio.current_time()
            raise

    async def _act(self, mood: Mood) -> None:
        match mood:
            case Mood.SLOW:
                self._think_s = self._chance.choice([1.0, 3.0, 8.0])
                self._every_s = self._chance.choice([0.5, 1.5, 5.0])
                await self._answer()
            case Mood.SERVER_ERROR:
                await trio.sleep(self._think_s)
                await self._fail(self._chance.choice([500, 502, 503, 529]))
            case Mood.THROTTLED:
                await self._fail(429)
            case Mood.THROTTLED_UNTIL:
                form = self._chance.choice([b"retry-after: 1", b"retry-after-ms: 400", b"retry-after: 6"])
                await self._fail(429, form)
            case Mood.BAD_REQUEST:
                await self._fail(400)
            case Mood.KEY_REFUSED:
                await self._fail(401)
            case Mood.RESET:
                await trio.sleep(self._think_s)
                self._leave(abort=True)
            case Mood.CLOSED:
                self._leave()
            case Mood.SILENT:
                await trio.sleep_forever()
            case Mood.THINKING:
                self._think_s = self._chance.choice([1.5, 3.0, 8.0])
                await self._answer(slow_head=False)
            case Mood.GARBAGE:
                await self._say_garbage()
            case Mood.SHORT:
                await self._say_too_little()
            case Mood.LONG:
                await self._answer()
                self._asked.send_nowait(self._stray())
            case Mood.LONG_HEAD:
                await self._asked.send(b"HTTP/1.1 200 OK\r\n" + b"x-filler: 0123456789\r\n" * 6000)
                await trio.sleep_forever()
            case Mood.FAREWELL:
                await self._answer(b"connection: close")
                self._leave()
            case _ if mood in STREAM_ENDS and self._question.streamed:
                await self._stream_badly(mood)
            case _:
                await self._answer()

    # As it should be.

    async def _answer(self, *fields: bytes, slow_head: bool = True) -> None:
        exchange = self._exchange
        if slow_head or not self._question.streamed:
            await trio.sleep(self._think_s)
        if not self._question.streamed:
            exchange.said = exchange.answer.characters
            document = self._voice.whole(self._question, exchange.answer, exchange.bill)
            await self._say(200, json.dumps(document), *fields)
            exchange.whole = True
            return
        await self._say_events(exchange.answer.characters, self._think_s if not slow_head else 0.0, *fields)
        await self._asked.send(b"0\r\n\r\n")

    async def _say_events(self, most: int, think_s: float, *fields: bytes) -> None:
        """A stream, up to `most` characters of the answer; only one that has them all has its end too."""
        await self._asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked", *fields)
        exchange = self._exchange
        events = list(self._voice.events(self._question, exchange.answer, exchange.bill, self._sizes()))
        ending = 1 + max((number for number, event in enumerate(events) if event.characters), default=0)
        ending = min(ending, len(events) - 1)
        for number, (wire, characters) in enumerate(events):
            if exchange.said + characters > most or (self._is_cut and number >= ending):
                return
            exchange.whole = number >= ending
            if characters:
                await trio.sleep(think_s + self._every_s)
                think_s = 0.0
                exchange.said += characters
            exchange.spoke_at.append(trio.current_time())
            await self._asked.send_chunk(wire)

    def _sizes(self) -> Iterator[int]:
        most = self._chance.choice([8, 40, 400])
        while True:
            yield self._chance.randint(1, most)

    async def _say(self, status: int, body: str, *fields: bytes) -> None:
        raw = body.encode()
        await self._asked.send_head(status, _STATUS_LINE, b"content-length: %d" % len(raw), *fields)
        await self._asked.send(raw)

    async def _fail(self, status: int, *fields: bytes) -> None:
        await self._say(status, json.dumps(self._voice.error(status, f"made up: {status}")), *fields)

    # As it should not.

    async def _stream_badly(self, mood: Mood) -> None:
        await trio.sleep(self._think_s)
        if mood is Mood.ERROR_FIRST:
            await self._say_events(0, 0.0)
            await self._asked.send_chunk(self._voice.error_event(self._chance.choice([500, 429]), "made up"))
            await self._asked.send(b"0\r\n\r\n")
            return
        # Anthropic and OpenAI say when a text is over; without that it is not, even where no word is missing.
        self._is_cut = True
        await self._say_events(self._chance.randint(0, self._exchange.answer.characters), 0.0)
        if mood is Mood.CUT:
            self._leave()
        elif mood is Mood.STREAM_RESET:
            self._leave(abort=True)
        elif mood is Mood.STALLED:
            await trio.sleep_forever()
        elif mood is Mood.ERROR_WITHIN:
            await self._asked.send_chunk(self._voice.error_event(500, "made up"))
            await self._asked.send(b"0\r\n\r\n")
        else:
            await self._asked.send(b"0\r\n\r\n")

    async def _say_garbage(self) -> None:
        body = self._chance.choice(["<html>no</html>", "", "null", "[1]", '{"choices": 7}', "\x00\xff", '{"a":'])
        if self._question.streamed and self._chance.random() < 0.5:
            await self._say_events(0, 0.0)
            await self._asked.send_chunk(b"data: " + body.encode() + b"\n\n")
            await self._asked.send(b"0\r\n\r\n")
        else:
            await self._say(200, body)

    async def _say_too_little(self) -> None:
        """The connection ends before the length that was promised."""
        await self._asked.send_head(200, _STATUS_LINE, b"content-length: 10000")
        await self._asked.send(b'{"id": "chatcm')
        self._leave()

    def _stray(self) -> bytes:
        """An answer that nobody has asked for: whoever asks next over this connection must not take it for theirs."""
        document = self._voice.whole(self._question, Answer(text=STRAY), Bill(1, 1))
        body = json.dumps(document).encode()
        return b"HTTP/1.1 200 Said\r\n%b\r\ncontent-length: %d\r\n\r\n%b" % (_STATUS_LINE, len(body), body)

    def _leave(self, *, abort: bool = False) -> None:
        self._exchange.over_at = trio.current_time()
        with suppress(OSError):
            if abort:
                self._asked.reset()
            else:
                self._asked.hang_up()
