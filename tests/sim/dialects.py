"""What virtual clients of each dialect make of the bytes that they get."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.sim.answers import Bill, Json
from tests.sim.scenario import Ask, Dialect
from tests.sim.turns import Call


class Said(NamedTuple):
    """An answer as its client understands it."""

    text: str
    whole: bool
    """It ended as answers do."""
    code: str = ""
    """Of the error that is in it, or instead of it; "" where there is none."""
    usage: Bill | None = None
    thought: str = ""
    signatures: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    id: str = ""
    """Of a response."""


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
    message = choice["message"]
    calls = [(each["id"], each["function"]["name"], each["function"]["arguments"]) for each in _calls_in(message)]
    return Said(
        message["content"] or "",
        choice["finish_reason"] in ("stop", "tool_calls"),
        usage=_chat_bill(answer["usage"]),
        thought=message.get("reasoning_content") or "",
        signatures=tuple(_chat_signatures(message)),
        calls=tuple(Call(*each) for each in calls),
    )


def _chat_stream(events: list[Any]) -> Said:
    text, thought, code, usage, finish = "", "", "", None, None
    signatures: list[str] = []
    calls: dict[int, Call] = {}
    names = {(event["id"], event.get("created")) for event in events if isinstance(event, dict) and event.get("id")}
    assert len(names) <= 1, f"an answer has one name, be it of several makers: {names}"
    for event in events:
        if not isinstance(event, dict):
            continue  # the end, or what the provider said that nobody can read
        if "error" in event:
            code = str(event["error"].get("code") or event["error"]["type"])
            continue
        for choice in _entries(event["choices"]):
            delta = choice["delta"]
            text += delta.get("content") or ""
            thought += delta.get("reasoning_content") or ""
            signatures += _chat_signatures(delta)
            for each in _calls_in(delta):
                given, name, arguments = calls.get(each["index"], Call("", "", ""))
                function = each["function"]
                more = function.get("arguments") or ""
                calls[each["index"]] = Call(given or each["id"], name or function["name"], arguments + more)
            finish = choice["finish_reason"] or finish
        usage = _chat_bill(event["usage"]) if event.get("usage") else usage
    whole = bool(events) and events[-1] == "[DONE]" and finish in ("stop", "tool_calls")
    return Said(text, whole, code, usage, thought, tuple(signatures), tuple(calls.values()))


def _calls_in(message: Json) -> list[Json]:
    return list(message.get("tool_calls") or ())


def _chat_signatures(message: Json) -> Iterable[str]:
    for detail in message.get("reasoning_details") or ():
        signature = detail.get("signature") or detail.get("data")
        if signature:
            yield signature


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
    text, thought = "", ""
    signatures: list[str] = []
    calls: list[Call] = []
    for item in answer["output"]:
        match item:
            case {"type": "message", "content": content}:
                text += "".join(part["text"] for part in content)
            case {"type": "reasoning"}:
                thought += "".join(part["text"] for part in [*item["summary"], *(item.get("content") or ())])
                signatures += [item["encrypted_content"]] if item.get("encrypted_content") else []
            case {"type": "function_call"}:
                calls.append(Call(item["call_id"], item["name"], item["arguments"]))
    whole = answer["status"] == "completed"
    bill = _response_bill(answer.get("usage"))
    return Said(text, whole, "", bill, thought, tuple(signatures), tuple(calls), answer["id"])


def _response_bill(usage: Json | None) -> Bill | None:
    if usage is None:
        return None
    read, thought = usage["input_tokens_details"], usage["output_tokens_details"]
    return Bill(usage["input_tokens"], usage["output_tokens"], read["cached_tokens"], thought["reasoning_tokens"])


def _response_stream(events: list[Any]) -> Said:
    text, thought, code, given_id = "", "", "", ""
    calls: dict[int, Call] = {}
    whole: Said | None = None
    for event in events:
        match event:
            case {"type": "response.created", "response": response}:
                given_id = response["id"]
            case {"type": "response.output_text.delta", "delta": delta}:
                text += delta
            case {"type": "response.reasoning_summary_text.delta" | "response.reasoning_text.delta", "delta": delta}:
                thought += delta
            case {"type": "response.output_item.added", "output_index": index, "item": {"type": "function_call"}}:
                calls[index] = Call(event["item"]["call_id"], event["item"]["name"], "")
            case {"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta}:
                calls[index] = calls[index]._replace(arguments=calls[index].arguments + delta)
            case {"type": "response.completed", "response": response}:
                whole = _response(response)
            case {"type": "error", "code": given}:
                code = str(given)
            case {"type": "response.failed", "response": response}:
                code = code or str(response["error"]["code"])
    if whole is None:
        return Said(text, False, code, None, thought, (), tuple(calls.values()), given_id)
    assert (whole.text, whole.thought, whole.calls) == (text, thought, tuple(calls.values())), (
        "the last one repeats all"
    )
    return whole._replace(code=code)


def _message(answer: Json) -> Said:
    blocks = answer["content"]
    return Said(
        "".join(block["text"] for block in blocks if block["type"] == "text"),
        answer["stop_reason"] in ("end_turn", "tool_use"),
        "",
        _message_bill(answer["usage"]),
        "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        tuple(block["signature"] for block in blocks if block.get("signature")),
        tuple(
            Call(each["id"], each["name"], json.dumps(each["input"])) for each in blocks if each["type"] == "tool_use"
        ),
    )


def _message_stream(events: list[Any]) -> Said:
    text, thought, code, whole = "", "", "", False
    usage: Json = {}
    signatures: list[str] = []
    calls: dict[int, Call] = {}
    for event in events:
        match event:
            case {"type": "message_start", "message": message}:
                usage = dict(message["usage"])
            case {"type": "content_block_start", "index": index, "content_block": {"type": "tool_use"} as block}:
                calls[index] = Call(block["id"], block["name"], "")
            case {"type": "content_block_start", "content_block": {"type": "thinking"} as block}:
                thought += block["thinking"]
                signatures += [block["signature"]] if block.get("signature") else []
            case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": piece}}:
                text += piece
            case {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": piece}}:
                thought += piece
            case {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": signature}}:
                signatures.append(signature)
            case {"type": "content_block_delta", "index": index, "delta": {"partial_json": piece}}:
                calls[index] = calls[index]._replace(arguments=calls[index].arguments + piece)
            case {"type": "message_delta", "usage": told}:
                usage |= told
            case {"type": "message_stop"}:
                whole = True
            case {"type": "error", "error": error}:
                code = error["type"]
    bill = _message_bill(usage) if whole else None
    return Said(text, whole, code, bill, thought, tuple(signatures), tuple(calls.values()))


def _message_bill(usage: Json) -> Bill:
    cached = usage.get("cache_read_input_tokens") or 0
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return Bill(usage["input_tokens"] + cached, usage["output_tokens"], cached, thought)


def _embeddings(answer: Json) -> Said:
    numbers = [entry["embedding"][0] for entry in answer["data"]]
    assert numbers == [0.0, 1.0], "one for each input, in order"
    return Said("", True, usage=Bill(answer["usage"]["prompt_tokens"], 0))


_WHOLES = {
    Dialect.CHAT: _chat,
    Dialect.RESPONSES: _response,
    Dialect.MESSAGES: _message,
    Dialect.EMBEDDINGS: _embeddings,
}
_STREAMS = {Dialect.CHAT: _chat_stream, Dialect.RESPONSES: _response_stream, Dialect.MESSAGES: _message_stream}
