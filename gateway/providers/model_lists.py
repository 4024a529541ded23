"""Providers' own lists of models, as their APIs tell them.

OpenAI    GET /models (https://platform.openai.com/docs/api-reference/models/list); DeepSeek, OpenRouter, vLLM and
          others answer the same with members of their own
Anthropic GET /v1/models (https://platform.claude.com/docs/en/api/models-list), in pages
Gemini    GET /models (https://ai.google.dev/api/models), in pages

An entry that cannot be read, or that no endpoint of the gateway could ask for, is left out; a body that is no list at
all is a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from actors.errors import Failure
from gateway.config.routing import Glob
from gateway.config.tables import LONGEST_MODEL_NAME
from gateway.providers.prices import Prices, Tier

_PAGE = 1000
"""What Anthropic and Gemini give at most."""
_MILLION = 1_000_000

_OF_OTHER_ENDPOINTS = tuple(
    Glob(pattern)
    for pattern in (
        "whisper-*",
        "tts-*",
        "*-tts",
        "*-tts-*",
        "*-transcribe*",
        "dall-e-*",
        "*gpt-image-*",
        "chatgpt-image-*",
        "sora-*",
        "*-moderation*",
        "*-realtime*",
        "gpt-live-*",
        "babbage-*",
        "davinci-*",
        "gpt-3.5-turbo-instruct*",
    )
)
"""OpenAI's for speech, pictures, films, moderation, sessions and plain completions: its list does not tell which."""


class ListedModel(NamedTuple):
    """What a provider says of one of its models."""

    id: str
    created: int = 0
    """Seconds since the epoch; 0 where it does not say."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    prices: Prices | None = None


class ListMoved(NamedTuple):
    """A provider's list has come, for the first time or again, or it comes no more."""

    provider: str
    models: int
    """How many there are on the last one that came."""
    failure: Failure | None
    """Why it does not come."""


class ListPage(NamedTuple):
    models: list[ListedModel]
    next_path: bytes | None
    """Where the next page is; None at the last one."""


def first_page(kind: str) -> bytes:
    """What follows a provider's base path, by its kind."""
    return _FORMATS[kind].path


def read_page(kind: str, body: bytes) -> ListPage:
    """Raises ValueError for a body that is no list."""
    try:
        return _FORMATS[kind].read(body)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem


class _Format(NamedTuple):
    path: bytes
    read: Callable[[bytes], ListPage]


# OpenAI's.


class _OpenAIModel(msgspec.Struct):
    """The same fact has a name of its own at each of those who serve this API; what is no number is no fact."""

    id: Any = None
    created: Any = None
    context_length: Any = None
    context_window: Any = None
    max_context_length: Any = None
    max_model_len: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    top_provider: Any = None
    architecture: Any = None
    pricing: Any = None


class _OpenAIList(msgspec.Struct):
    data: list[msgspec.Raw]


_read_openai_list = msgspec.json.Decoder(_OpenAIList).decode
_read_openai_model = msgspec.json.Decoder(_OpenAIModel).decode


def _read_openai(body: bytes) -> ListPage:
    return ListPage(list(_openai_models(_read_openai_list(body).data)), None)


def _openai_models(entries: list[msgspec.Raw]) -> Iterator[ListedModel]:
    for entry in entries:
        try:
            model = _read_openai_model(entry)
        except ValueError:
            continue
        if _is_name(model.id) and not _is_of_other_endpoints(model):
            yield ListedModel(
                model.id,
                _count(model.created) or 0,
                _first(model.context_length, model.context_window, model.max_context_length, model.max_model_len),
                _first(
                    _member(model.top_provider, "max_completion_tokens"),
                    model.max_completion_tokens,
                    model.max_output_tokens,
                ),
                _openrouter_prices(model.pricing),
            )


def _is_of_other_endpoints(model: _OpenAIModel) -> bool:
    answers = _member(model.architecture, "output_modalities")
    if isinstance(answers, list):
        return "text" not in answers and "embeddings" not in answers
    return any(glob.matches(model.id) for glob in _OF_OTHER_ENDPOINTS)


_OPENROUTER_RATES: Final = {
    "prompt": "input",
    "completion": "output",
    "input_cache_read": "cached_input",
    "input_cache_write": "cache_write",
    "input_cache_write_1h": "cache_write_1h",
    "audio": "audio_input",
    "internal_reasoning": "reasoning_output",
}
"""https://openrouter.ai/docs/overview/models: USD a token, as texts."""


