"""What clients hear: answers held against the specification and read with the official clients' own types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.dialects.chat.client import ChatClient
from gateway.dialects.codec import ClientCodec, finish_steps
from gateway.dialects.conversation import Conversation
from gateway.dialects.fidelity import OPENAI_CHAT
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.sse import SseSplitter
from gateway.dialects.stamps import read_stamp
from tests.calls.recorded import Counts, Said, of_message, parsed
from tests.dialects.messages import official
from tests.shared_material import openai_schema

CHAT, MESSAGES, RESPONSES = "openai_chat", "anthropic_messages", "openai_responses"
CLIENTS: Mapping[str, ClientCodec] = {
    codec.name: codec for codec in (ChatClient(), MessagesClient(), ResponsesClient())
}
QUESTIONS: Mapping[str, dict[str, Any]] = {
    CHAT: {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    MESSAGES: {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]},
    RESPONSES: {"model": "m", "input": "hi"},
}
_CUT_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
_event_type: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def question(client: str, *, streamed: bool = False, choices: int = 1) -> bytes:
    """A short one, in the client's dialect; a stream of chat completions ends with usage."""
    asked = dict(QUESTIONS[client])
    if streamed:
        asked["stream"] = True
    if client == CHAT and streamed:
        asked["stream_options"] = {"include_usage": True}
    if client == CHAT and choices > 1:
        asked["n"] = choices
    return json.dumps(asked).encode()


def conversation(client: str, *, streamed: bool = False, choices: int = 1) -> Conversation:
    """The same, read: of a question this short nothing depends on who is asked."""
    body = question(client, streamed=streamed, choices=choices)
    return finish_steps(CLIENTS[client].decode(body, OPENAI_CHAT))


def next_turn(client: str, heard: bytes) -> bytes:
    """A request that hands the answer back as it came, with a result for each of its calls, and asks on."""
    answer, asked = json.loads(heard), dict(QUESTIONS[client])
    if client == RESPONSES:
        calls = [item["call_id"] for item in answer["output"] if item["type"] == "function_call"]
        results: list[Any] = [{"type": "function_call_output", "call_id": each, "output": "done"} for each in calls]
        asked["input"] = [
            {"role": "user", "content": "hi"},
            *answer["output"],
            *results,
            {"role": "user", "content": "?"},
        ]
    elif client == MESSAGES:
        calls = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": each, "content": "done"} for each in calls]
        asked["messages"] = [*asked["messages"], {"role": "assistant", "content": answer["content"]}]
        asked["messages"].append({"role": "user", "content": [*results, {"type": "text", "text": "?"}]})
    else:
        message = answer["choices"][0]["message"]
        calls = [call["id"] for call in message.get("tool_calls") or ()]
        results = [{"role": "tool", "tool_call_id": each, "content": "done"} for each in calls]
        asked["messages"] = [*asked["messages"], message, *results, _user("?")]
    return json.dumps(asked).encode()


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def hear(client: str, body: bytes) -> Said:
    """What a whole answer says to its client."""
    return _WHOLE[client](body)


def hear_stream(client: str, stream: bytes) -> Said:
    """What a stream says, gathered as the official client gathers it."""
    return _STREAMED[client](stream)


def events_of(stream: bytes) -> list[tuple[bytes, Any]]:
    """The events by name, `[DONE]` as that text."""
    found: list[tuple[bytes, Any]] = []
    for _, data, name in SseSplitter().feed(stream):
        if data is not None:
            found.append((name, data.decode() if data == b"[DONE]" else json.loads(data)))
    return found


def _chat(body: bytes) -> Said:
    document = json.loads(body)
    openai_schema("CreateChatCompletionResponse").validate(document)
    return _of_completion(ChatCompletion.model_validate(document, strict=True))


def _chat_stream(stream: bytes) -> Said:
    state = ChatCompletionStreamState()
    *chunks, last = [data for _, data in events_of(stream)]
    assert last == "[DONE]"
    for chunk in chunks:
        openai_schema("CreateChatCompletionStreamResponse").validate(chunk)
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return _of_completion(state.current_completion_snapshot)


