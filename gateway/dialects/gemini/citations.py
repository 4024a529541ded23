"""Where passages of an answer come from: groundingMetadata and citationMetadata, read for the pivot."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.conversation import Citation
from gateway.dialects.gemini.wire import is_null


class _Source(msgspec.Struct):
    uri: str | None = None
    title: str | None = None
    text: str | None = None
    """The source's own words."""


class _GroundingChunk(msgspec.Struct, rename="camel"):
    web: _Source | None = None
    retrieved_context: _Source | None = None
    maps: _Source | None = None
    image: _Source | None = None


class _Segment(msgspec.Struct, rename="camel"):
    start_index: int = 0
    end_index: int | None = None
    text: str | None = None


class _GroundingSupport(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(msgspec.Struct, rename="camel"):
    grounding_chunks: list[_GroundingChunk] | None = None
    grounding_supports: list[_GroundingSupport] | None = None


class _Recited(msgspec.Struct, rename="camel"):
    start_index: int = 0
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class _CitationMetadata(msgspec.Struct, rename="camel"):
    citation_sources: list[_Recited] | None = None
    citations: list[_Recited] | None = None
    """The same on Vertex AI."""


_CONTINUATION: Final = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 with which no character begins."""
_STRETCH_BYTES: Final = 256

_decode_grounding = msgspec.json.Decoder(_Grounding).decode
_decode_metadata = msgspec.json.Decoder(_CitationMetadata).decode


class _Passages:
    """Finds passages of a text by their bytes, however many: a stretch is counted for each, not all before it."""

    __slots__ = ("_begun", "_encoded", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._encoded = text.encode()
        self._begun = [0]
        """How many characters have begun before each stretch."""
        for start in range(0, len(self._encoded), _STRETCH_BYTES):
            self._begun.append(self._begun[-1] + self._count(start, start + _STRETCH_BYTES))

    def find(self, segment: _Segment) -> tuple[int | None, int | None]:
        """A segment's first and last character; Gemini counts bytes of UTF-8, within one of the answer's parts."""
        if segment.end_index is not None:
            start, end = self._characters(segment.start_index), self._characters(segment.end_index)
            if segment.text is None or self._text[start:end] == segment.text:
                return start, end
        start = self._text.find(segment.text) if segment.text else -1
        return (start, start + len(segment.text or "")) if start >= 0 else (None, None)

    def _characters(self, length: int) -> int:
        """How many are whole within the first so many bytes."""
        length = min(max(length, 0), len(self._encoded))
        stretch, rest = divmod(length, _STRETCH_BYTES)
        begun = self._begun[stretch] + self._count(length - rest, length)
        is_amid_one = length < len(self._encoded) and self._encoded[length] in _CONTINUATION
        return begun - is_amid_one

    def _count(self, start: int, end: int) -> int:
        return len(self._encoded[start:end].translate(None, _CONTINUATION))


def read_citations(text: str, grounding: msgspec.Raw, recited: msgspec.Raw) -> list[Citation]:
    """The citations that stand on `text`. What cannot be understood of them does not spoil the answer."""
    if is_null(grounding) and is_null(recited):
        return []
    passages = _Passages(text)
    try:
        return [*_grounded(passages, grounding), *_recitations(passages, recited)]
    except (ValueError, RecursionError):
        return []


def _grounded(passages: _Passages, raw: msgspec.Raw) -> list[Citation]:
    """One a passage and source; a source that no passage names stands for the whole text."""
    if is_null(raw):
        return []
    grounding = _decode_grounding(raw)
    sources = [_source(chunk) for chunk in grounding.grounding_chunks or ()]
    cited: list[Citation] = []
    named: set[int] = set()
    for support in grounding.grounding_supports or ():
        start, end = passages.find(support.segment or _Segment())
        for index in support.grounding_chunk_indices or ():
            if 0 <= index < len(sources):
                named.add(index)
                cited.append(_citation(sources[index], start, end))
    return cited + [_citation(source, None, None) for index, source in enumerate(sources) if index not in named]


def _recitations(passages: _Passages, raw: msgspec.Raw) -> list[Citation]:
    if is_null(raw):
        return []
    metadata = _decode_metadata(raw)
    cited = []
    for each in metadata.citation_sources or metadata.citations or ():
        start, end = passages.find(_Segment(each.start_index, each.end_index))
        cited.append(Citation(url=each.uri, title=each.title, start=start, end=end))
    return cited


def _source(chunk: _GroundingChunk) -> _Source:
    return chunk.web or chunk.retrieved_context or chunk.maps or chunk.image or _Source()


def _citation(source: _Source, start: int | None, end: int | None) -> Citation:
    return Citation(url=source.uri, title=source.title, cited_text=source.text, start=start, end=end)
