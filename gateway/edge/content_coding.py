"""Content codings of answers (RFC 9110 section 8.4.1), undone piece by piece and in bounded pieces."""

from __future__ import annotations

import zlib
from typing import Final

DECODED_PIECE_BYTES: Final = 256 * 1024
"""At most so much comes out at once, however small what went in."""

MOST_MEMBERS: Final = 1000
"""Of one gzip body. Nobody needs more than one; each begins with a copy of all that has not been read yet."""

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_ZLIB_WINDOW: Final = zlib.MAX_WBITS
_RAW_WINDOW: Final = -zlib.MAX_WBITS


class UndecodableContent(Exception):
    """What arrived is not what its content coding says, or ends too early."""


def decoder_for(coding: bytes) -> Inflater | None:
    """Undoes `coding`, a content-encoding field; None for identity. Raises UndecodableContent for one unknown."""
    match coding.strip().lower():
        case b"" | b"identity":
            return None
        case b"gzip" | b"x-gzip":
            return Inflater(_GZIP_WINDOW)
        case b"deflate":
            return Inflater(None)
    raise UndecodableContent("the answer has a content coding that was not asked for")


class Inflater:
    """Decodes gzip (several members too) or deflate."""

    __slots__ = ("_input", "_may_have_more", "_members", "_stream", "_window")

    def __init__(self, window: int | None) -> None:
        """With None it is found out whether deflate comes in a zlib wrapping, as it should, or bare."""
        self._window = window
        self._stream: zlib._Decompress | None = None
        self._input = b""
        self._may_have_more = False
        self._members = 0

    def decode(self, data: bytes) -> bytes:
        """What `data` and what was left of earlier input give, at most DECODED_PIECE_BYTES.

        b"" means that more input is needed: until then it pays to call again with b"". Raises UndecodableContent.
        """
        self._input = self._input + data if self._input else data
        while self._input or self._may_have_more:
            stream = self._current_stream()
            if stream is None:
                return b""
            piece = self._inflate(stream)
            if piece:
                return piece
        return b""

    def check_end(self) -> None:
        """No input follows. Raises UndecodableContent when there should be some; an empty body is well."""
        if self._input or (self._stream is not None and not self._stream.eof):
            raise UndecodableContent("the answer's compressed body ends too early")

    def _current_stream(self) -> zlib._Decompress | None:
        """The stream that the input belongs to; None while too little has arrived to tell."""
        if self._stream is not None and not self._stream.eof:
            return self._stream
        if self._window is None:
            if len(self._input) < 2:
                return None
            self._window = _deflate_window(self._input)
        elif self._stream is not None and self._window != _GZIP_WINDOW:
            raise UndecodableContent("the answer's compressed body has ended, and more follows")
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise UndecodableContent("the answer's compressed body has more parts than anybody needs")
        self._stream = zlib.decompressobj(self._window)
        return self._stream

    def _inflate(self, stream: zlib._Decompress) -> bytes:
        try:
            piece = stream.decompress(self._input, DECODED_PIECE_BYTES)
        except zlib.error as mistake:
            raise UndecodableContent("the answer's compressed body is malformed") from mistake
        self._input = stream.unused_data if stream.eof else stream.unconsumed_tail
        # With the input used up zlib may still hold output that did not fit.
        self._may_have_more = not stream.eof and len(piece) == DECODED_PIECE_BYTES
        return piece


def _deflate_window(start: bytes) -> int:
    """Tells a zlib header (RFC 1950 section 2.2) from a bare deflate stream."""
    is_wrapped = start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return _ZLIB_WINDOW if is_wrapped else _RAW_WINDOW