def _of_completion(completion: Any) -> Said:
    document = json.loads(completion.model_dump_json())
    choice, usage = document["choices"][0], document["usage"]
    message = choice["message"]
    counts = None
    if usage is not None:
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        counts = Counts(
            usage["prompt_tokens"],
            usage["completion_tokens"],
            usage["prompt_tokens_details"]["cached_tokens"],
            usage["completion_tokens_details"]["reasoning_tokens"],
        )
    functions = [call["function"] for call in message["tool_calls"] or []]
    details = message.get("reasoning_details") or []
    return Said(
        text=message["content"] or "",
        refusal=message["refusal"] or "",
        reasoning=message.get("reasoning_content") or "",
        calls=tuple((function["name"], parsed(function["arguments"])) for function in functions),
        finish=choice["finish_reason"],
        usage=counts,
        proofs=tuple(sorted(proof for each in details if (proof := each.get("data") or each.get("signature")))),
        sources=frozenset(each["url_citation"]["url"] for each in message["annotations"] or ()),
    )


def _message(body: bytes) -> Said:
    return of_message(official.read(body))


def _message_stream(stream: bytes) -> Said:
    assert events_of(stream)[-1] == (b"message_stop", {"type": "message_stop"})
    return of_message(official.accumulate(stream))


def _response(body: bytes) -> Said:
    document = json.loads(body)
    openai_schema("Response").validate(document)
    return _of_response(TypeAdapter(Response).validate_python(document, strict=True))


def _response_stream(stream: bytes) -> Said:
    events = events_of(stream)
    for place, (name, event) in enumerate(events):
        openai_schema("ResponseStreamEvent").validate(event)
        _event_type.validate_python(event)
        assert (name.decode(), event["sequence_number"]) == (event["type"], place)
    whole = events[-1][1]["response"]
    told = _of_response(TypeAdapter(Response).validate_python(whole, strict=True))
    check_pieces([event for _, event in events], whole["output"], told)
    return told


def check_pieces(events: list[Any], output: list[Any], told: Said) -> None:
    """What comes piece by piece is what the whole response says."""

    def pieces(kind: str) -> str:
        return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")

    assert (pieces("output_text"), pieces("refusal")) == (told.text, told.refusal)
    thoughts = pieces("reasoning_text"), pieces("reasoning_summary_text")
    assert thoughts in ((told.reasoning, ""), ("", told.reasoning))
    calls = [item for item in output if item["type"] == "function_call"]
    assert pieces("function_call_arguments") == "".join(call["arguments"] for call in calls)
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == output


def _of_response(response: Response) -> Said:
    document = json.loads(response.model_dump_json(warnings=False))
    items, usage = document["output"], document["usage"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    calls = tuple((item["name"], parsed(item["arguments"])) for item in items if item["type"] == "function_call")
    counts = None
    if usage is not None:
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        cached, reasoning = usage["input_tokens_details"], usage["output_tokens_details"]
        counts = Counts(
            usage["input_tokens"], usage["output_tokens"], cached["cached_tokens"], reasoning["reasoning_tokens"]
        )
    cut = (document["incomplete_details"] or {}).get("reason")
    assert document["status"] == ("incomplete" if cut else "completed")
    return Said(
        text="".join(part["text"] for part in parts if part["type"] == "output_text"),
        refusal="".join(part["refusal"] for part in parts if part["type"] == "refusal"),
        reasoning="".join(_thoughts(item) for item in items if item["type"] == "reasoning"),
        calls=calls,
        finish=_CUT_REASONS[cut] if cut else "tool_calls" if calls else "stop",
        usage=counts,
        proofs=tuple(
            sorted(proof for item in items if (proof := read_stamp(item.get("encrypted_content") or "", "")[1]))
        ),
        sources=frozenset(note["url"] for part in parts for note in part.get("annotations") or ()),
    )


def _thoughts(item: dict[str, Any]) -> str:
    return "".join(part["text"] for part in item.get("content") or item["summary"])


_WHOLE: Mapping[str, Callable[[bytes], Said]] = {CHAT: _chat, MESSAGES: _message, RESPONSES: _response}
_STREAMED: Mapping[str, Callable[[bytes], Said]] = {
    CHAT: _chat_stream,
    MESSAGES: _message_stream,
    RESPONSES: _response_stream,
}
