"""Providers' lists of models: as they were recorded, in pages, and with entries that are not what they should be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.providers.model_lists import ListedModel, ListPage, first_page, read_page
from gateway.providers.prices import Prices, Tier
from tests.shared_material import Recording, recordings

KINDS = {"openai": "openai", "anthropic": "anthropic", "google": "gemini", "deepseek": "openai", "openrouter": "openai"}
DEEP = b"[" * 5000 + b"]" * 5000
BOTTOMLESS = b'{"data": [{"id": "m", "created_at": %b, "pricing": %b}], "models": [{"name": %b}]}' % (DEEP, DEEP, DEEP)


def is_list(recording: Recording) -> bool:
    return recording.status == 200 and not recording.meta["model"]


@pytest.mark.parametrize("recording", recordings(*KINDS, api="models", where=is_list))
def test_a_recorded_list_has_every_model_that_can_be_asked(recording: Recording) -> None:
    document = json.loads(recording.response)
    page = read_page(KINDS[recording.provider], recording.response)
    ids = {entry["id"] for entry in document.get("data", ())} | {
        entry["name"].removeprefix("models/")
        for entry in document.get("models", ())
        if {"generateContent", "embedContent"} & set(entry["supportedGenerationMethods"])
    }
    read = {model.id for model in page.models}
    assert read <= ids
    left_out = ids - read
    if recording.provider == "openai":
        assert {"whisper-1", "tts-1", "davinci-002"} <= left_out
        assert {"gpt-4o", "o3", "text-embedding-3-large", "gpt-5-search-api"} <= read
        assert not {name for name in left_out if name.startswith(("gpt-4.1", "gpt-5", "o1", "o3", "o4", "text-"))}
    else:
        assert not left_out


@pytest.mark.parametrize("recording", recordings(*KINDS, api="models", where=lambda each: each.status != 200))
def test_a_refusal_is_no_list(recording: Recording) -> None:
    with pytest.raises(ValueError, match="missing required field"):
        read_page(KINDS[recording.provider], recording.response)


@pytest.mark.parametrize("recording", recordings("openrouter", api="models"))
def test_openrouter_tells_of_windows_and_prices(recording: Recording) -> None:
    page = read_page("openai", recording.response)
    assert all(model.context_window for model in page.models)
    assert sum(model.prices is not None for model in page.models) > 0.9 * len(page.models)


def openai_list(*entries: Any) -> ListPage:
    return read_page("openai", json.dumps({"object": "list", "data": entries}).encode())


def test_openrouters_prices_by_the_million_with_what_long_prompts_cost() -> None:
    pricing = {
        "prompt": "0.000003",
        "completion": "0.000015",
        "request": "0",
        "web_search": "0.01",
        "input_cache_read": "0.0000003",
        "input_cache_write": "0.00000375",
        "input_cache_write_1h": "0.000006",
        "overrides": [{"min_prompt_tokens": 200_000, "prompt": "0.000006", "completion": "0.0000225"}],
    }
    (model,) = openai_list(
        {
            "id": "anthropic/claude-sonnet-4",
            "created": 1_747_930_371,
            "context_length": 1_000_000,
            "architecture": {"output_modalities": ["text"]},
            "pricing": pricing,
            "top_provider": {"context_length": 200_000, "max_completion_tokens": 64_000},
        }
    ).models
    cache = {"cached_input": 0.3, "cache_write": 3.75, "cache_write_1h": 6.0}
    long = Tier(above_input_tokens=199_999, input=6.0, output=22.5, **cache)
    prices = Prices(input=3.0, output=15.0, tiers=(long,), **cache)
    assert model == ListedModel("anthropic/claude-sonnet-4", 1_747_930_371, 1_000_000, 64_000, prices)


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        {},
        "free",
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "much"},
        {"prompt": "nan"},
        {"prompt": "1e400"},
    ],
)
def test_prices_that_are_none_are_not_known(pricing: Any) -> None:
    assert openai_list({"id": "m", "pricing": pricing}).models == [ListedModel("m")]


@pytest.mark.parametrize(
    "member",
    ["context_length", "context_window", "max_context_length", "max_model_len"],
)
def test_the_window_has_many_names(member: str) -> None:
    assert openai_list({"id": "m", member: 4096}).models == [ListedModel("m", context_window=4096)]


@pytest.mark.parametrize("window", [None, 0, -1, "4096", True, 4096.0, [], 1 << 50])
def test_what_is_no_number_of_tokens_is_not_known(window: Any) -> None:
    assert openai_list({"id": "m", "context_length": window}).models == [ListedModel("m")]


@pytest.mark.parametrize("entry", [None, 3, "m", [], {}, {"id": 3}, {"id": ""}, {"id": "a b"}, {"id": "x" * 257}])
def test_an_entry_that_cannot_be_read_is_left_out(entry: Any) -> None:
    assert openai_list(entry, {"id": "m"}).models == [ListedModel("m")]


def test_what_answers_with_neither_text_nor_vectors_cannot_be_asked() -> None:
    painter = {"id": "painter", "architecture": {"output_modalities": ["image"]}}
    writer = {"id": "whisper-writer", "architecture": {"output_modalities": ["image", "text"]}}
    assert [model.id for model in openai_list(painter, writer).models] == ["whisper-writer"]


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"data":3,"models":3}', b"<html>", b"\xff", b"[" * 5000, BOTTOMLESS]
)
def test_what_is_no_list_is_a_value_error(kind: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_page(kind, body)


def test_anthropics_list_comes_in_pages() -> None:
    entry = {
        "type": "model",
        "id": "claude-opus-4-7",
        "created_at": "2026-02-04T00:00:00Z",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }
    assert first_page("anthropic") == b"/v1/models?limit=1000"
    page = read_page("anthropic", json.dumps({"data": [entry], "has_more": True, "last_id": "claude/x&y"}).encode())
    assert page.models == [ListedModel("claude-opus-4-7", 1_770_163_200, 1_000_000, 128_000)]
    assert page.next_path == b"/v1/models?limit=1000&after_id=claude%2Fx%26y"
    last = read_page("anthropic", json.dumps({"data": [{**entry, "created_at": "?"}], "has_more": False}).encode())
    assert last == ListPage([ListedModel("claude-opus-4-7", 0, 1_000_000, 128_000)], None)


def test_geminis_list_comes_in_pages_and_says_what_a_model_does() -> None:
    asked = {"name": "models/gemini-3-flash", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536}
    entries = [
        {**asked, "supportedGenerationMethods": ["generateContent", "countTokens"]},
        {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
        {"name": "models/veo-3", "supportedGenerationMethods": ["predictLongRunning"]},
        {"name": None},
    ]
    assert first_page("gemini") == b"/models?pageSize=1000"
    page = read_page("gemini", json.dumps({"models": entries, "nextPageToken": "a=b"}).encode())
    assert page.models == [
        ListedModel("gemini-3-flash", 0, 1_048_576, 65_536),
        ListedModel("gemini-embedding-001"),
    ]
    assert page.next_path == b"/models?pageSize=1000&pageToken=a%3Db"
