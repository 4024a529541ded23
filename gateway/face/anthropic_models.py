"""GET /v1/models and /v1/models/{id} for Anthropic's clients, which tell themselves by their anthropic-version.

https://platform.claude.com/docs/en/api/models-list
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

import msgspec

from gateway.errors import InvalidRequest
from gateway.exchange import Request
from gateway.face.listed_model import Listed

VERSION: Final = b"anthropic-version"
MOST: Final = 1000
"""On one page; theirs has twenty unless said, ours as many as there may be."""

_encode: Final = msgspec.json.Encoder().encode


class _Model(msgspec.Struct, tag_field="type", tag="model"):
    id: str
    display_name: str
    created_at: str
    """Theirs say the epoch too, where the day is not known."""
    max_input_tokens: int | None
    max_tokens: int | None
    lifecycle: str = "active"


class _Page(msgspec.Struct):
    data: list[_Model]
    has_more: bool
    first_id: str | None
    last_id: str | None


def asked_by_anthropics_client(request: Request) -> bool:
    return VERSION in request.fields


def model_body(model: Listed) -> bytes:
    return _encode(_shown(model))


def page_body(models: Sequence[Listed], request: Request) -> bytes:
    """The page that `limit`, `after_id` and `before_id` ask for. Raises InvalidRequest."""
    query = {name: values[-1] for name, values in parse_qs(request.query.decode("latin-1")).items()}
    limit = _limit(query.get("limit"))
    names = [model.id for model in models]
    if (after := query.get("after_id")) is not None:
        rest = models[_place(names, after, "after_id") + 1 :]
        return _page(rest[:limit], has_more=len(rest) > limit)
    if (before := query.get("before_id")) is not None:
        rest = models[: _place(names, before, "before_id")]
        return _page(rest[-limit:], has_more=len(rest) > limit)
    return _page(models[:limit], has_more=len(models) > limit)


def _page(models: Sequence[Listed], *, has_more: bool) -> bytes:
    data = [_shown(model) for model in models]
    return _encode(_Page(data, has_more, data[0].id if data else None, data[-1].id if data else None))


def _shown(model: Listed) -> _Model:
    created_at = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _Model(model.id, model.id, created_at, model.context_window, model.max_output_tokens)


def _limit(given: str | None) -> int:
    if given is None:
        return MOST
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MOST):
        raise InvalidRequest(f"Invalid 'limit': expected a number from 1 to {MOST}.", param="limit")
    return int(given)


def _place(names: Sequence[str], name: str, field: str) -> int:
    if name not in names:
        raise InvalidRequest(f"Invalid '{field}': there is no such model in the list.", param=field)
    return names.index(name)
