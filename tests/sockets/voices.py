"""How each provider tells a move of its model in its own wire format, whole or streamed, and where it wants to see it
again: what it has signed must come back unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from tests.sockets.moves import RESULTS, Json, Move, ToolUse
from tests.sockets.upstream import Asked, Script

CLAUDE = "anthropic-claude-v1"
"""Whose model OpenRouter says that a thought is."""


class Voice(Protocol):
    """How one wire format tells a move, and where it has the earlier ones in a request."""

    def tell(self, asked: Asked, move: Move) -> None: ...

    def check(self, asked: Asked, moves: Sequence[Move]) -> None:
        """Fails unless the request repeats these moves, and the tools' results after each, as they were."""
        ...


def voice_of(asked: Asked) -> Voice:
    """Whoever is asked, in the dialect in which it is asked."""
    provider = asked.path.split("/")[1]
    if asked.path.endswith("/responses"):
        return Responses()
    return VOICES[provider]


def tells(*moves: Move) -> Script:
    """Each request gets the next of the moves, in the voice of whoever is asked."""
    told: list[Move] = []

    def script(asked: Asked) -> None:
        told.append(moves[len(told)])
        voice_of(asked).tell(asked, told[-1])

    return script


def send(asked: Asked, whole: Json, events: Iterator[tuple[str, Json]], *, named: bool = False, end: str = "") -> None:
    """Whichever of the two is asked for; `named` events have a line with their name."""
    if not asked.streamed:
        asked.answer(200, json.dumps(whole).encode())
        return
    asked.begin_stream()
    for name, event in events:
        line = f"event: {name}\n" if named else ""
        asked.stream(f"{line}data: {json.dumps(event)}\n\n".encode())
    if end:
        asked.stream(f"data: {end}\n\n".encode())
    asked.end_stream()


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


class Claude:
    """Anthropic's Messages."""

    def tell(self, asked: Asked, move: Move) -> None:
        usage = {"input_tokens": 7, "output_tokens": 3}
        reason = "tool_use" if move.calls else "end_turn"
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked.model, "usage": usage}
        whole = {**head, "content": self._blocks(move), "stop_reason": reason, "stop_sequence": None}
        send(asked, whole, self._events(head, move, reason), named=True)

    def check(self, asked: Asked, moves: Sequence[Move]) -> None:
        first, *rest = asked.json["messages"]
        assert first["role"] == "user"
        assert [message["content"] for message in rest[::2]] == [self._blocks(move) for move in moves]
        for message, move in zip(rest[1::2], moves, strict=True):
            results = [(block["tool_use_id"], _texts(block["content"])) for block in message["content"]]
            assert results == [(call.id, RESULTS[call.id]) for call in move.calls]

    def _blocks(self, move: Move) -> list[Json]:
        return [
            {"type": "thinking", "thinking": move.thought, "signature": move.proof},
            {"type": "redacted_thinking", "data": move.other_proof},
            *([{"type": "text", "text": move.text}] if move.text else []),
            *({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in move.calls),
        ]

    def _events(self, head: Json, move: Move, reason: str) -> Iterator[tuple[str, Json]]:
        message = {**head, "content": [], "stop_reason": None, "stop_sequence": None}
        for event in (
            {"type": "message_start", "message": message},
            {"type": "ping"},
            *(event for index, block in enumerate(self._blocks(move)) for event in self._block_events(index, block)),
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 3},
            },
            {"type": "message_stop"},
        ):
            yield event["type"], event

    def _block_events(self, index: int, block: Json) -> Iterator[Json]:
        if block["type"] == "thinking":
            empty = {**block, "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in halves(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["type"] == "redacted_thinking":
            empty, deltas = block, []
        elif block["type"] == "text":
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in halves(block["text"])]
        else:
            empty = {**block, "input": {}}
            written = json.dumps(block["input"]) if block["input"] else ""
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in halves(written)]
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}


