"""Anthropic's own client, answered without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anthropic
import httpx2
from anthropic.types import Message, MessageParam

HELLO: list[MessageParam] = [{"role": "user", "content": "hi"}]


@contextmanager
def answered(body: bytes, status: int = 200, content_type: str = "application/json") -> Iterator[anthropic.Anthropic]:
    """A client all of whose requests get this answer."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": content_type}, content=body)

    http_client = httpx2.Client(transport=httpx2.MockTransport(answer))
    with anthropic.Anthropic(api_key="k", max_retries=0, http_client=http_client) as client:
        yield client


def read(body: bytes) -> Message:
    """A whole answer as the client reads it."""
    with answered(body) as client:
        return client.messages.create(model="m", max_tokens=100, messages=HELLO)


def accumulate(stream: bytes) -> Message:
    """A stream as the client's helper gathers it."""
    with (
        answered(stream, content_type="text/event-stream") as client,
        client.messages.stream(model="m", max_tokens=100, messages=HELLO) as events,
    ):
        for _ in events:
            pass
        return events.get_final_message()
