"""A prompt as one text, for a service that counts texts: what is said, what tools are there, what they were given and
returned. Pure; a generator that yields now and then, since conversations may be long (see `codec.Steps`).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.prompt_parts import DEEPEST, Part, Prompt, read_content, source_in, text_in
from gateway.dialects.usual_parts import NULL


def text_of(prompt: Prompt) -> Steps[str]:
    """Of a prompt that is not read yet; what is structured (tools, their calls, schemas) stays the JSON that it is."""
    _, contents, others = prompt.pieces()
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
    try:
        said = read_content(content)
    except (ValueError, RecursionError):
        yield _as_written(content)
        return
    if isinstance(said, str):
        yield said
    elif said is not None and bytes(memoryview(content)[:1]) == b"{" and not _holds_more(said[0]):
        yield _as_written(content)
    elif said is not None and depth < DEEPEST:
        for part in said:
            yield from _texts_in(part, depth + 1)


def _texts_in(part: Part, depth: int) -> Iterator[str]:
    if part.text is not NULL and (text := text_in(part.text)) is not None:
        yield text
    if part.content is not NULL:
        yield from _texts_of(part.content, depth)
    if part.input is not NULL:
        yield _as_written(part.input)
    if part.source is not NULL and (source := source_in(part.source)) is not None:
        if source.type == "text" and (text := text_in(source.data)) is not None:
            yield text
        elif source.type == "content":
            yield from _texts_of(source.content, depth)


def _holds_more(part: Part) -> bool:
    """Media, which are no text, or contents of its own."""
    return bool(part.media()) or part.content is not NULL or part.source is not NULL


def _as_written(raw: msgspec.Raw) -> str:
    return bytes(raw).decode(errors="replace")
