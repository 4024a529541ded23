"""What the recorded answers of providers say, by their own JSON; nothing here goes through the gateway's codecs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from anthropic.types import Message

from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.chat import flavour
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import ProviderCodec
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.responses.provider import ResponsesProvider
from gateway.dialects.stamps import read_stamp
from tests.dialects.chat.test_recordings import said_by
from tests.dialects.gemini.test_recordings import FINISHES, calls_of, candidates_of, chunks_of, parts_of, words
from tests.dialects.messages import official
from tests.shared_material import Recording, recordings

FLAVOURS = {
    "openai": flavour.OPENAI,
    "azure": flavour.OPENAI,
    "deepseek": flavour.DEEPSEEK,
    "openrouter": flavour.OPENROUTER,
}
STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "length",
    "compaction": "length",
}

OVER_RESPONSES = ("openai", "deepseek", "openrouter")
"""Whose Responses were recorded."""
TRIMMED = {"openai/vercel-ai__openai-phase.1.chunks"}
"""Most of its deltas were taken out by who recorded it."""

Call = tuple[str, Any]


@dataclass(frozen=True)
class Counts:
    """Tokens; what the cache had is part of the prompt."""

    prompt: int
    completion: int
    cached: int
    reasoning: int


@dataclass(frozen=True)
class Said:
    """What the first choice of an answer says, in OpenAI's words."""

    text: str
    refusal: str
    reasoning: str
    calls: tuple[Call, ...]
    """Name and arguments."""
    finish: str
    usage: Counts | None = None
    proofs: tuple[str, ...] = ()
    """What of its reasoning and calls the provider has signed, as it wrote that; sorted."""
    sources: frozenset[str] = frozenset()
    """The addresses that it cites."""


def provider_of(recording: Recording) -> ProviderCodec:
    """The codec that reads the recording."""
    if is_response(recording):
        return ResponsesProvider()
    if recording.provider in FLAVOURS:
        return ChatProvider(FLAVOURS[recording.provider])
    return AnthropicProvider() if recording.provider == "anthropic" else GeminiProvider()


def recorded_answers(*, streamed: bool | None = None) -> list[Any]:
    """Parameters: every good answer that somebody has to translate."""

    def wanted(recording: Recording) -> bool:
        good = recording.status == 200 and not (is_response(recording) and b"response.failed" in recording.response)
        return good and recording.name not in TRIMMED and (streamed is None or recording.streamed is streamed)

    return [
        *recordings(*FLAVOURS, where=wanted),
        *recordings(*OVER_RESPONSES, api="responses", where=wanted),
        *recordings("anthropic", api="messages", where=wanted),
        *recordings("google", "vertex", api="generateContent", where=wanted),
        *recordings("google", "vertex", api="streamGenerateContent", where=wanted),
    ]


def recorded_errors() -> list[Any]:
    """Parameters: every answer that is an error."""

    def is_error(recording: Recording) -> bool:
        return recording.status != 200

    return [
        *recordings(*FLAVOURS, where=is_error),
        *recordings(*OVER_RESPONSES, api="responses", where=is_error),
        *recordings("anthropic", api="messages", where=is_error),
        *recordings("google", "vertex", api="generateContent", where=is_error),
        *recordings("google", "vertex", api="streamGenerateContent", where=is_error),
    ]


def is_response(recording: Recording) -> bool:
    """Whether it was said in OpenAI's Responses."""
    return bool(recording.meta["api"] == "responses")


def choices_in(recording: Recording) -> int:
    """How many choices the answer has."""
    if recording.status != 200 or is_response(recording):
        return 1
    if recording.provider in FLAVOURS:
        return len(said_by(recording)[0])
    return 1 if recording.provider == "anthropic" else max(1, len(candidates_of(recording)))


def said(recording: Recording) -> Said:
    """What the recording says."""
    if is_response(recording):
        return _of_response(recording)
    if recording.provider in FLAVOURS:
        return _of_chat(recording)
    if recording.provider == "anthropic":
        return of_message(official.accumulate(recording.response) if recording.streamed else _whole(recording))
    return _of_gemini(recording)


def parsed(arguments: str) -> Any:
    """None for arguments that were cut."""
    try:
        return json.loads(arguments)
    except ValueError:
        return None


def _of_chat(recording: Recording) -> Said:
    choices, usage = said_by(recording)
    first = choices[0]
    counts = None
    if usage:
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
        counts = Counts(prompt, completion, min(cached, prompt), reasoning)
    calls = tuple((name, parsed(arguments or "{}")) for _, name, arguments in first["calls"])
    return Said(
        first["text"],
        first["refusal"],
        first["reasoning"],
        calls,
        first["finish"],
        counts,
        proofs=tuple(first["proofs"]),
        sources=frozenset(first["sources"]),
    )


