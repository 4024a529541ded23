"""Strict reading of a client's request piece by piece, and the errors that name the place of a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn, Protocol, TypeVar

import msgspec

from gateway.dialects.conversation import EFFORTS, Media
from gateway.dialects.fidelity import whence
from gateway.dialects.media import media_in
from gateway.dialects.mistakes import unreadable
from gateway.errors import InvalidRequest

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PIECE_BYTES: Final = 64 * 1024
_AT_ONCE: Final = 16
_AT_ONCE_BYTES: Final = 16 * 1024


class Decoder(Protocol[T_co]):
    """What msgspec's decoders of JSON are, and those that go by several of them."""

    @property
    def type(self) -> Any:
        """What is to be read."""
        ...

    def decode(self, raw: bytes, /) -> T_co:
        """Raises ValueError, RecursionError."""
        ...


def read(decoder: Decoder[T], raw: msgspec.Raw, field: str) -> T:
    """What stands at `field`. Raises InvalidRequest whose `param` begins with it."""
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem, decoder.type, field) from problem


def reading_pieces(body: bytes) -> int:
    """What it is to read a whole body once, as a number of pieces: nothing that matters for a small one."""
    return len(body) // _PIECE_BYTES


def read_in_slices(
    several: Decoder[list[T]], one: Decoder[T], raws: list[msgspec.Raw], field: str
) -> Iterator[tuple[list[T], int]]:
    """The members of the array at `field`, a few at a time, and what it was to read them, as a number of pieces.

    Raises InvalidRequest that names the first wrong one.
    """
    start = 0
    for some in _slices(raws):
        if len(some) == 1:
            yield [read(one, some[0], f"{field}[{start}]")], len(some[0]) // _PIECE_BYTES
        else:
            try:
                read_together = several.decode(b"[" + b",".join(some) + b"]")
            except (ValueError, RecursionError):
                read_together = [read(one, raw, f"{field}[{index}]") for index, raw in enumerate(some, start)]
            yield read_together, 0
        start += len(some)


def _slices(raws: list[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    """What is read in one go: a few small ones, or one."""
    if len(raws) <= _AT_ONCE and sum(map(len, raws)) <= _AT_ONCE_BYTES:
        yield raws
        return
    gathered: list[msgspec.Raw] = []
    size = 0
    for raw in raws:
        size += len(raw)
        if gathered and (size > _AT_ONCE_BYTES or len(gathered) == _AT_ONCE):
            yield gathered
            gathered, size = [], len(raw)
        gathered.append(raw)
    if gathered:
        yield gathered


def invalid(field: str, what: str) -> NoReturn:
    """Raises InvalidRequest for what is no request of its dialect at all."""
    raise InvalidRequest(f"Invalid '{field}': {what}.", param=field)


def check_effort(effort: str | None, field: str) -> None:
    """Raises InvalidRequest for a word that no model knows."""
    if effort is not None and effort not in EFFORTS:
        *most, last = EFFORTS
        invalid(field, f"expected {', '.join(most)} or {last}")


def missing(field: str) -> NoReturn:
    """Raises InvalidRequest for what has to be there."""
    raise InvalidRequest(f"Missing required parameter: '{field}'.", param=field)


def refuse(field: str, why: str, target: str) -> NoReturn:
    """Raises InvalidRequest for what `target` cannot express."""
    raise InvalidRequest(f"'{field}' cannot be had from {whence(target)}: {why}", param=field)


def media_of(url: str, field: str) -> Media:
    """A URL as it is, a data URL as the bytes in it. Raises InvalidRequest for one without base64."""
    media = media_in(url)
    if media is None:
        invalid(field, "expected a URL, or a data URL with base64")
    return media