class Gemini:
    """Google's generateContent: what is signed of a move stands on its words and on its first call, and ids do not."""

    def tell(self, asked: Asked, move: Move) -> None:
        parts = self._parts(move)
        chunks = [self._chunk(asked, [part]) for part in parts[:-1]] + [self._chunk(asked, parts[-1:], "STOP")]
        send(asked, self._chunk(asked, parts, "STOP"), (("", chunk) for chunk in chunks))

    def check(self, asked: Asked, moves: Sequence[Move]) -> None:
        first, *rest = asked.json["contents"]
        assert first["role"] == "user"
        said = [[_without_id(part) for part in content["parts"]] for content in rest[::2]]
        assert said == [self._parts(move) for move in moves]
        for content, answers, move in zip(rest[::2], rest[1::2], moves, strict=True):
            called = [part["functionCall"]["id"] for part in content["parts"] if "functionCall" in part]
            answered = [part["functionResponse"] for part in answers["parts"]]
            assert [answer["id"] for answer in answered] == called
            assert [answer["name"] for answer in answered] == [call.name for call in move.calls]
            for answer, call in zip(answered, move.calls, strict=True):
                assert RESULTS[call.id] in json.dumps(answer["response"])
        called = [part["functionCall"]["id"] for each in rest for part in each["parts"] if "functionCall" in part]
        assert len(set(called)) == len(called)

    def _parts(self, move: Move) -> list[Json]:
        calls: list[Json] = [{"functionCall": {"name": call.name, "args": call.arguments}} for call in move.calls]
        thought = {"text": move.thought, "thought": True}
        if not calls:
            return [thought, {"text": move.text}, {"text": "", "thoughtSignature": move.proof}]
        calls[0]["thoughtSignature"] = move.proof
        return [thought, *([{"text": move.text, "thoughtSignature": move.other_proof}] if move.text else []), *calls]

    def _chunk(self, asked: Asked, parts: list[Json], finish: str | None = None) -> Json:
        candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": asked.model,
            "responseId": str(id(asked)),
        }


def _without_id(part: Json) -> Json:
    if "functionCall" not in part:
        return part
    call = {name: value for name, value in part["functionCall"].items() if name != "id"}
    return {**part, "functionCall": call}


class Chat:
    """Chat completions of one of the providers that speak it; `thinks` is where it has its thoughts."""

    def __init__(self, thinks: str = "") -> None:
        self._thinks = thinks

    def tell(self, asked: Asked, move: Move) -> None:
        reason = "tool_calls" if move.calls else "stop"
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        choice = {"index": 0, "message": self._message(move), "finish_reason": reason}
        head = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": asked.model}
        whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        head["object"] = "chat.completion.chunk"
        events = (("", {**head, **event}) for event in self._events(move, reason, usage))
        send(asked, whole, events, end="[DONE]")

    def check(self, asked: Asked, moves: Sequence[Move]) -> None:
        said = [message for message in asked.json["messages"] if message["role"] == "assistant"]
        assert len(said) == len(moves)
        for message, move in zip(said, moves, strict=True):
            told = self._message(move)
            assert (message.get("content") or None) == told["content"]
            # OpenAI's helper for streams leaves members of its own in a message.
            calls = [{name: call[name] for name in ("id", "type", "function")} for call in message["tool_calls"]]
            for call in calls:
                call["function"].pop("parsed_arguments", None)
            assert calls == told["tool_calls"]
            for name in ("reasoning_content", "reasoning_details"):
                assert message.get(name) == told.get(name)
        results = [each for each in asked.json["messages"] if each["role"] == "tool"]
        calls = [call for move in moves for call in move.calls]
        assert [(each["tool_call_id"], _texts(each["content"])) for each in results] == [
            (call.id, RESULTS[call.id]) for call in calls
        ]

    def _message(self, move: Move) -> Json:
        message: Json = {"role": "assistant", "content": move.text or None}
        if move.calls:
            message["tool_calls"] = [self._call(call) for call in move.calls]
        return message | self._thought(move)

    def _call(self, call: ToolUse) -> Json:
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.written}}

    def _thought(self, move: Move) -> Json:
        if self._thinks == "reasoning_content":
            return {"reasoning_content": move.thought}
        if self._thinks == "reasoning_details":
            kind = {"type": "reasoning.text", "format": CLAUDE, "index": 0}
            return {"reasoning_details": [{**kind, "text": move.thought, "signature": move.proof}]}
        return {}

    def _events(self, move: Move, reason: str, usage: Json) -> Iterator[Json]:
        yield _delta({"role": "assistant", "content": ""})
        for delta in self._thought_deltas(move):
            yield _delta(delta)
        for piece in halves(move.text):
            yield _delta({"content": piece})
        for index, call in enumerate(move.calls):
            opening = {**self._call(call), "function": {"name": call.name, "arguments": ""}}
            yield _delta({"tool_calls": [{"index": index, **opening}]})
            for piece in halves(call.written):
                yield _delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield _delta({}, reason)
        yield {"choices": [], "usage": usage}

    def _thought_deltas(self, move: Move) -> Iterator[Json]:
        first, second = halves(move.thought)
        if self._thinks == "reasoning_content":
            yield {"content": None, "reasoning_content": first}
            yield {"content": None, "reasoning_content": second}
        elif self._thinks == "reasoning_details":
            # OpenRouter says `format` every time; but what OpenAI's helper hears twice, it joins.
            kind = {"type": "reasoning.text", "index": 0}
            yield {"reasoning": first, "reasoning_details": [{**kind, "format": CLAUDE, "text": first}]}
            yield {"reasoning": second, "reasoning_details": [{**kind, "text": second}]}
            yield {"reasoning_details": [{**kind, "signature": move.proof}]}


