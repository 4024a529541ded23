"""How each virtual provider reads a request and says its answer, whole or streamed, in its own wire format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

Json = dict[str, Any]
PLACE: Final[Json] = {"item_id": "msg_77", "output_index": 0, "content_index": 0}
"""Of the only text of a response."""


class Question(NamedTuple):
    """A request as a provider reads it."""

    model: str
    streamed: bool
    begun: str
    """The beginning of the answer, which the model is to go on with; "" where there is none."""
    inputs: int = 0
    """How many embeddings are asked for."""


class Bill(NamedTuple):
    """What a provider says that an answer cost."""

    prompt: int
    completion: int
    cached: int = 0
    """Of the prompt."""
    reasoning: int = 0
    """Of the completion."""

    @property
    def total(self) -> int:
        return self.prompt + self.completion


class Voice(Protocol):
    """One wire format of a provider."""

    def read(self, target: str, body: Json) -> Question: ...

    def whole(self, question: Question, text: str, bill: Bill) -> Json: ...

    def opening(self, question: Question, bill: Bill) -> list[bytes]:
        """The events before the first word."""
        ...

    def piece(self, question: Question, text: str) -> bytes: ...

    def closing(self, question: Question, text: str, bill: Bill) -> list[bytes]:
        """The events behind the last word; without them the answer is cut."""
        ...

    def error(self, status: int, message: str) -> Json: ...

    def error_event(self, status: int, message: str) -> bytes: ...


def data(document: Json) -> bytes:
    return b"data: %b\n\n" % json.dumps(document).encode()


def named(document: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (document["type"].encode(), json.dumps(document).encode())


def prefix_in(messages: Sequence[Json]) -> str:
    last = messages[-1]
    return str(last["content"]) if last["role"] == "assistant" else ""


class ChatVoice:
    """Chat completions, by OpenAI and DeepSeek."""

    def read(self, target: str, body: Json) -> Question:
        return Question(body["model"], bool(body.get("stream")), prefix_in(body["messages"]))

    def whole(self, question: Question, text: str, bill: Bill) -> Json:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return self._head(question, "chat.completion") | {"choices": [choice], "usage": self._usage(bill)}

    def opening(self, question: Question, bill: Bill) -> list[bytes]:
        return [self._chunk(question, {"role": "assistant", "content": ""})]

    def piece(self, question: Question, text: str) -> bytes:
        return self._chunk(question, {"content": text})

    def closing(self, question: Question, text: str, bill: Bill) -> list[bytes]:
        usage = self._head(question, "chat.completion.chunk") | {"choices": [], "usage": self._usage(bill)}
        return [self._chunk(question, {}, "stop"), data(usage), b"data: [DONE]\n\n"]

    def error(self, status: int, message: str) -> Json:
        return {"error": {"message": message, "type": "made_up", "param": None, "code": None}}

    def error_event(self, status: int, message: str) -> bytes:
        return data({"error": {"message": message, "type": "server_error", "param": None, "code": status}})

    def _chunk(self, question: Question, delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return data(self._head(question, "chat.completion.chunk") | {"choices": [choice]})

    def _head(self, question: Question, kind: str) -> Json:
        return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": question.model}

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
        return Question(body["model"], bool(body.get("stream")), "")

    def whole(self, question: Question, text: str, bill: Bill) -> Json:
        return self._response(question, "completed", [self._item(text)], bill)

    def opening(self, question: Question, bill: Bill) -> list[bytes]:
        begun = self._response(question, "in_progress", [])
        empty = {"id": "msg_77", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        return [
            named({"type": "response.created", "sequence_number": 0, "response": begun}),
            named({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": empty}),
            named({"type": "response.content_part.added", "sequence_number": 2, **PLACE, "part": self._part("")}),
        ]

    def piece(self, question: Question, text: str) -> bytes:
        return named({"type": "response.output_text.delta", "sequence_number": 3, **PLACE, "delta": text})

    def closing(self, question: Question, text: str, bill: Bill) -> list[bytes]:
        done = self.whole(question, text, bill)
        return [
            named({"type": "response.output_text.done", "sequence_number": 4, **PLACE, "text": text}),
            named({"type": "response.content_part.done", "sequence_number": 5, **PLACE, "part": self._part(text)}),
            named(
                {
                    "type": "response.output_item.done",
                    "sequence_number": 6,
                    "output_index": 0,
                    "item": self._item(text),
                }
            ),
            named({"type": "response.completed", "sequence_number": 7, "response": done}),
        ]

    def error_event(self, status: int, message: str) -> bytes:
        return named({"type": "error", "sequence_number": 9, "code": "server_error", "message": message, "param": None})

    def _part(self, text: str) -> Json:
        return {"type": "output_text", "text": text, "annotations": []}

    def _item(self, text: str) -> Json:
        content = [self._part(text)]
        return {"id": "msg_77", "type": "message", "status": "completed", "role": "assistant", "content": content}

    def _response(self, question: Question, status: str, output: list[Json], bill: Bill | None = None) -> Json:
        usage = bill and {
            "input_tokens": bill.prompt,
            "input_tokens_details": {"cached_tokens": bill.cached},
            "output_tokens": bill.completion,
            "output_tokens_details": {"reasoning_tokens": bill.reasoning},
            "total_tokens": bill.total,
        }
        head = {"id": "resp_77", "object": "response", "created_at": 1_700_000_000, "model": question.model}
        return {**head, "status": status, "output": output, "error": None, "usage": usage}


class ClaudeVoice:
    """Anthropic's Messages."""

    def read(self, target: str, body: Json) -> Question:
        return Question(body["model"], bool(body.get("stream")), prefix_in(body["messages"]))

    def whole(self, question: Question, text: str, bill: Bill) -> Json:
        content = [{"type": "text", "text": text}] if text else []
        return self._message(question, self._asked(bill) | self._answered(bill)) | {
            "content": content,
            "stop_reason": "end_turn",
        }

    def opening(self, question: Question, bill: Bill) -> list[bytes]:
        message = self._message(question, self._asked(bill) | {"output_tokens": 1})
        block = {"type": "text", "text": ""}
        return [
            named({"type": "message_start", "message": message}),
            named({"type": "content_block_start", "index": 0, "content_block": block}),
            named({"type": "ping"}),
        ]

    def piece(self, question: Question, text: str) -> bytes:
        return named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})

    def closing(self, question: Question, text: str, bill: Bill) -> list[bytes]:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return [
            named({"type": "content_block_stop", "index": 0}),
            named({"type": "message_delta", "delta": delta, "usage": self._answered(bill)}),
            named({"type": "message_stop"}),
        ]

    def error(self, status: int, message: str) -> Json:
        kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        return {"type": "error", "error": {"type": kind.get(status, "api_error"), "message": message}}

    def error_event(self, status: int, message: str) -> bytes:
        return named(self.error(status, message))

    def _asked(self, bill: Bill) -> Json:
        return {"input_tokens": bill.prompt - bill.cached, "cache_read_input_tokens": bill.cached}

    def _answered(self, bill: Bill) -> Json:
        return {"output_tokens": bill.completion, "output_tokens_details": {"thinking_tokens": bill.reasoning}}

    def _message(self, question: Question, usage: Json) -> Json:
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": question.model, "content": []}
        return {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}


