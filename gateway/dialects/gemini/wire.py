"""The members of Gemini's answers that are read (https://ai.google.dev/api/generate-content); the rest is skipped.

A chunk of a stream has the same shape as a whole answer. What is seldom needed stays raw until it is.
"""

from __future__ import annotations

from typing import Final

import msgspec

NULL: Final = msgspec.Raw(b"null")


class PartialArgument(msgspec.Struct, gc=False, rename="camel"):
    """A piece of a call's arguments, where they are streamed (Vertex AI): the value, or more of it, at a JSON path."""

    json_path: str
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None


class FunctionCall(msgspec.Struct, rename="camel"):
    name: str | None = None
    id: str | None = None
    args: msgspec.Raw = NULL
    partial_args: list[PartialArgument] | None = None
    will_continue: bool | None = None


class Blob(msgspec.Struct, gc=False, rename="camel"):
    mime_type: str | None = None
    data: str | None = None


class FileData(msgspec.Struct, gc=False, rename="camel"):
    mime_type: str | None = None
    file_uri: str | None = None


class Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    executable_code: msgspec.Raw = NULL
    code_execution_result: msgspec.Raw = NULL
    tool_call: msgspec.Raw = NULL
    tool_response: msgspec.Raw = NULL


class Content(msgspec.Struct):
    parts: list[Part] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    content: Content | None = None
    index: int | None = None
    """Left out in the first of several, and on Vertex AI."""
    finish_reason: str | int | None = None
    """A number, where a proxy did not ask for names."""
    finish_message: str | None = None
    grounding_metadata: msgspec.Raw = NULL
    citation_metadata: msgspec.Raw = NULL
    logprobs_result: msgspec.Raw = NULL


class PromptFeedback(msgspec.Struct, rename="camel"):
    block_reason: str | int | None = None


class Chunk(msgspec.Struct, rename="camel"):
    """A whole answer, or one event of a stream."""

    candidates: list[Candidate] | None = None
    usage_metadata: msgspec.Raw = NULL
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: PromptFeedback | None = None
    error: msgspec.Raw = NULL


decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_chunks = msgspec.json.Decoder(list[Chunk]).decode


def is_null(raw: msgspec.Raw) -> bool:
    """Whether a member is absent or null."""
    return raw is NULL or bytes(raw) == b"null"


def read_chunks(body: bytes) -> list[Chunk]:
    """A body of plain JSON: one answer, or the chunks of a stream as an array (without `alt=sse`).

    Raises ValueError where it is neither, RecursionError where it is nested too deeply.
    """
    return _decode_chunks(body) if body.lstrip().startswith(b"[") else [decode_chunk(body)]
