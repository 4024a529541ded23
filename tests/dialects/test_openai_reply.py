"""The whole answer: counted and judged, never changed."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_reply import read_reply
from gateway.dialects.openai_usage import read_usage
from tests.shared_material import Recording, recordings

PROVIDERS = ("openai", "deepseek", "openrouter", "azure")


@pytest.mark.parametrize(
    ("spelled", "usage"),
    [
        ('{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}', Usage(prompt=7, completion=3)),
        (
            '{"prompt_tokens":7,"prompt_tokens_details":{"cached_tokens":4}}',
            Usage(prompt=7, cached=4),
        ),
        (
            '{"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":2}}',
            Usage(completion=3, reasoning=2),
        ),
        (
            '{"prompt_tokens":7,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":3}',
            Usage(prompt=7, cached=4),
        ),
        (
            '{"prompt_tokens":7,"completion_tokens":3,"total_tokens":15}',
            Usage(prompt=7, completion=8),
        ),
        ('{"prompt_tokens":7,"completion_tokens":3,"reasoning_tokens":2}', Usage(prompt=7, completion=3, reasoning=2)),
        ('{"prompt_tokens":347,"prompt_tokens_details":{"cached_tokens":403}}', Usage(prompt=347, cached=347)),
        ('{"prompt_tokens":7.0,"completion_tokens":null,"prompt_tokens_details":null}', Usage(prompt=7)),
        ('{"prompt_tokens":-1}', Usage()),
        ("null", None),
        ('"none"', None),
    ],
)
def test_usage_is_understood_in_every_spelling(spelled: str, usage: Usage | None) -> None:
    """Prompt and completion add up to the provider's own total, thoughts that are counted apart included."""
    assert read_usage(msgspec.Raw(spelled.encode())) == usage


def test_an_answer_is_read_behind_white_space() -> None:
    """OpenRouter keeps a slow connection alive with it."""
    notes = read_reply(b'\n   \n {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}')
    assert (notes.usage, notes.finish_reason, notes.error) == (Usage(prompt=1), "stop", None)


def test_an_error_under_a_good_status_is_seen() -> None:
    assert read_reply(b'{"error":{"code":502,"message":"x"},"user_id":"u"}').error == (
        b'{"error":{"code":502,"message":"x"}}'
    )


@pytest.mark.parametrize("odd", [b'{"choices":[{"finish_reason":7}]}', b'{"choices":[{}],"usage":"many"}'])
def test_an_answer_of_an_unusual_shape_is_an_answer(odd: bytes) -> None:
    assert read_reply(odd).error is None


def test_an_error_in_an_answer_of_an_unusual_shape_is_seen() -> None:
    assert read_reply(b'{"choices":7,"error":"Oh no."}').error == b'{"error":"Oh no."}'


@pytest.mark.parametrize(
    "broken",
    [
        *(b"", b"<html>", b"[]", b'"x"', b'{"choices":', b"[" * 100_000, b'{"a":' * 100_000),
        *(b"{}", b'{"choices":null}', b'{"choices":[]}', b'{"choices":"x"}', b'{"choices":[5]}', b'{"detail":"OK"}'),
    ],
)
def test_what_has_no_choices_is_no_answer(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_reply(broken)


@pytest.mark.parametrize(
    "recording", recordings(*PROVIDERS, where=lambda recording: recording.status == 200 and not recording.streamed)
)
def test_recorded_answers_are_counted_as_the_provider_counts(recording: Recording) -> None:
    document = json.loads(recording.response)
    notes = read_reply(recording.response)
    assert notes.usage is not None
    assert notes.usage.prompt == document["usage"]["prompt_tokens"]
    assert notes.usage.prompt + notes.usage.completion == document["usage"]["total_tokens"]
    assert notes.finish_reason == document["choices"][0]["finish_reason"]
