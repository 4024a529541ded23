"""Gemini's answers, written by hand, and the ways to read them."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.answer_events import Event
from gateway.dialects.conversation import Maker, Reasoning
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.gemini.stream import GeminiStream

SIGNATURE = "c2lnbmVk"
OTHER_SIGNATURE = "b3RoZXI="

USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}


def text(words: str, signature: str | None = None) -> dict[str, Any]:
    return {"text": words} | ({"thoughtSignature": signature} if signature else {})


def thought(words: str) -> dict[str, Any]:
    return {"text": words, "thought": True}


def call(name: str, signature: str | None = None, **arguments: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": arguments}}
    return part | ({"thoughtSignature": signature} if signature else {})


def signed(signature: str = SIGNATURE) -> Reasoning:
    return Reasoning(signature=signature, maker=Maker.GOOGLE)


def chunk(*parts: dict[str, Any], finish: str | int | None = None, **candidate: Any) -> dict[str, Any]:
    """A whole answer, or one event of a stream."""
    said: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, **candidate}
    if finish is not None:
        said["finishReason"] = finish
    return {
        "candidates": [said],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "answer-1",
    }


def as_json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def as_events(*chunks: dict[str, Any]) -> bytes:
    """With CRLF and without `event:` lines, as Gemini writes them."""
    return b"".join(b"data: " + as_json(each) + b"\r\n\r\n" for each in chunks)


def read_stream(*pieces: bytes) -> list[Event]:
    """The events of a stream that came in these pieces, up to its end."""
    stream: GeminiStream = GeminiProvider().stream()
    events = [event for piece in pieces for event in stream.feed(piece)]
    events += stream.end()
    assert stream.done
    assert stream.error is None
    return events
