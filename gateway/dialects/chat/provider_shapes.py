"""Chat completions, the answer as providers write it.

Lenient: what some write in a form of their own is kept raw and read by itself, so that it cannot cost the rest of the
answer. OpenRouter's extensions: https://openrouter.ai/docs/api-reference/overview.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from gateway.dialects.chat.request_shapes import Detail
from gateway.dialects.conversation import Citation, Image
from gateway.dialects.media import media_in

T = TypeVar("T")

NULL: Final = msgspec.Raw(b"null")


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    """Some forget that it is text."""


class Call(msgspec.Struct, gc=False):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: Function | None = None
    custom: dict[str, Any] | None = None


class Delta(msgspec.Struct, gc=False):
    """What a chunk adds to a message, or a whole message."""

    content: str | list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    reasoning_details: msgspec.Raw = NULL
    annotations: msgspec.Raw = NULL
    images: msgspec.Raw = NULL


class ChunkChoice(msgspec.Struct, gc=False):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = NULL


class Chunk(msgspec.Struct, gc=False):
    """One event's data."""

    id: str | None = None
    model: str | None = None
    choices: list[ChunkChoice] | None = None
    usage: msgspec.Raw = NULL
    service_tier: str | None = None
    error: msgspec.Raw = NULL


class AnswerChoice(msgspec.Struct, gc=False):
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = NULL


class Answer(msgspec.Struct, gc=False):
    """A whole answer's body."""

    id: str | None = None
    model: str | None = None
    choices: list[AnswerChoice] | None = None
    usage: msgspec.Raw = NULL
    service_tier: str | None = None
    error: msgspec.Raw = NULL


class _UrlCitation(msgspec.Struct, gc=False):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class _Annotation(msgspec.Struct, gc=False):
    url_citation: _UrlCitation | None = None


class _ImageUrl(msgspec.Struct, gc=False):
    url: str


class _Image(msgspec.Struct, gc=False):
    image_url: _ImageUrl


class _Alternative(msgspec.Struct, gc=False):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _Token(msgspec.Struct, gc=False):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[_Alternative] = []


class _Scores(msgspec.Struct, gc=False):
    content: list[_Token] | None = None
    refusal: list[_Token] | None = None


_details_decoder: Final = msgspec.json.Decoder(list[Detail])
_annotations_decoder: Final = msgspec.json.Decoder(list[_Annotation])
_images_decoder: Final = msgspec.json.Decoder(list[_Image])
_scores_decoder: Final = msgspec.json.Decoder(_Scores)


def said(raw: msgspec.Raw) -> bool:
    """Whether a member is there and not null."""
    return raw is not NULL and bytes(raw) != b"null"


def details_in(raw: msgspec.Raw) -> list[Detail]:
    """`reasoning_details`."""
    return _read(_details_decoder, raw) or []


def citations_in(raw: msgspec.Raw) -> list[Citation]:
    """`annotations`."""
    found = []
    for annotation in _read(_annotations_decoder, raw) or []:
        source = annotation.url_citation
        if source is not None:
            found.append(
                Citation(
                    url=source.url,
                    title=source.title,
                    cited_text=source.content,
                    start=source.start_index,
                    end=source.end_index,
                )
            )
    return found


def images_in(raw: msgspec.Raw) -> list[Image]:
    """`images`, those that a model made."""
    found = [media_in(image.image_url.url) for image in _read(_images_decoder, raw) or []]
    return [Image(media) for media in found if media is not None]


def scores_in(raw: msgspec.Raw) -> dict[str, Any] | None:
    """`logprobs`; None where there are none."""
    scores = _read(_scores_decoder, raw)
    if scores is None or not (scores.content or scores.refusal):
        return None
    told: dict[str, Any] = msgspec.to_builtins(scores)
    return told


def text_in(content: str | list[dict[str, Any]] | None) -> str:
    """The text of a content, which some write in parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return content or ""


def _read(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    """None where the member is absent or of a form that nobody knows."""
    if not said(raw):
        return None
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError):
        return None
