"""The wire formats of Anthropic and Google, and which format a provider is asked in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.sim.answers import Answer, Bill, Json, Question, pieces_of
from tests.sim.readings import claude_told, gemini_told, signatures_in
from tests.sim.turns import Call
from tests.sim.voices import Said, Voice, asked_in, data, named, prefix_in
from tests.sim.voices_openai import ChatVoice, EmbeddingsVoice, ResponsesVoice


class ClaudeVoice:
    """Anthropic's Messages."""

    def read(self, target: str, body: Json) -> Question:
        return Question(
            body["model"],
            bool(body.get("stream")),
            prefix_in(body["messages"]),
            tools=tuple(tool["name"] for tool in body.get("tools") or ()),
            thinks=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
            structured=bool(body.get("output_format") or (body.get("output_config") or {}).get("format")),
            told=claude_told(asked_in(body["messages"])),
            signatures=tuple(signatures_in(body["messages"])),
            must_not_call=(body.get("tool_choice") or {}).get("type") == "none",
        )

    def whole(self, question: Question, answer: Answer, bill: Bill) -> Json:
        content: list[Json] = []
        if answer.thought:
            content.append({"type": "thinking", "thinking": answer.thought, "signature": answer.signature})
        if answer.text:
            content.append({"type": "text", "text": answer.text})
        content += [self._call(call, json.loads(call.arguments)) for call in answer.calls]
        usage = self._asked(bill) | self._answered(bill)
        return self._message(question, usage) | {"content": content, "stop_reason": self._reason(answer)}

    def events(self, question: Question, answer: Answer, bill: Bill, sizes: Iterator[int]) -> Iterator[Said]:
        message = self._message(question, self._asked(bill) | {"output_tokens": 1})
        yield Said(named({"type": "message_start", "message": message}))
        for index, (block, kind, member, text) in enumerate(self._blocks(answer)):
            yield Said(named({"type": "content_block_start", "index": index, "content_block": block}))
            if not index:
                yield Said(named({"type": "ping"}))
            for piece in pieces_of(text, sizes):
                delta = {"type": kind, member: piece}
                yield Said(named({"type": "content_block_delta", "index": index, "delta": delta}), len(piece))
            if block["type"] == "thinking":
                delta = {"type": "signature_delta", "signature": answer.signature}
                yield Said(named({"type": "content_block_delta", "index": index, "delta": delta}))
            yield Said(named({"type": "content_block_stop", "index": index}))
        end = {"stop_reason": self._reason(answer), "stop_sequence": None}
        yield Said(named({"type": "message_delta", "delta": end, "usage": self._answered(bill)}))
        yield Said(named({"type": "message_stop"}))

    def error(self, status: int, message: str) -> Json:
        kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        return {"type": "error", "error": {"type": kind.get(status, "api_error"), "message": message}}

    def error_event(self, status: int, message: str) -> bytes:
        return named(self.error(status, message))

    def _blocks(self, answer: Answer) -> Iterator[tuple[Json, str, str, str]]:
        if answer.thought:
            block: Json = {"type": "thinking", "thinking": "", "signature": ""}
            yield block, "thinking_delta", "thinking", answer.thought
        if answer.text or not answer.calls:
            yield {"type": "text", "text": ""}, "text_delta", "text", answer.text
        for call in answer.calls:
            yield self._call(call, {}), "input_json_delta", "partial_json", call.arguments

    def _call(self, call: Call, given: Json) -> Json:
        return {"type": "tool_use", "id": call.id, "name": call.name, "input": given}

    def _reason(self, answer: Answer) -> str:
        return "tool_use" if answer.calls else "end_turn"

    def _asked(self, bill: Bill) -> Json:
        return {"input_tokens": bill.prompt - bill.cached, "cache_read_input_tokens": bill.cached}

    def _answered(self, bill: Bill) -> Json:
        return {"output_tokens": bill.completion, "output_tokens_details": {"thinking_tokens": bill.reasoning}}

    def _message(self, question: Question, usage: Json) -> Json:
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": question.model, "content": []}
        return {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}


