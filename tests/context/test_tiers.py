"""How full a context window is: an estimate of the prompt, four tiers, and what clients and providers are told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.context.tiers import Reading, gauge_of, read, tier_of
from gateway.dialects.prompt_weight import MEDIA_TOKENS, PromptWeight
from gateway.face.chat import ChatCompletions
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
PLAIN = st.text(st.characters(min_codepoint=0x23, max_codepoint=0x5B), max_size=3000)
IMAGE = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}


def weighed(dialect: Any, document: dict[str, Any], *, ascii_only: bool = False) -> PromptWeight:
    weight: PromptWeight = dialect.read(json.dumps(document, ensure_ascii=ascii_only).encode()).weight
    return weight


def chat(*contents: Any, **members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content} for content in contents], **members}


def test_a_tier_begins_exactly_at_its_quarter_of_the_window() -> None:
    assert [tier_of(tokens, 1000) for tokens in (0, 249, 250, 499, 500, 749, 750, 1000, 10**9)] == [
        *(1, 1, 2, 2, 3, 3, 4, 4, 4)
    ]
    assert [tier_of(tokens, 10) for tokens in (2, 3, 4, 5, 7, 8)] == [1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-4o", 380),
        ("o3-mini", 380),
        ("claude-sonnet-4-5", 400),
        ("deepseek-chat", 475),
        ("qwen/qwen3-32b", 435),
        ("meta-llama/Llama-4-Maverick", 435),
        ("codellama/CodeLlama-34b", 400),
        ("something-new", 380),
    ],
)
def test_a_models_family_says_how_many_characters_make_a_token(model: str, tokens: int) -> None:
    assert read(gauge_of(model, 8000), PromptWeight(0, 1520, 0)).tokens == tokens


def test_each_image_weighs_the_same_and_part_of_a_token_is_a_token() -> None:
    assert read(gauge_of("gpt-4o", 8000), PromptWeight(0, 5, 2)).tokens == 2 + 2 * MEDIA_TOKENS


def test_what_is_told_says_tier_count_limit_and_headroom() -> None:
    assert Reading(250, 1000).headers() == [
        (b"x-cms-routed", b"false"),
        (b"x-cms-tier", b"2"),
        (b"x-token-count", b"250"),
        (b"x-token-limit", b"1000"),
        (b"x-headroom-pct", b"75.0"),
    ]
    assert dict(Reading(1200, 1000, routed=True).headers())[b"x-headroom-pct"] == b"0.0"


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS, st.booleans())
def test_short_texts_are_counted_by_their_characters_however_they_are_written(
    first: str, second: str, ascii_only: bool
) -> None:
    first, second = ("".join(c for c in text if c <= "\uffff")[:60] for text in (first, second))
    text = weighed(ChatCompletions(), chat(first, second), ascii_only=ascii_only).characters
    assert text == len(first) + len(second)


@settings(max_examples=40, deadline=None)
@given(PLAIN, st.integers(1, 40))
def test_plain_texts_of_any_length_are_counted_exactly_in_all_three_dialects(text: str, times: int) -> None:
    said = text * times
    assert weighed(ChatCompletions(), chat(said)).characters == len(said)
    assert weighed(Messages(), {**chat(said), "max_tokens": 1, "system": "be"}).characters == len(said) + 2
    assert weighed(ResponsesDialect(), {"model": "m", "input": said, "instructions": "be"}).characters == len(said) + 4
    assert weighed(ResponsesDialect(), {"model": "m", "input": [{"role": "user", "content": said}]}).characters == len(
        said
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=1500), min_size=1, max_size=4), st.text(min_size=1, max_size=1500), st.booleans())
def test_more_text_never_weighs_less(texts: list[str], more: str, ascii_only: bool) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in (*texts, more)]
    before = weighed(ChatCompletions(), chat(*texts[:-1]), ascii_only=ascii_only).characters
    after = weighed(ChatCompletions(), chat(*texts[:-2], texts[-2] + texts[-1]), ascii_only=ascii_only).characters
    assert after >= before


def test_tools_their_calls_and_results_are_part_of_the_prompt() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    bare = weighed(ChatCompletions(), chat("look")).characters
    with_tool = weighed(ChatCompletions(), chat("look", tools=[tool])).characters
    assert with_tool >= bare + 50
    called = chat("look", tools=[tool])
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "x" * 100}}
    called["messages"].append({"role": "assistant", "content": None, "tool_calls": [call]})
    assert weighed(ChatCompletions(), called).characters >= with_tool + 100
    called["messages"].append({"role": "tool", "tool_call_id": "1", "content": "y" * 100})
    assert weighed(ChatCompletions(), called).characters >= with_tool + 200


def test_images_count_as_pieces_by_address_and_by_their_bytes() -> None:
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
    text = {"type": "text", "text": "what is this?"}
    by_address = weighed(ChatCompletions(), chat([text, IMAGE]))
    by_bytes = weighed(ChatCompletions(), chat([text, inline]))
    assert (by_address.media, by_bytes.media) == (1, 1)
    assert by_bytes.characters < 150
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 40_000}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
    assert weighed(Messages(), {**chat([result]), "max_tokens": 1}).media == 1
    shown = [{"role": "user", "content": [{"type": "input_image", "image_url": "https://pictures.example/a.png"}]}]
    assert weighed(ResponsesDialect(), {"model": "m", "input": shown}).media == 1
