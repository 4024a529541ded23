"""Responses: an answer of OpenAI's, whole and in events, as far as it is read."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from gateway.dialects.conversation import Citation, Finish, Maker, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.responses.answer_notes import Answer

NULL: Final = msgspec.Raw(b"null")


class Annotation(msgspec.Struct, gc=False):
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Content(msgspec.Struct, gc=False):
    """A part of a message, of a reasoning, or of its summary."""

    type: str = ""
    text: str = ""
    refusal: str = ""
    annotations: list[Annotation] | None = None


class OutputItem(msgspec.Struct, gc=False):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str = ""
    arguments: str = ""
    content: list[Content] | None = None
    summary: list[Content] | None = None
    encrypted_content: str | None = None
    format: str | None = None
    """Whose the reasoning is, where OpenRouter says it."""


class Whole(Answer):
    """A Response with what it says."""

    model: str = ""
    service_tier: str | None = None


class Output(msgspec.Struct, gc=False):
    """The output alone, item by item unread."""

    output: list[msgspec.Raw]


class StreamEvent(msgspec.Struct, gc=False):
    type: str = ""
    output_index: int = 0
    summary_index: int = 0
    delta: str = ""
    item: OutputItem | None = None
    part: Content | None = None
    annotation: Annotation | None = None
    response: msgspec.Raw = NULL
    error: Any = None


def empty_part(item: OutputItem) -> Reasoning | ToolCall | None:
    """What an item that is a part by itself becomes, without its words."""
    if item.type == "reasoning":
        return Reasoning(maker=item.format or Maker.OPENAI, summary=True, id=item.id)
    if item.type == "function_call":
        return ToolCall(item.call_id or item.id or "", item.name, "")
    return None


class Thought(NamedTuple):
    """What is told of a reasoning."""

    text: str
    summary: bool


def thought_of(item: OutputItem) -> Thought:
    """The reasoning itself where it is told (DeepSeek, gpt-oss), else the summary of it."""
    if text := "".join(each.text for each in item.content or ()):
        return Thought(text, summary=False)
    return Thought("\n\n".join(each.text for each in item.summary or () if each.text), summary=True)


def empty_content(content: Content) -> Text | Refusal | None:
    """What a part of a message becomes, without its words."""
    if content.type == "output_text":
        return Text("")
    return Refusal("") if content.type == "refusal" else None


def citation_of(annotation: Annotation) -> Citation | None:
    """None where it names no address: a file that OpenAI keeps."""
    if annotation.url is None:
        return None
    return Citation(url=annotation.url, title=annotation.title, start=annotation.start_index, end=annotation.end_index)


def finish_of(answer: Answer, parts: list[Part] | None = None, *, called: bool = False) -> Finish:
    """How the answer ended."""
    if answer.status == "incomplete":
        return Finish.CONTENT_FILTER if answer.finish_reason == "content_filter" else Finish.LENGTH
    return Finish.TOOL_CALLS if called or any(isinstance(part, ToolCall) for part in parts or ()) else Finish.STOP
