"""The wire formats of OpenAI, which DeepSeek shares: chat completions, responses, embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.sim.answers import Answer, Bill, Json, Question, pieces_of
from tests.sim.readings import chat_told, responses_told, signatures_in
from tests.sim.turns import Call
from tests.sim.voices import Said, asked_in, data, named, prefix_in


class ChatVoice:
    """Chat completions; only DeepSeek shows what it thinks."""

    def __init__(self, *, shows_thoughts: bool = False) -> None:
        self._shows_thoughts = shows_thoughts

    def read(self, target: str, body: Json) -> Question:
        return Question(
            body["model"],
            bool(body.get("stream")),
            prefix_in(body["messages"]),
            tools=tuple(tool["function"]["name"] for tool in body.get("tools") or ()),
            thinks=self._shows_thoughts and bool(body.get("reasoning_effort") or body.get("thinking")),
            structured=(body.get("response_format") or {}).get("type") in ("json_schema", "json_object"),
            told=chat_told(asked_in(body["messages"])),
            signatures=tuple(signatures_in(body["messages"])),
            must_not_call=body.get("tool_choice") == "none",
        )

    def whole(self, question: Question, answer: Answer, bill: Bill) -> Json:
        message: Json = {"role": "assistant", "content": answer.text or None}
        if answer.thought:
            message["reasoning_content"] = answer.thought
        if answer.calls:
            message["tool_calls"] = [self._call(call) for call in answer.calls]
        choice = {"index": 0, "message": message, "finish_reason": self._finish(answer)}
        return self._head(question, "chat.completion") | {"choices": [choice], "usage": self._usage(bill)}

    def events(self, question: Question, answer: Answer, bill: Bill, sizes: Iterator[int]) -> Iterator[Said]:
        yield Said(self._chunk(question, {"role": "assistant", "content": ""}))
        for piece in pieces_of(answer.thought, sizes):
            yield Said(self._chunk(question, {"content": None, "reasoning_content": piece}), len(piece))
        for piece in pieces_of(answer.text, sizes):
            yield Said(self._chunk(question, {"content": piece}), len(piece))
        for index, call in enumerate(answer.calls):
            begun = {"index": index, **self._call(call._replace(arguments=""))}
            yield Said(self._chunk(question, {"tool_calls": [begun]}))
            for piece in pieces_of(call.arguments, sizes):
                more = {"index": index, "function": {"arguments": piece}}
                yield Said(self._chunk(question, {"tool_calls": [more]}), len(piece))
        yield Said(self._chunk(question, {}, self._finish(answer)))
        usage = self._head(question, "chat.completion.chunk") | {"choices": [], "usage": self._usage(bill)}
        yield Said(data(usage))
        yield Said(b"data: [DONE]\n\n")

    def error(self, status: int, message: str) -> Json:
        return {"error": {"message": message, "type": "made_up", "param": None, "code": None}}

    def error_event(self, status: int, message: str) -> bytes:
        return data({"error": {"message": message, "type": "server_error", "param": None, "code": status}})

    def _finish(self, answer: Answer) -> str:
        return "tool_calls" if answer.calls else "stop"

    def _call(self, call: Call) -> Json:
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}

    def _chunk(self, question: Question, delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return data(self._head(question, "chat.completion.chunk") | {"choices": [choice]})

    def _head(self, question: Question, kind: str) -> Json:
        return {
            "id": f"chatcmpl-{question.model}-{question.id}",
            "object": kind,
            "created": 1_700_000_000,
            "model": question.model,
        }

    def _usage(self, bill: Bill) -> Json:
        return {
            "prompt_tokens": bill.prompt,
            "completion_tokens": bill.completion,
            "total_tokens": bill.total,
            "prompt_tokens_details": {"cached_tokens": bill.cached},
            "completion_tokens_details": {"reasoning_tokens": bill.reasoning},
        }


class ResponsesVoice(ChatVoice):
    """OpenAI's responses."""

    def read(self, target: str, body: Json) -> Question:
        return Question(
            body["model"],
            bool(body.get("stream")),
            tools=tuple(tool["name"] for tool in body.get("tools") or ()),
            thinks=bool(body.get("reasoning")),
            structured=((body.get("text") or {}).get("format") or {}).get("type") == "json_schema",
            told=responses_told(body["input"]),
            signatures=tuple(signatures_in(body["input"])),
            must_not_call=body.get("tool_choice") == "none",
            earlier=body.get("previous_response_id") or "",
        )

    def whole(self, question: Question, answer: Answer, bill: Bill) -> Json:
        return self._response(question, "completed", self._items(answer), bill)

    def events(self, question: Question, answer: Answer, bill: Bill, sizes: Iterator[int]) -> Iterator[Said]:
        for number, (kind, members, characters) in enumerate(self._told(question, answer, bill, sizes)):
            yield Said(named({"type": f"response.{kind}", "sequence_number": number, **members}), characters)

    def _told(
        self, question: Question, answer: Answer, bill: Bill, sizes: Iterator[int]
    ) -> Iterator[tuple[str, Json, int]]:
        yield "created", {"response": self._response(question, "in_progress", [])}, 0
        for index, item in enumerate(self._items(answer)):
            place = {"item_id": item["id"], "output_index": index}
            match item["type"]:
                case "reasoning":
                    begun, inner = {**item, "summary": [], "encrypted_content": ""}, self._summary(item, place, sizes)
                case "message":
                    begun, inner = {**item, "status": "in_progress", "content": []}, self._text(item, place, sizes)
                case _:
                    begun, inner = {**item, "status": "in_progress", "arguments": ""}, self._call_of(item, place, sizes)
            yield "output_item.added", {"output_index": index, "item": begun}, 0
            yield from inner
            yield "output_item.done", {"output_index": index, "item": item}, 0
        yield "completed", {"response": self.whole(question, answer, bill)}, 0

    def _summary(self, item: Json, place: Json, sizes: Iterator[int]) -> Iterator[tuple[str, Json, int]]:
        place = {**place, "summary_index": 0}
        part = item["summary"][0]
        yield "reasoning_summary_part.added", {**place, "part": {**part, "text": ""}}, 0
        for piece in pieces_of(part["text"], sizes):
            yield "reasoning_summary_text.delta", {**place, "delta": piece}, len(piece)
        yield "reasoning_summary_text.done", {**place, "text": part["text"]}, 0
        yield "reasoning_summary_part.done", {**place, "part": part}, 0

    def _text(self, item: Json, place: Json, sizes: Iterator[int]) -> Iterator[tuple[str, Json, int]]:
        place = {**place, "content_index": 0}
        part = item["content"][0]
        yield "content_part.added", {**place, "part": {**part, "text": ""}}, 0
        for piece in pieces_of(part["text"], sizes):
            yield "output_text.delta", {**place, "delta": piece}, len(piece)
        yield "output_text.done", {**place, "text": part["text"]}, 0
        yield "content_part.done", {**place, "part": part}, 0

    def _call_of(self, item: Json, place: Json, sizes: Iterator[int]) -> Iterator[tuple[str, Json, int]]:
        for piece in pieces_of(item["arguments"], sizes):
            yield "function_call_arguments.delta", {**place, "delta": piece}, len(piece)
        yield "function_call_arguments.done", {**place, "arguments": item["arguments"]}, 0

    def error_event(self, status: int, message: str) -> bytes:
        return named({"type": "error", "sequence_number": 9, "code": "server_error", "message": message, "param": None})

    def _items(self, answer: Answer) -> list[Json]:
        items: list[Json] = []
        if answer.thought:
            summary = [{"type": "summary_text", "text": answer.thought}]
            items.append(
                {"id": "rs_77", "type": "reasoning", "summary": summary, "encrypted_content": answer.signature}
            )
        if answer.text:
            part: Json = {"type": "output_text", "text": answer.text, "annotations": []}
            message = {"id": "msg_77", "type": "message", "status": "completed", "role": "assistant"}
            items.append({**message, "content": [part]})
        for number, (call_id, name, arguments) in enumerate(answer.calls):
            call = {"id": f"fc_{number}", "type": "function_call", "status": "completed", "call_id": call_id}
            items.append({**call, "name": name, "arguments": arguments})
        return items

    def _response(self, question: Question, status: str, output: list[Json], bill: Bill | None = None) -> Json:
        usage: Any = bill and {
            "input_tokens": bill.prompt,
            "input_tokens_details": {"cached_tokens": bill.cached},
            "output_tokens": bill.completion,
            "output_tokens_details": {"reasoning_tokens": bill.reasoning},
            "total_tokens": bill.total,
        }
        head = {"id": f"resp_{question.id}", "object": "response", "created_at": 1_700_000_000, "model": question.model}
        return {**head, "status": status, "output": output, "error": None, "usage": usage}


class EmbeddingsVoice(ChatVoice):
    """Embeddings: each is the number of its input."""

    def read(self, target: str, body: Json) -> Question:
        return Question(body["model"], False, inputs=1 if isinstance(body["input"], str) else len(body["input"]))

    def whole(self, question: Question, answer: Answer, bill: Bill) -> Json:
        entries = [
            {"object": "embedding", "index": index, "embedding": [float(index), 0.5]}
            for index in range(question.inputs)
        ]
        usage = {"prompt_tokens": bill.prompt, "total_tokens": bill.prompt}
        return {"object": "list", "data": entries, "model": question.model, "usage": usage}
