"""Providers that fail amid an answer, or whose answer is none: every client hears of it, and nothing looks whole."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from tests.sockets.asks import ASKS, BrokenOff, Clients, translated
from tests.sockets.moves import MOVES, name_for
from tests.sockets.scripts import DONE
from tests.sockets.upstream import Asked, Script, Upstream
from tests.sockets.voices import voice_of

WORDS = "The provider's own words."
SOON = (("retry-after-ms", "1"),)
ATTEMPTS = 3
"""What the gateway makes of one request at most."""
OVERLOADED = {
    "claude": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"%b"}}\n\n',
    "gemini": b'data: {"error":{"code":503,"message":"%b","status":"UNAVAILABLE"}}\r\n\r\n',
    "deepseek": b'data: {"error":{"message":"%b","type":"server_error","code":"503"}}\n\n',
    "anthropic/claude": b': OPENROUTER PROCESSING\n\ndata: {"error":{"code":503,"message":"%b"}}\n\n' + DONE,
    "gpt": b'data: {"error":{"message":"%b","type":"server_error","code":null}}\n\n' + DONE,
}
TRANSLATED = [(dialect, family) for dialect in ASKS for family in OVERLOADED if translated(dialect, family)]


BAD_KEY = json.dumps({"error": {"code": 400, "message": WORDS, "details": [{"reason": "API_KEY_INVALID"}]}}).encode()


class CutOff(Asked):
    """Gets the first half of what a voice tells, then something else."""

    def __init__(self, asked: Asked, instead: bytes) -> None:
        super().__init__(asked.connection, asked.path, asked.fields, asked.body)
        self._pieces: list[bytes] = []
        self._instead = instead

    def stream(self, data: bytes) -> None:
        self._pieces.append(data)

    def end_stream(self) -> None:
        for piece in (*self._pieces[: len(self._pieces) // 2], self._instead):
            super().stream(piece)
        super().end_stream()


def breaks_off(instead: bytes) -> Script:
    def script(asked: Asked) -> None:
        voice_of(asked).tell(CutOff(asked, instead), MOVES[0])

    return script


@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_an_error_amid_a_stream_is_raised_behind_what_was_said(
    hasty: Clients, upstream: Upstream, dialect: str, family: str
) -> None:
    """Never a clean end, and nobody is asked again."""
    model = upstream.plays(breaks_off(OVERLOADED[family] % WORDS.encode()), family=family)
    with pytest.raises((openai.APIError, anthropic.APIError, BrokenOff)) as told:
        ASKS[dialect](hasty, name_for(model), True)
    assert WORDS in str(told.value)
    assert len(upstream.asked(model)) == 1


@pytest.mark.parametrize("family", OVERLOADED)
def test_a_response_whose_stream_broke_is_kept_as_failed(hasty: Clients, upstream: Upstream, family: str) -> None:
    """As OpenAI keeps it, and as one in the background would be; not where the client said `store: false`."""
    for store in (True, False):
        model = upstream.plays(breaks_off(b": nothing more\n\n"), family=family)
        question = {"model": name_for(model), "input": "?", "stream": True, "store": store}
        with hasty.openai.responses.create(**question) as events:
            first, *_, last = events
        assert (first.type, last.type) == ("response.created", "response.failed")
        if store:
            found = hasty.openai.responses.retrieve(first.response.id)
            assert (found.status, found.error.code) == ("failed", "server_error")
        else:
            with pytest.raises(openai.NotFoundError):
                hasty.openai.responses.retrieve(first.response.id)


@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_a_stream_that_is_cut_never_looks_whole(hasty: Clients, upstream: Upstream, dialect: str, family: str) -> None:
    model = upstream.plays(breaks_off(b": nothing more\n\n"), family=family)
    with pytest.raises((openai.APIError, anthropic.APIError, BrokenOff)):
        ASKS[dialect](hasty, name_for(model), True)
    assert len(upstream.asked(model)) == 1


@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_an_error_in_the_first_event_is_an_error_answer(
    hasty: Clients, upstream: Upstream, dialect: str, family: str
) -> None:
    """With a status of its own, after as many attempts as any other."""

    def script(asked: Asked) -> None:
        asked.begin_stream(SOON)
        asked.stream(OVERLOADED[family] % WORDS.encode())
        asked.end_stream()

    model = upstream.plays(script, family=family)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError), match=WORDS) as told:
        ASKS[dialect](hasty, name_for(model), True)
    assert told.value.status_code >= 500
    assert len(upstream.asked(model)) == ATTEMPTS


@pytest.mark.parametrize("label", ["text/event-stream", "application/octet-stream"])
@pytest.mark.parametrize("dialect", ASKS)
def test_plain_json_under_any_label_is_read_for_what_it_is(
    hasty: Clients, upstream: Upstream, dialect: str, label: str
) -> None:
    """Gemini's errors on the address of a stream, whichever status they come with."""
    for status in (400, 200):
        model = upstream.plays(
            lambda asked, status=status: asked.answer(status, BAD_KEY, [("content-type", label)]), family="gemini"
        )
        with pytest.raises((openai.AuthenticationError, anthropic.AuthenticationError), match=WORDS):
            ASKS[dialect](hasty, model, True)


# What is no answer at all.

PAGE = b"<html><body>Bad gateway at 10.0.0.7</body></html>"
NO_ANSWERS = {
    "a page": PAGE,
    "nothing": b"",
    "half of an answer": b'{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"te',
    "wrong types": b'{"content":7,"choices":7,"candidates":7}',
    "a number": b"7",
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_what_is_no_answer_is_a_bad_gateway(
    hasty: Clients, upstream: Upstream, dialect: str, family: str, body: bytes, stream: bool
) -> None:
    model = upstream.plays(lambda asked: asked.answer(200, body, SOON), family=family)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as told:
        ASKS[dialect](hasty, name_for(model), stream)
    assert told.value.status_code == 502
    assert "10.0.0.7" not in str(told.value.body)
