"""A prompt as one text, for a service that counts texts: what is said, what tools are there, what they were given and
returned. Pure; a generator that yields now and then, since conversations may be long (see `codec.Steps`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from gateway.dialects.codec import Steps

_NULL: Final = msgspec.Raw(b"null")
_DEEPEST: Final = 4
"""Contents within contents: a tool's result in a message."""


class _Part(msgspec.Struct, gc=False):
    """A part of a content, as far as it is text."""

    text: Any = None
    content: msgspec.Raw = _NULL
    input: msgspec.Raw = _NULL


_text_decoder = msgspec.json.Decoder(str)
_parts_decoder = msgspec.json.Decoder(list[_Part])


def prompt_text(contents: Iterable[msgspec.Raw], others: Iterable[msgspec.Raw]) -> Steps[str]:
    """`contents` are texts or lists of parts; `others` (tools, calls of them) stay the JSON that they are."""
    texts: list[str] = []
    for content in contents:
        before = len(texts)
        texts += _texts_of(content)
        yield len(texts) - before or 1
    for other in others:
        texts.append(_as_written(other))
        yield 1
    return "\n".join(texts)


def _texts_of(content: msgspec.Raw, depth: int = 0) -> Iterator[str]:
    """What is odd counts as it is written: the provider will judge it."""
    first = bytes(memoryview(content)[:1])
    try:
        if first == b'"':
            yield _text_decoder.decode(content)
        elif first == b"[" and depth < _DEEPEST:
            for part in _parts_decoder.decode(content):
                if isinstance(part.text, str):
                    yield part.text
                if part.content is not _NULL:
                    yield from _texts_of(part.content, depth + 1)
                if part.input is not _NULL:
                    yield _as_written(part.input)
    except (ValueError, RecursionError):
        yield _as_written(content)


def _as_written(raw: msgspec.Raw) -> str:
    return bytes(raw).decode(errors="replace")
