"""Chat completions: citations as `annotations`, whose positions count characters of the whole message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.dialects.conversation import Citation, Part, Text


class Annotations:
    """Collects the annotations of one message while its texts grow."""

    __slots__ = ("_begin", "_cited", "_length", "written")

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        """Of the texts that are closed."""
        self._cited: list[Citation] = []
        self._begin = self._length = 0

    def grow(self, text: str) -> None:
        """The open text has more."""
        self._length += len(text)

    def cite(self, citation: Citation) -> None:
        """The open text has a source; one without an address cannot be said in this dialect."""
        if citation.url is not None:
            self._cited.append(citation)

    def close(self) -> None:
        """The open text is whole; a citation without positions is one for all of it."""
        for citation in self._cited:
            start = self._begin + (citation.start or 0)
            end = self._length if citation.end is None else self._begin + citation.end
            self.written.append(_annotation(citation, start, end))
        self._cited.clear()
        self._begin = self._length


def annotations_of(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The annotations of a whole message."""
    texts = [part for part in parts if isinstance(part, Text)]
    if not any(text.citations for text in texts):
        return []
    collected = Annotations()
    for text in texts:
        collected.grow(text.text)
        for citation in text.citations:
            collected.cite(citation)
        collected.close()
    return collected.written


def _annotation(citation: Citation, start: int, end: int) -> dict[str, Any]:
    source: dict[str, Any] = {
        "url": citation.url,
        "title": citation.title or "",
        "start_index": start,
        "end_index": end,
    }
    if citation.cited_text is not None:
        source["content"] = citation.cited_text
    return {"type": "url_citation", "url_citation": source}
