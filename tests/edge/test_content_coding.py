"""Decoding by pieces gives what decoding at once gives, wherever the pieces are cut."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.content_coding import DECODED_PIECE_BYTES, MOST_MEMBERS, Inflater, UndecodableContent, decoder_for


def decode_all(inflater: Inflater, data: bytes) -> bytes:
    """What `data` gives, with the inflater asked until it wants more input."""
    pieces = [inflater.decode(data)]
    while pieces[-1]:
        assert len(pieces[-1]) <= DECODED_PIECE_BYTES
        pieces.append(inflater.decode(b""))
    return b"".join(pieces)


def inflater_for(coding: bytes) -> Inflater:
    inflater = decoder_for(coding)
    assert inflater is not None
    return inflater


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


CODINGS = [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"deflate", bare_deflate)]


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
@given(data=st.binary(max_size=2000), size=st.integers(1, 300))
def test_pieces_of_any_size_give_the_whole(coding: bytes, pack, data: bytes, size: int) -> None:  # type: ignore[no-untyped-def]
    packed = pack(data)
    inflater = inflater_for(coding)
    pieces = [decode_all(inflater, packed[start : start + size]) for start in range(0, len(packed), size)]
    inflater.check_end()
    assert b"".join(pieces) == data


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
def test_nothing_is_held_back_where_input_ends_at_the_output_bound(coding: bytes, pack) -> None:  # type: ignore[no-untyped-def]
    """zlib may have taken all of its input and still hold output that did not fit."""
    packed = pack(bytes(2 * DECODED_PIECE_BYTES))
    wbits = {b"gzip": 16 + zlib.MAX_WBITS}.get(coding, zlib.MAX_WBITS if pack is zlib.compress else -zlib.MAX_WBITS)
    for cut in range(2, len(packed)):
        at_once = zlib.decompressobj(wbits).decompress(packed[:cut])
        assert decode_all(inflater_for(coding), packed[:cut]) == at_once


def test_a_body_of_more_parts_than_anybody_needs_is_none() -> None:
    """Each of them costs a copy of all behind it."""
    part = gzip.compress(b"x")
    assert decode_all(inflater_for(b"gzip"), part * MOST_MEMBERS) == b"x" * MOST_MEMBERS
    with pytest.raises(UndecodableContent):
        decode_all(inflater_for(b"gzip"), part * (MOST_MEMBERS + 1))


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip", b"compress"])
def test_a_coding_that_was_not_asked_for_is_refused(coding: bytes) -> None:
    with pytest.raises(UndecodableContent):
        decoder_for(coding)


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity "])
def test_no_coding_needs_no_decoder(coding: bytes) -> None:
    assert decoder_for(coding) is None