def _of_response(recording: Recording) -> Said:
    """The reasoning itself where it is told, else the summary of it."""
    response, items = _response_in(recording)
    content = [part for item in items if item["type"] == "message" for part in item["content"]]
    thoughts = [item for item in items if item["type"] == "reasoning"]
    calls = [item for item in items if item["type"] == "function_call"]
    cut = (response.get("incomplete_details") or {}).get("reason")
    usage = response["usage"]
    return Said(
        text="".join(part["text"] for part in content if part["type"] == "output_text"),
        refusal="".join(part["refusal"] for part in content if part["type"] == "refusal"),
        reasoning="".join(_thought_in(item) for item in thoughts),
        calls=tuple((item["name"], parsed(item["arguments"] or "{}")) for item in calls),
        finish={"max_output_tokens": "length"}.get(cut, cut) or ("tool_calls" if calls else "stop"),
        usage=Counts(
            usage["input_tokens"],
            usage["output_tokens"],
            usage["input_tokens_details"]["cached_tokens"],
            usage["output_tokens_details"]["reasoning_tokens"],
        ),
        proofs=tuple(sorted(item["encrypted_content"] for item in thoughts if item.get("encrypted_content"))),
        sources=frozenset(note["url"] for part in content for note in part.get("annotations") or () if "url" in note),
    )


def _response_in(recording: Recording) -> tuple[dict[str, Any], list[Any]]:
    """The response and its items, of a stream as they came: the last event has reasoning that is encrypted anew."""
    if not recording.streamed:
        response = json.loads(recording.response)
        return response, response["output"]
    items: list[Any] = []
    for event in _events_in(recording.response):
        if event["type"] == "response.output_item.done":
            items.append(event["item"])
        elif event["type"] in ("response.completed", "response.incomplete"):
            return event["response"], items  # some recordings hold several answers
    raise AssertionError("it does not end")


def _events_in(stream: bytes) -> Iterator[Any]:
    for line in stream.decode().splitlines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def _thought_in(item: dict[str, Any]) -> str:
    told = "".join(part["text"] for part in item.get("content") or ())
    return told or "\n\n".join(part["text"] for part in item["summary"])


def _whole(recording: Recording) -> Message:
    return official.read(recording.response)


def of_message(message: Message) -> Said:
    """What a message of Anthropic's says."""
    blocks = [block.to_dict(mode="json", warnings=False) for block in message.content]
    usage = message.usage.to_dict(mode="json", warnings=False)
    counted = [usage, *(each for each in usage.get("iterations") or [] if each["type"] == "compaction")]
    cached = sum(each.get("cache_read_input_tokens") or 0 for each in counted)
    written = sum(each.get("cache_creation_input_tokens") or 0 for each in counted)
    details = message.stop_details
    return Said(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        refusal=(details.explanation if details is not None else None) or "",
        reasoning="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        calls=tuple((block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"),
        finish=STOP_REASONS[str(message.stop_reason)],
        usage=Counts(
            prompt=sum(each["input_tokens"] for each in counted) + cached + written,
            completion=sum(each["output_tokens"] for each in counted),
            cached=cached,
            reasoning=(usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
        ),
        proofs=tuple(sorted(proof for block in blocks if (proof := _signed(block)))),
        sources=frozenset(each["url"] for block in blocks for each in block.get("citations") or () if each.get("url")),
    )


def _signed(block: dict[str, Any]) -> str:
    """What its maker signed; the stamp of what nobody has says nothing."""
    return read_stamp(block.get("signature") or block.get("data") or "", "")[1]


def _of_gemini(recording: Recording) -> Said:
    pieces = candidates_of(recording)[0]
    counts = chunks_of(recording)[-1]["usageMetadata"]
    prompt = counts["promptTokenCount"] + counts.get("toolUsePromptTokenCount", 0)
    calls = tuple(calls_of(pieces))
    return Said(
        text=words(parts_of(pieces), thought=False),
        refusal="",
        reasoning=words(parts_of(pieces), thought=True),
        calls=calls,
        finish="tool_calls" if calls else FINISHES[pieces[-1]["finishReason"]],
        usage=Counts(
            prompt,
            counts["totalTokenCount"] - prompt,
            counts.get("cachedContentTokenCount", 0),
            counts.get("thoughtsTokenCount", 0),
        ),
        proofs=tuple(sorted(proof for part in parts_of(pieces) if (proof := _signed_in(part)))),
        sources=frozenset(_sources_in(pieces)),
    )


def _sources_in(pieces: list[dict[str, Any]]) -> Iterator[str]:
    """Of what a search or a file has brought; the last chunk names them all."""
    for chunk in pieces[-1].get("groundingMetadata", {}).get("groundingChunks", []):
        yield from (source["uri"] for source in chunk.values() if source.get("uri"))


def _signed_in(part: dict[str, Any]) -> str | None:
    """Of a text, a thought or a call; what Gemini's own tools did is told to nobody else."""
    heard = "text" in part or "functionCall" in part
    return part.get("thoughtSignature") if heard else None