class GeminiVoice:
    """Google's generateContent."""

    def read(self, target: str, body: Json) -> Question:
        model, _, method = target.partition("?")[0].rpartition("/")[2].partition(":")
        return Question(model, method.startswith("stream"), "")

    def whole(self, question: Question, text: str, bill: Bill) -> Json:
        return self._chunk(question, text, bill, "STOP")

    def opening(self, question: Question, bill: Bill) -> list[bytes]:
        return []

    def piece(self, question: Question, text: str) -> bytes:
        return data(self._chunk(question, text))

    def closing(self, question: Question, text: str, bill: Bill) -> list[bytes]:
        return [data(self._chunk(question, "", bill, "STOP"))]

    def error(self, status: int, message: str) -> Json:
        return {"error": {"code": status, "message": message, "status": "INTERNAL"}}

    def error_event(self, status: int, message: str) -> bytes:
        return data(self.error(status, message))

    def _chunk(self, question: Question, text: str, bill: Bill | None = None, finish: str = "") -> Json:
        candidate: Json = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        chunk: Json = {"candidates": [candidate], "modelVersion": question.model, "responseId": "r1"}
        if bill is not None:
            chunk["usageMetadata"] = {
                "promptTokenCount": bill.prompt,
                "cachedContentTokenCount": bill.cached,
                "candidatesTokenCount": bill.completion - bill.reasoning,
                "thoughtsTokenCount": bill.reasoning,
                "totalTokenCount": bill.total,
            }
        return chunk


class EmbeddingsVoice(ChatVoice):
    """OpenAI's embeddings: each is the number of its input."""

    def read(self, target: str, body: Json) -> Question:
        return Question(body["model"], False, "", inputs=1 if isinstance(body["input"], str) else len(body["input"]))

    def whole(self, question: Question, text: str, bill: Bill) -> Json:
        entries = [
            {"object": "embedding", "index": index, "embedding": [float(index), 0.5]}
            for index in range(question.inputs)
        ]
        usage = {"prompt_tokens": bill.prompt, "total_tokens": bill.prompt}
        return {"object": "list", "data": entries, "model": question.model, "usage": usage}


class GeminiEmbeddingsVoice(GeminiVoice):
    """Google's batchEmbedContents."""

    def read(self, target: str, body: Json) -> Question:
        return super().read(target, body)._replace(streamed=False, inputs=len(body["requests"]))

    def whole(self, question: Question, text: str, bill: Bill) -> Json:
        usage = {"promptTokenCount": bill.prompt, "totalTokenCount": bill.prompt}
        values = [{"values": [float(index), 0.5]} for index in range(question.inputs)]
        return {"embeddings": values, "usageMetadata": usage}


def voice_of(provider: str, target: str) -> Voice:
    """In which format a provider is asked there."""
    path = target.partition("?")[0]
    if path.endswith("/embeddings"):
        return EmbeddingsVoice()
    if path.endswith(":batchEmbedContents"):
        return GeminiEmbeddingsVoice()
    if path.endswith("/responses"):
        return ResponsesVoice()
    return {"anthropic": ClaudeVoice, "google": GeminiVoice}.get(provider, ChatVoice)()


def pieces_of(text: str, sizes: Iterator[int]) -> Iterator[str]:
    """`text` in pieces of these sizes, which do not care for words."""
    start = 0
    while start < len(text):
        size = next(sizes)
        yield text[start : start + size]
        start += size
