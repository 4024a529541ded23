"""How virtual clients of each dialect ask, and what they make of the bytes that they get."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tests.sim.scenario import Ask, Dialect
from tests.sim.voices import Bill

Json = dict[str, Any]
_CONTENT = "Count."


class Said(NamedTuple):
    """An answer as its client understands it."""

    text: str
    whole: bool
    """It ended as answers do."""
    code: str
    """Of the error that is in it, or instead of it; "" where there is none."""
    usage: Bill | None = None


def body_of(ask: Ask) -> Json:
    """The question."""
    words = _CONTENT + " " * ask.padding
    match ask.dialect:
        case Dialect.CHAT:
            body: Json = {"messages": [{"role": "user", "content": words}]}
            if ask.streamed:
                body["stream_options"] = {"include_usage": True}
        case Dialect.RESPONSES:
            body = {"input": words}
        case Dialect.MESSAGES:
            body = {"messages": [{"role": "user", "content": words}], "max_tokens": 1000}
        case Dialect.EMBEDDINGS:
            return {"model": ask.model, "input": [words, words]}
    return {"model": ask.model, **body, **({"stream": True} if ask.streamed else {})}


def said(ask: Ask, body: bytes) -> Said:
    """What a 200 says. Raises ValueError, KeyError and the like for what no client of that dialect could read."""
    if ask.streamed:
        events = [json.loads(data) if data != "[DONE]" else data for data in _data_of(body)]
        return _STREAMS[ask.dialect](events)
    return _WHOLES[ask.dialect](json.loads(body))


def code_of(body: bytes) -> str:
    """The code of an error object, in either envelope."""
    error = json.loads(body)["error"]
    return str(error.get("code") or error["type"])


def _data_of(body: bytes) -> list[str]:
    """Every event's data; the last one is cut where the stream is."""
    blocks = body.decode().split("\n\n")[:-1]
    lines = [line for block in blocks for line in block.split("\n") if line.startswith("data: ")]
    return [line.removeprefix("data: ") for line in lines]


def _chat(answer: Json) -> Said:
    (choice,) = answer["choices"]
    return Said(choice["message"]["content"] or "", choice["finish_reason"] == "stop", "", _chat_bill(answer["usage"]))


def _chat_stream(events: list[Any]) -> Said:
    text, code, usage, finish = "", "", None, None
    for event in events:
        if not isinstance(event, dict):
            continue  # the end, or what the provider said that nobody can read
        if "error" in event:
            code = str(event["error"].get("code") or event["error"]["type"])
            continue
        for choice in _entries(event["choices"]):
            text += choice["delta"].get("content") or ""
            finish = choice["finish_reason"] or finish
        usage = _chat_bill(event["usage"]) if event.get("usage") else usage
    return Said(text, bool(events) and events[-1] == "[DONE]" and finish == "stop", code, usage)


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _chat_bill(usage: Json) -> Bill:
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    read, thought = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return Bill(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        read.get("cached_tokens") or 0,
        thought.get("reasoning_tokens") or 0,
    )


def _response(answer: Json) -> Said:
    text = "".join(part["text"] for item in answer["output"] for part in item["content"])
    return Said(text, answer["status"] == "completed", "", _response_bill(answer["usage"]))


def _response_bill(usage: Json | None) -> Bill | None:
    if usage is None:
        return None
    read, thought = usage["input_tokens_details"], usage["output_tokens_details"]
    return Bill(usage["input_tokens"], usage["output_tokens"], read["cached_tokens"], thought["reasoning_tokens"])


def _response_stream(events: list[Any]) -> Said:
    text, code, usage, whole = "", "", None, False
    for event in events:
        match event:
            case {"type": "response.output_text.delta", "delta": delta}:
                text += delta
            case {"type": "response.completed", "response": response}:
                told = _response(response)
                assert told.text == text, "the last event repeats all of it"
                usage, whole = told.usage, True
            case {"type": "error", "code": given}:
                code = str(given)
            case {"type": "response.failed", "response": response}:
                code = code or str(response["error"]["code"])
    return Said(text, whole, code, usage)


def _message(answer: Json) -> Said:
    text = "".join(block["text"] for block in answer["content"])
    return Said(text, answer["stop_reason"] == "end_turn", "", _message_bill(answer["usage"]))


def _message_stream(events: list[Any]) -> Said:
    text, code, whole = "", "", False
    usage: Json = {}
    for event in events:
        match event:
            case {"type": "message_start", "message": message}:
                usage = dict(message["usage"])
            case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": piece}}:
                text += piece
            case {"type": "message_delta", "usage": told}:
                usage |= told
            case {"type": "message_stop"}:
                whole = True
            case {"type": "error", "error": error}:
                code = error["type"]
    return Said(text, whole, code, _message_bill(usage) if whole else None)


def _message_bill(usage: Json) -> Bill:
    cached = usage.get("cache_read_input_tokens") or 0
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return Bill(usage["input_tokens"] + cached, usage["output_tokens"], cached, thought)


def _embeddings(answer: Json) -> Said:
    numbers = [entry["embedding"][0] for entry in answer["data"]]
    assert numbers == [0.0, 1.0], "one for each input, in order"
    return Said("", True, "", Bill(answer["usage"]["prompt_tokens"], 0))


_WHOLES = {
    Dialect.CHAT: _chat,
    Dialect.RESPONSES: _response,
    Dialect.MESSAGES: _message,
    Dialect.EMBEDDINGS: _embeddings,
}
_STREAMS = {Dialect.CHAT: _chat_stream, Dialect.RESPONSES: _response_stream, Dialect.MESSAGES: _message_stream}