def _openrouter_prices(pricing: Any) -> Prices | None:
    """None where there are none, or where they depend on which model is chosen (they are negative then)."""
    if not isinstance(pricing, dict) or (rates := _openrouter_rates(pricing)) is None or not rates:
        return None
    tiers = []
    overrides = pricing.get("overrides")
    for override in overrides if isinstance(overrides, list) else ():
        least = _count(_member(override, "min_prompt_tokens"))
        changed = _openrouter_rates(override) if least else None
        if least and changed:
            tiers.append(Tier(above_input_tokens=least - 1, **{**rates, **changed}))
    return Prices(tiers=tuple(sorted(tiers, key=lambda tier: tier.above_input_tokens)), **rates)


def _openrouter_rates(pricing: dict[str, Any]) -> dict[str, float] | None:
    rates: dict[str, float] = {}
    for theirs, ours in _OPENROUTER_RATES.items():
        if isinstance(pricing.get(theirs), str | int | float):
            try:
                usd = float(pricing[theirs])
            except ValueError:
                return None
            if not 0 <= usd < 1:
                return None
            # Floating point makes 0.0000003 * 1e6 a little more than 0.3.
            rates[ours] = round(usd * _MILLION, 9)
    return rates


# Anthropic's.


class _AnthropicModel(msgspec.Struct):
    id: Any = None
    created_at: Any = None
    max_input_tokens: Any = None
    max_tokens: Any = None


class _AnthropicList(msgspec.Struct):
    data: list[_AnthropicModel]
    has_more: bool = False
    last_id: str | None = None


_read_anthropic_list = msgspec.json.Decoder(_AnthropicList).decode
_ANTHROPIC_PATH = f"/v1/models?limit={_PAGE}"


def _read_anthropic(body: bytes) -> ListPage:
    page = _read_anthropic_list(body)
    models = [
        ListedModel(
            model.id, _seconds(model.created_at), _count(model.max_input_tokens), _count(model.max_tokens), None
        )
        for model in page.data
        if _is_name(model.id)
    ]
    last = page.last_id or (models[-1].id if models else "")
    more = page.has_more and bool(last)
    return ListPage(models, f"{_ANTHROPIC_PATH}&after_id={quote(last, safe='')}".encode() if more else None)


def _seconds(created_at: Any) -> int:
    try:
        return max(int(datetime.fromisoformat(created_at).timestamp()), 0)
    except (TypeError, ValueError, OverflowError):
        return 0


# Gemini's.


class _GeminiModel(msgspec.Struct, rename="camel"):
    name: Any = None
    input_token_limit: Any = None
    output_token_limit: Any = None
    supported_generation_methods: Any = None


class _GeminiList(msgspec.Struct, rename="camel"):
    models: list[_GeminiModel]
    next_page_token: str = ""


_read_gemini_list = msgspec.json.Decoder(_GeminiList).decode
_GEMINI_PATH = f"/models?pageSize={_PAGE}"
_GEMINI_METHODS: Final = frozenset({"generateContent", "embedContent"})
"""What the gateway can ask a model for."""


def _read_gemini(body: bytes) -> ListPage:
    page = _read_gemini_list(body)
    models = [
        ListedModel(
            model.name.removeprefix("models/"),
            0,
            _count(model.input_token_limit),
            _count(model.output_token_limit),
        )
        for model in page.models
        if _is_name(model.name) and _can_be_asked(model.supported_generation_methods)
    ]
    token = quote(page.next_page_token, safe="")
    return ListPage(models, f"{_GEMINI_PATH}&pageToken={token}".encode() if token else None)


def _can_be_asked(methods: Any) -> bool:
    return not isinstance(methods, list) or any(method in methods for method in _GEMINI_METHODS)


_FORMATS: Final = {
    "openai": _Format(b"/models", _read_openai),
    "anthropic": _Format(_ANTHROPIC_PATH.encode(), _read_anthropic),
    "gemini": _Format(_GEMINI_PATH.encode(), _read_gemini),
}


# What others say is taken for what it is only where it is that.


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_MODEL_NAME and value.isprintable() and " " not in value


def _count(value: Any) -> int | None:
    """A number of tokens or seconds that is one."""
    return value if type(value) is int and 0 < value < 1 << 40 else None


def _first(*values: Any) -> int | None:
    return next((count for value in values if (count := _count(value)) is not None), None)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
