"""Request bodies that come compressed (RFC 9110 section 8.4): undone within the limit of any body.

What a small body grows to is held against the ingress budget while it grows, and the loop goes on between its pieces:
a bomb costs what an honest body of the limit's size costs.
"""

from __future__ import annotations

from typing import Final

import trio

from gateway.edge.content_coding import Inflater, UndecodableContent, decoder_for
from gateway.errors import InvalidRequest, UnsupportedCoding
from gateway.face.ingress import Ingress

CODING: Final = b"content-encoding"
FED_BYTES: Final = 64 * 1024
"""At most so much is undone between two turns of others."""


async def decoded(body: bytes, coding: bytes, ingress: Ingress) -> bytes:
    """`body` without its `coding`. Raises UnsupportedCoding, InvalidRequest, BodyTooLarge, MemoryPressure."""
    decoder = _decoder(coding)
    if decoder is None:
        return body
    pieces: list[bytes] = []
    size = held = 0
    try:
        for start in range(0, len(body), FED_BYTES):  # there are bodies of which megabytes come to nothing
            piece = _decode(decoder, body[start : start + FED_BYTES])
            while piece:
                size += len(piece)
                held = ingress.hold(size, held)
                pieces.append(piece)
                await trio.lowlevel.checkpoint()
                piece = _decode(decoder, b"")
            await trio.lowlevel.checkpoint()
        _check_end(decoder)
        return b"".join(pieces)
    finally:
        ingress.let_go(held)


def _decoder(coding: bytes) -> Inflater | None:
    try:
        return decoder_for(coding)
    except UndecodableContent as problem:
        raise UnsupportedCoding(
            "The body of the request has a Content-Encoding that is not understood here: gzip and deflate are."
        ) from problem


def _decode(decoder: Inflater, data: bytes) -> bytes:
    try:
        return decoder.decode(data)
    except UndecodableContent as problem:
        raise _malformed() from problem


def _check_end(decoder: Inflater) -> None:
    try:
        decoder.check_end()
    except UndecodableContent as problem:
        raise _malformed() from problem


def _malformed() -> InvalidRequest:
    return InvalidRequest("The body of the request is not what its Content-Encoding says.")
