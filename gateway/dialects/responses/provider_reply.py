"""Responses: a whole answer of OpenAI's as a reply."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.conversation import Choice, Part, Reasoning, Refusal, Reply, Text, ToolCall
from gateway.dialects.passed_reply import nested_too_deeply
from gateway.dialects.responses.provider_shapes import (
    Content,
    Output,
    OutputItem,
    Whole,
    citation_of,
    empty_content,
    empty_part,
    finish_of,
    thought_of,
)

_decode_whole: Final = msgspec.json.Decoder(Whole).decode
_decode_output: Final = msgspec.json.Decoder(Output).decode
_decode_item: Final = msgspec.json.Decoder(OutputItem).decode


def decode(body: bytes) -> Reply:
    """Raises ValueError where it is no answer, a failed one among them."""
    try:
        answer = _decode_whole(body)
        items = [_decode_item(raw) for raw in _decode_output(body).output]
    except RecursionError as problem:
        raise nested_too_deeply() from problem
    if answer.status not in ("completed", "incomplete"):
        raise ValueError("the answer is not whole")
    parts: list[Part] = [part for item in items for part in _parts_of(item)]
    return Reply(
        model=answer.model,
        choices=[Choice(parts, finish_of(answer, parts))],
        usage=answer.counted,
        service_tier=answer.service_tier,
    )


def _parts_of(item: OutputItem) -> list[Part]:
    """What OpenAI's own tools did is left out: the text of the answer says what came of it."""
    part = empty_part(item)
    if isinstance(part, Reasoning):
        part.text, part.summary = thought_of(item)
        part.signature = item.encrypted_content
    elif isinstance(part, ToolCall):
        part.arguments = item.arguments or "{}"
    else:
        return [said for content in item.content or () if (said := _said(content)) is not None]
    return [part]


def _said(content: Content) -> Text | Refusal | None:
    part = empty_content(content)
    if isinstance(part, Text):
        part.text = content.text
        part.citations = tuple(cited for each in content.annotations or () if (cited := citation_of(each)) is not None)
    elif isinstance(part, Refusal):
        part.text = content.refusal
    return part
