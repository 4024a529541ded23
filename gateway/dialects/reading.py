"""Strict reading of a client's request piece by piece, and the errors that name the place of a mistake."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import msgspec

from gateway.dialects.conversation import Media
from gateway.dialects.fidelity import TARGET_NAMES
from gateway.dialects.media import media_in
from gateway.dialects.mistakes import unreadable
from gateway.errors import InvalidRequest

T = TypeVar("T")


def read(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw, field: str) -> T:
    """What stands at `field`. Raises InvalidRequest whose `param` begins with it."""
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError) as problem:
        raise unreadable(_placed(problem, field)) from problem


def invalid(field: str, what: str) -> NoReturn:
    """Raises InvalidRequest for what is no request of its dialect at all."""
    raise InvalidRequest(f"Invalid '{field}': {what}.", param=field)


def missing(field: str) -> NoReturn:
    """Raises InvalidRequest for what has to be there."""
    raise InvalidRequest(f"Missing required parameter: '{field}'.", param=field)


def refuse(field: str, why: str, target: str) -> NoReturn:
    """Raises InvalidRequest for what `target` cannot express."""
    raise InvalidRequest(f"'{field}' cannot be had from a model behind {TARGET_NAMES[target]}: {why}", param=field)


def media_of(url: str, field: str) -> Media:
    """A URL as it is, a data URL as the bytes in it. Raises InvalidRequest for one without base64."""
    media = media_in(url)
    if media is None:
        invalid(field, "expected a URL, or a data URL with base64")
    return media


def _placed(problem: ValueError | RecursionError, field: str) -> ValueError | RecursionError:
    """The same problem, its path counted from the request's own root."""
    if not isinstance(problem, msgspec.ValidationError):
        return problem
    text = str(problem)
    before, at, path = text.rpartition(" - at `$")
    placed: Any = msgspec.ValidationError(f"{before}{at}.{field}{path}" if at else f"{text} - at `$.{field}`")
    return placed  # type: ignore[no-any-return]  # it is a ValueError, though the stub does not say so