def _delta(delta: Json, reason: str | None = None) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


class Responses:
    """OpenAI's responses, encrypted reasoning and all; `named` where its items come back under their ids."""

    def __init__(self, *, named: bool = True) -> None:
        self._named = named

    def tell(self, asked: Asked, move: Move) -> None:
        response = {
            "id": f"resp_{id(asked)}",
            "object": "response",
            "created_at": 1_700_000_000,
            "model": asked.model,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
        usage = {
            "input_tokens": 7,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 10,
        }
        items = self._items(move)
        whole = {**response, "status": "completed", "output": items, "usage": usage}
        events = self._events({**response, "status": "in_progress", "output": []}, items, whole)
        numbered = ((event["type"], {**event, "sequence_number": n}) for n, event in enumerate(events))
        send(asked, whole, numbered, named=True)

    def check(self, asked: Asked, moves: Sequence[Move]) -> None:
        given = asked.json["input"]
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        said = [each for each in items if each.get("type") in ("reasoning", "function_call")]
        told = [item for move in moves for item in self._items(move) if item["type"] != "message"]
        assert [self._essence(item) for item in said] == [self._essence(item) for item in told]
        results = [each for each in items if each.get("type") == "function_call_output"]
        calls = [call for move in moves for call in move.calls]
        assert [(each["call_id"], each["output"]) for each in results] == [
            (call.id, RESULTS[call.id]) for call in calls
        ]

    def _essence(self, item: Json) -> Json:
        names = (
            *(["id"] if self._named else []),
            "type",
            "encrypted_content",
            "summary",
            "call_id",
            "name",
            "arguments",
        )
        return {name: item[name] for name in names if name in item}

    def _items(self, move: Move) -> list[Json]:
        summary = [{"type": "summary_text", "text": move.thought}]
        items: list[Json] = [
            {"id": f"rs_{move.proof[:12]}", "type": "reasoning", "summary": summary, "encrypted_content": move.proof}
        ]
        if move.text:
            text = {"type": "output_text", "text": move.text, "annotations": []}
            items.append(
                {
                    "id": f"msg_{move.proof[:12]}",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [text],
                }
            )
        for call in move.calls:
            function = {"call_id": call.id, "name": call.name, "arguments": call.written}
            items.append({"id": f"fc_{call.id}", "type": "function_call", "status": "completed", **function})
        return items

    def _events(self, begun: Json, items: list[Json], whole: Json) -> Iterator[Json]:
        yield {"type": "response.created", "response": begun}
        for index, item in enumerate(items):
            place = {"item_id": item["id"], "output_index": index}
            yield {"type": "response.output_item.added", "output_index": index, "item": _unsaid(item)}
            if item["type"] == "reasoning":
                yield from _summary_events(place, item["summary"][0])
            elif item["type"] == "message":
                yield from _text_events(place, item["content"][0])
            elif item["type"] == "function_call":
                for piece in halves(item["arguments"]):
                    yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
                done = {"name": item["name"], "arguments": item["arguments"]}
                yield {"type": "response.function_call_arguments.done", **place, **done}
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        yield {"type": "response.completed", "response": whole}


def _unsaid(item: Json) -> Json:
    """An item as it begins."""
    empty = {"message": {"content": []}, "function_call": {"arguments": ""}, "reasoning": {"summary": []}}
    return {**item, **empty[item["type"]]}


def _summary_events(place: Json, part: Json) -> Iterator[Json]:
    place = {**place, "summary_index": 0}
    yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
    for piece in halves(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **place, "delta": piece}
    yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **place, "part": part}


def _text_events(place: Json, part: Json) -> Iterator[Json]:
    place = {**place, "content_index": 0}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for piece in halves(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}


def _texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


VOICES: dict[str, Voice] = {
    "openai": Chat(),
    "anthropic": Claude(),
    "google": Gemini(),
    "deepseek": Chat("reasoning_content"),
    "openrouter": Chat("reasoning_details"),
}
