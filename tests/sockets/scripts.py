"""What providers say in these tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.sockets.upstream import Asked, Script

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
WORDS = ("Salve", ", ", "munde")
PACE_S = 0.005


def completion(model: str, text: str = "".join(WORDS), **message: Any) -> bytes:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    document = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": model}
    return json.dumps({**document, "choices": [choice], "usage": USAGE}).encode()


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """A piece of a streamed one."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}
    return b"data: %b\n\n" % json.dumps({**document, "choices": choices, **more}).encode()


ROLE = event({"role": "assistant", "content": ""})
STOP = event({}, "stop")


def answers(asked: Asked) -> None:
    """Whole or streamed, as it is wanted."""
    if not asked.json.get("stream"):
        asked.answer(200, completion(asked.json["model"]))
        return
    asked.begin_stream()
    asked.stream(ROLE)
    for word in WORDS:
        asked.stream(event({"content": word}))
    asked.stream(STOP + event(usage=USAGE) + DONE)
    asked.end_stream()


def silent(asked: Asked) -> None:
    """Takes the request and says nothing at all."""
    asked.wait_until_left()


def pauses(asked: Asked) -> None:
    """One word, then silence."""
    asked.begin_stream()
    asked.stream(ROLE + event({"content": WORDS[0]}))
    asked.wait_until_left()


def talks_on(asked: Asked) -> None:
    """Word after word, without an end."""
    asked.begin_stream()
    asked.stream(ROLE)
    while asked.pause(PACE_S):
        asked.stream(event({"content": WORDS[0]}))


def cut(asked: Asked) -> None:
    """Two words, then the connection is gone."""
    asked.begin_stream()
    asked.stream(ROLE + event({"content": WORDS[0]}) + event({"content": WORDS[1]}))
    asked.hang_up()


def refuses(status: int, message: str = "No.", fields: Iterable[tuple[str, str]] = (), **error: Any) -> Script:
    """An error of OpenAI's kind."""
    body = json.dumps({"error": {"message": message, "type": "some_error", "param": None, "code": None, **error}})

    def script(asked: Asked) -> None:
        asked.answer(status, body.encode(), fields)

    return script
