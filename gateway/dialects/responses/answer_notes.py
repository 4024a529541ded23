"""Responses, a provider's own answer: what the gateway notes of one that it passes on as it is."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import envelop
from gateway.dialects.openai_usage import Count
from gateway.dialects.passed_reply import ReplyNotes, nested_too_deeply, nothing_said, read_unusual

_NULL: Final = msgspec.Raw(b"null")


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: Count = None
    cache_write_tokens: Count = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: Count = None


class _Counts(msgspec.Struct, gc=False):
    input_tokens: Count = None
    output_tokens: Count = None
    total_tokens: Count = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class _Item(msgspec.Struct, gc=False):
    type: str | None = None


class Answer(msgspec.Struct, gc=False):
    """A Response, as far as it is read."""

    status: str | None = None
    usage: _Counts | None = None
    output: list[_Item] | None = None
    incomplete_details: _Incomplete | None = None
    error: msgspec.Raw = _NULL

    @property
    def counted(self) -> Usage | None:
        return None if self.usage is None else _usage_of(self.usage)

    @property
    def finish_reason(self) -> str | None:
        """In the words of chat completions, as log lines and metrics have it."""
        if self.status == "incomplete":
            reason = self.incomplete_details.reason if self.incomplete_details is not None else None
            return "content_filter" if reason == "content_filter" else "length"
        if self.status != "completed":
            return None
        calls = any(item.type in ("function_call", "custom_tool_call") for item in self.output or [])
        return "tool_calls" if calls else "stop"


class _Failure(msgspec.Struct, gc=False):
    """An error's members, wherever they stand."""

    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    param: str | None = None


_decoder = msgspec.json.Decoder(Answer)
_failure_decoder = msgspec.json.Decoder(_Failure)
_encode = msgspec.json.Encoder().encode


def read_reply(body: bytes) -> ReplyNotes:
    """Reads a whole answer. Raises ValueError where it is none."""
    try:
        answer = _decoder.decode(body)
    except msgspec.ValidationError:
        return read_unusual(body, _has_output)
    except RecursionError as problem:
        raise nested_too_deeply() from problem
    if answer.error != _NULL:
        return ReplyNotes(answer.counted, answer.finish_reason, error_body(answer.error))
    if answer.output is None:
        raise nothing_said()
    return ReplyNotes(answer.counted, answer.finish_reason)


def read_answer(raw: msgspec.Raw) -> Answer:
    """The Response within an event; an empty one where it cannot be understood."""
    try:
        return _decoder.decode(raw)
    except (ValueError, RecursionError):
        return Answer()


def error_body(error: msgspec.Raw | bytes) -> bytes:
    """An error answer's body for an error object, or for an event that is one."""
    try:
        failure = _failure_decoder.decode(error)
    except (ValueError, RecursionError):
        return envelop(bytes(error))
    code = failure.code
    if failure.type in (None, "error"):
        failure.type = code if isinstance(code, str) else "server_error"
    return envelop(_encode(failure))


def _has_output(document: dict[str, Any]) -> bool:
    return isinstance(document.get("output"), list)


def _usage_of(counts: _Counts) -> Usage:
    prompt = _whole(counts.input_tokens)
    completion = max(_whole(counts.output_tokens), _whole(counts.total_tokens) - prompt)
    read, made = counts.input_tokens_details, counts.output_tokens_details
    return Usage(
        prompt,
        completion,
        cached=min(_whole(read.cached_tokens), prompt) if read is not None else 0,
        reasoning=min(_whole(made.reasoning_tokens), completion) if made is not None else 0,
        written=min(_whole(read.cache_write_tokens), prompt) if read is not None else 0,
    )


def _whole(count: Count) -> int:
    return int(count) if count and count > 0 else 0