class GeminiVoice:
    """Google's generateContent; a call comes in one piece."""

    def read(self, target: str, body: Json) -> Question:
        model, _, method = target.partition("?")[0].rpartition("/")[2].partition(":")
        config = body.get("generationConfig") or {}
        tools = [function["name"] for tool in body.get("tools") or () for function in tool["functionDeclarations"]]
        return Question(
            model,
            method.startswith("stream"),
            tools=tuple(tools),
            thinks=bool((config.get("thinkingConfig") or {}).get("includeThoughts")),
            structured=config.get("responseMimeType") == "application/json",
            told=gemini_told(body.get("contents") or ()),
            signatures=tuple(signatures_in(body.get("contents"))),
            must_not_call=((body.get("toolConfig") or {}).get("functionCallingConfig") or {}).get("mode") == "NONE",
        )

    def whole(self, question: Question, answer: Answer, bill: Bill) -> Json:
        parts: list[Json] = []
        if answer.thought:
            parts.append({"text": answer.thought, "thought": True})
        if answer.text or not answer.calls:
            parts.append({"text": answer.text})
        return self._chunk(question, [*parts, *self._ending(answer)], bill, "STOP")

    def events(self, question: Question, answer: Answer, bill: Bill, sizes: Iterator[int]) -> Iterator[Said]:
        for piece in pieces_of(answer.thought, sizes):
            yield Said(data(self._chunk(question, [{"text": piece, "thought": True}])), len(piece))
        for piece in pieces_of(answer.text, sizes):
            yield Said(data(self._chunk(question, [{"text": piece}])), len(piece))
        *calls, last = self._ending(answer) or [{"text": ""}]
        for call, part in zip(answer.calls, calls, strict=False):
            yield Said(data(self._chunk(question, [part])), len(call.arguments))
        yield Said(
            data(self._chunk(question, [last], bill, "STOP")), len(answer.calls[-1].arguments) if answer.calls else 0
        )

    def error(self, status: int, message: str) -> Json:
        return {"error": {"code": status, "message": message, "status": "INTERNAL"}}

    def error_event(self, status: int, message: str) -> bytes:
        return data(self.error(status, message))

    def _ending(self, answer: Answer) -> list[Json]:
        """The calls; the signature stands with the first of them, or on an empty text."""
        signed = {"thoughtSignature": answer.signature} if answer.signature else {}
        if not answer.calls:
            return [{"text": "", **signed}] if signed else []
        return [
            {
                "functionCall": {"name": call.name, "args": json.loads(call.arguments)},
                **(signed if not number else {}),
            }
            for number, call in enumerate(answer.calls)
        ]

    def _chunk(self, question: Question, parts: list[Json], bill: Bill | None = None, finish: str = "") -> Json:
        candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
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


class GeminiEmbeddingsVoice(GeminiVoice):
    """Google's batchEmbedContents."""

    def read(self, target: str, body: Json) -> Question:
        return super().read(target, body)._replace(streamed=False, inputs=len(body["requests"]))

    def whole(self, question: Question, answer: Answer, bill: Bill) -> Json:
        usage = {"promptTokenCount": bill.prompt, "totalTokenCount": bill.prompt}
        values = [{"values": [float(index), 0.5]} for index in range(question.inputs)]
        return {"embeddings": values, "usageMetadata": usage}


BY_PROVIDER: Final[dict[str, Voice]] = {
    "anthropic": ClaudeVoice(),
    "google": GeminiVoice(),
    "deepseek": ChatVoice(shows_thoughts=True),
}
BY_PATH: Final[tuple[tuple[str, Any], ...]] = (
    ("/embeddings", EmbeddingsVoice()),
    (":batchEmbedContents", GeminiEmbeddingsVoice()),
    ("/responses", ResponsesVoice()),
)


def voice_of(provider: str, target: str) -> Voice:
    """In which format a provider is asked there."""
    path = target.partition("?")[0]
    for ending, voice in BY_PATH:
        if path.endswith(ending):
            asked: Voice = voice
            return asked
    return BY_PROVIDER.get(provider, ChatVoice())
