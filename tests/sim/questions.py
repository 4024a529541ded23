"""How virtual clients of each dialect ask: anew, or where the last answer left off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.sim.answers import LOOKUP, SCHEMA, TOOLS, Json
from tests.sim.scenario import Ask, Dialect
from tests.sim.turns import Entry, Told, Who, answered, entry_of_result, joined, result_of

if TYPE_CHECKING:
    from tests.sim.history import Heard

CONTENT = "Count."
PARAMETERS: Json = {"type": "object", "properties": {"count": {"type": "string"}}}


def body_of(ask: Ask, before: Heard | None, id: str) -> Json:
    """The question; `before` is the answer that it goes on from."""
    words = words_of(ask, before, id)
    match ask.dialect:
        case Dialect.CHAT:
            body = _chat_body(ask, before, words)
        case Dialect.RESPONSES:
            body = _response_body(ask, before, words)
        case Dialect.MESSAGES:
            body = _message_body(ask, before, words)
        case Dialect.EMBEDDINGS:
            return {"model": ask.model, "input": [words, words]}
    return {"model": ask.model, **body, **({"stream": True} if ask.streamed else {})}


def words_of(ask: Ask, before: Heard | None, id: str) -> str:
    """What the user says; "" where the results of the last answer's calls say it all."""
    if before is None:
        return CONTENT + " " * ask.padding
    return "" if before.calls else f"Count on, {id}." + " " * ask.padding


def told_with(ask: Ask, before: Heard | None, id: str) -> Told:
    """All that the model is to know of the conversation when it is asked this."""
    words = Entry(Who.USER, words_of(ask, before, id))
    if before is None:
        return (words,)
    results = [entry_of_result(result_of(call)) for call in before.calls]
    return joined([*before.told, *answered(before.text, before.calls), *results, words])


def _chat_body(ask: Ask, before: Heard | None, words: str) -> Json:
    body: Json = {"messages": [*_chat_before(before), *([{"role": "user", "content": words}] if words else [])]}
    if ask.streamed:
        body["stream_options"] = {"include_usage": True}
    if tools := _own_tools(ask, before):
        body["tools"] = [{"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in tools]
    if ask.hires:
        body["tools"] = [*body.get("tools", ()), {"type": "gateway", "name": LOOKUP}]
    if ask.thinks:
        body["reasoning_effort"] = "low"
    if ask.structured:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "count", "schema": SCHEMA}}
    return body


def _chat_before(before: Heard | None) -> list[Json]:
    if before is None:
        return []
    calls = [
        {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
        for each in before.calls
    ]
    said: Json = {"role": "assistant", "content": before.text, **({"tool_calls": calls} if calls else {})}
    results = [{"role": "tool", "tool_call_id": each.id, "content": result_of(each)} for each in before.calls]
    return [*before.body_sent["messages"], said, *results]


def _response_body(ask: Ask, before: Heard | None, words: str) -> Json:
    body: Json = {"input": words}
    if before is not None:
        results = [
            {"type": "function_call_output", "call_id": each.id, "output": result_of(each)} for each in before.calls
        ]
        body = {"input": results or words, "previous_response_id": before.response_id}
    if tools := _own_tools(ask, before):
        body["tools"] = [{"type": "function", "name": name, "parameters": PARAMETERS} for name in tools]
    if ask.hires:
        body["tools"] = [*body.get("tools", ()), {"type": "gateway", "name": LOOKUP}]
    if ask.thinks:
        body |= {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    if ask.structured:
        body["text"] = {"format": {"type": "json_schema", "name": "count", "schema": SCHEMA}}
    return {**body, "background": True} if ask.background else body


def _message_body(ask: Ask, before: Heard | None, words: str) -> Json:
    user = [{"role": "user", "content": words}] if words else []
    body: Json = {"messages": [*_messages_before(before), *user], "max_tokens": 3000}
    if tools := _own_tools(ask, before):
        body["tools"] = [{"name": name, "input_schema": PARAMETERS} for name in tools]
    if ask.hires:
        body["tools"] = [*body.get("tools", ()), {"type": "gateway", "name": LOOKUP}]
    if ask.thinks:
        body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    if ask.structured:
        body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return body


def _messages_before(before: Heard | None) -> list[Json]:
    if before is None:
        return []
    blocks: list[Json] = []
    if before.thought and len(before.signatures) == 1:
        blocks.append({"type": "thinking", "thinking": before.thought, "signature": before.signatures[0]})
    if before.text:
        blocks.append({"type": "text", "text": before.text})
    for each in before.calls:
        blocks.append({"type": "tool_use", "id": each.id, "name": each.name, "input": json.loads(each.arguments)})
    results = [{"type": "tool_result", "tool_use_id": each.id, "content": result_of(each)} for each in before.calls]
    said: list[Json] = [{"role": "assistant", "content": blocks}]
    return [*before.body_sent["messages"], *said, *([{"role": "user", "content": results}] if results else [])]


def _own_tools(ask: Ask, before: Heard | None) -> tuple[str, ...]:
    """Who goes on from calls goes on offering what was called."""
    return TOOLS if ask.tools or (before is not None and before.calls) else ()
