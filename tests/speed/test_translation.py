"""What a translation may cost beside a pass-through, at ten times the figures: a busy machine fails no test."""

from __future__ import annotations

import json
from statistics import median

import pytest
import trio

from bench.table import TRANSLATION_LIMITS, render_translation
from bench.translation import (
    FRAME,
    LARGE_BYTES,
    SMALL_BYTES,
    TEXT,
    WORD,
    Provider,
    begun_stream,
    chat_request,
    measure,
    providers,
)
from gateway.unhurried import PIECES_A_TURN

pytestmark = pytest.mark.real_time


async def test_translation_costs_little_on_top_of_a_pass_through(spared_collector: None) -> None:
    """Of a request, of an event, and of the neighbours' patience while a large conversation is translated."""
    for costs in await measure(rounds=3, requests=50, events=200):
        for figure, most in TRANSLATION_LIMITS.items():
            assert median(getattr(costs, figure)) <= 10 * most, (costs.name, figure)


@pytest.mark.parametrize("provider", providers()[1:], ids=lambda provider: provider.name)
async def test_neighbours_have_their_turns_while_a_large_conversation_is_translated(provider: Provider) -> None:
    """Every few messages, when they are read and when they are written."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await provider.way.prepare(
            chat_request(LARGE_BYTES, messages=4_000), provider.model, streamed=False, frame=FRAME
        )
        nursery.cancel_scope.cancel()
    assert turns >= 2 * 4_000 // PIECES_A_TURN - 5, turns


@pytest.mark.parametrize("provider", providers(), ids=lambda provider: provider.name)
async def test_what_is_measured_is_a_translation_that_works(provider: Provider) -> None:
    """Every event brings a word to the client, and every answer its text."""
    request = chat_request(SMALL_BYTES)
    stream = await begun_stream(provider, request)
    assert f'"content":"{WORD}"'.encode() in stream.feed(provider.event)
    assert not stream.malformed
    passage = await provider.way.prepare(request, provider.model, streamed=False, frame=FRAME)
    answer = json.loads(passage.read(provider.answer).body or provider.answer)
    assert answer["choices"][0]["message"]["content"] == TEXT
    assert answer["usage"]["total_tokens"] == 570


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
@pytest.mark.parametrize("messages", [None, 1])
def test_a_conversation_is_as_large_as_it_says(size_bytes: int, messages: int | None) -> None:
    assert len(chat_request(size_bytes, messages=messages).body) == pytest.approx(size_bytes, rel=0.1)


def test_the_table_has_the_medians_beside_what_they_may_be() -> None:
    costs = [
        {"name": "Gemini", "us_per_request": [70.0, 50.0, 60.0], "us_per_event": [3.0], "stall_ms": [1.0, 9.0, 2.0]}
    ]
    head, _, line = render_translation(costs).splitlines()
    assert [head.count(f"at most {most}") for most in ("150", "40", "20")] == [1, 1, 1]
    assert line == "| chat → Gemini | 60.0 | 3.0 | 2.0 |"
