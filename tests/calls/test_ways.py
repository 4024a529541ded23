"""In which of its APIs a provider is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.stamps import stamp
from gateway.errors import InvalidRequest
from gateway.face.chat import ChatCompletions
from gateway.face.client_dialect import ClientDialect
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect
from tests.calls.asking import ask, http_calls, upstream

ASKED = {"max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
RESPONSE = b"""{"object":"response","status":"completed","model":"m","output":[
    {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"enc-1"},
    {"type":"message","content":[{"type":"output_text","text":"Salve"}]}],
    "usage":{"input_tokens":7,"output_tokens":3,"total_tokens":10}}"""
STREAM = b"""data: {"type":"response.created","response":{"model":"m"}}

data: {"type":"response.output_item.added","output_index":0,"item":{"type":"message"}}

data: {"type":"response.content_part.added","output_index":0,"part":{"type":"output_text"}}

data: {"type":"response.output_text.delta","output_index":0,"delta":"Salve"}

data: {"type":"response.completed","response":{"status":"completed","output":[],"model":"m"}}

"""
COMPLETION = b'{"choices":[{"message":{"content":"Salve"},"finish_reason":"stop"}]}'


def body(model: str, *, stream: bool = False) -> bytes:
    return json.dumps({"model": model, "stream": stream, **ASKED}).encode()


@pytest.mark.parametrize("model", ["gpt-5.1", "o3", "o4-mini", "gpt-5-codex"])
async def test_openais_models_that_reason_are_asked_in_responses_for_a_client_of_messages(model: str) -> None:
    client = upstream(RESPONSE, content_type="application/json")
    told = await ask(http_calls(client), body(model), dialect=Messages())
    assert client.target == b"/v1/responses"
    sent = json.loads(client.body)
    assert (sent["store"], sent["include"]) == (False, ["reasoning.encrypted_content"])
    assert told.head is not None
    thought, words = json.loads(told.head.body)["content"]
    assert (thought["type"], words["text"]) == ("thinking", "Salve")
    assert thought["signature"].endswith("enc-1")
    assert told.attempt.spent_tokens == 10


async def test_so_are_they_for_a_stream_which_ends_with_their_last_event() -> None:
    client = upstream(STREAM)
    told = await ask(http_calls(client), body("gpt-5.1", stream=True), dialect=Messages())
    assert (client.target, told.failure) == (b"/v1/responses", None)
    assert told.body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert client.response.kept


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4.1"),
        ("openai", "gpt-5-chat-latest"),
        ("azure", "gpt-5.1"),
        ("openai", "gpt-oss-120b"),
        ("openrouter", "openai/gpt-5.1"),
    ],
)
async def test_all_others_are_asked_for_chat_completions(provider: str, model: str) -> None:
    """Who speaks OpenAI's dialect need not have all of its API; OpenRouter's has signatures in its chat completions."""
    client = upstream(COMPLETION, content_type="application/json")
    told = await ask(http_calls(client, provider), body(model), dialect=Messages())
    assert (told.failure, client.target.rpartition(b"/v1/")[2]) == (None, b"chat/completions")


async def test_a_failed_response_is_an_error_in_the_clients_words() -> None:
    failed = b'{"status":"failed","output":[],"error":{"code":"server_error","message":"Oh no."}}'
    told = await ask(http_calls(upstream(failed)), body("gpt-5.1"), dialect=Messages())
    assert told.failure is not None
    assert (told.failure.message, json.loads(told.failure.body)["type"]) == ("Oh no.", "error")  # type: ignore[attr-defined]


TOOLS_OF_ANTHROPICS_CLIENTS = [
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
    {"type": "computer_20250124", "name": "computer", "display_width_px": 800, "display_height_px": 600},
]


@pytest.mark.parametrize("tool", TOOLS_OF_ANTHROPICS_CLIENTS, ids=lambda tool: tool["name"])
@pytest.mark.parametrize(
    ("provider", "model", "who"),
    [
        ("openai", "gpt-4.1", "OpenAI"),
        ("openai", "gpt-5.1", "OpenAI's Responses"),
        ("deepseek", "deepseek-chat", "DeepSeek"),
        ("openrouter", "x/y", "OpenRouter"),
        ("google", "gemini", "a model behind Gemini"),
    ],
)
async def test_tools_that_only_claude_was_taught_are_refused_by_name(
    provider: str, model: str, who: str, tool: dict[str, Any]
) -> None:
    """Their schemas are in Claude's training, not in the request: no other model could call them."""
    client = upstream()
    asked = json.dumps({"model": model, **ASKED, "tools": [tool]}).encode()
    told = await ask(http_calls(client, provider), asked, dialect=Messages())
    assert isinstance(told.failure, InvalidRequest)
    assert (told.failure.param, client.target) == ("tools[0]", b"")
    assert told.failure.message == f"'tools[0]' cannot be had from {who}: it has no tool like '{tool['type']}'."


FOREIGN = stamp("google-gemini-v1", "sig-google")
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": FOREIGN}


async def asked_after(dialect: ClientDialect, provider: str, question: dict[str, Any], answer: bytes) -> Any:
    """What the provider is asked."""
    client = upstream(answer, content_type="application/json")
    told = await ask(http_calls(client, provider), json.dumps(question).encode(), dialect=dialect)
    assert told.failure is None
    return json.loads(client.body)


async def test_a_thought_that_another_maker_signed_does_not_go_to_anthropic() -> None:
    """It would be refused for that; nor may a model be told to think that is amid a turn which it did not begin so."""
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": "42"}
    question = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 3000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [THOUGHT, call]},
            {"role": "user", "content": [result]},
        ],
    }
    answer = b"""{"type":"message","role":"assistant","content":[{"type":"text","text":"Yes."}],"model":"m",
        "stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"""
    sent = await asked_after(Messages(), "anthropic", question, answer)
    kinds = [[block["type"] for block in message["content"]] for message in sent["messages"][1:]]
    assert (kinds, "thinking" in sent) == ([["tool_use"], ["tool_result"]], False)


async def test_nor_does_it_go_to_openai_in_responses() -> None:
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc-1"}
    said = {"role": "user", "content": "Hi"}
    foreign = {**own, "encrypted_content": FOREIGN}
    sent = await asked_after(
        ResponsesDialect(), "openai", {"model": "gpt-5.1", "input": [said, foreign, own]}, RESPONSE
    )
    assert sent["input"] == [said, own]


@pytest.mark.parametrize(
    ("provider", "kept"), [("openai", []), ("deepseek", ["reasoning_content"]), ("openrouter", ["all"])]
)
async def test_in_chat_thoughts_go_back_in_the_members_that_a_provider_reads(provider: str, kept: list[str]) -> None:
    """OpenAI refuses a message that has any, as of every member that it does not know."""
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "s"}]
    said = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "reasoning_details": details}
    messages = [{"role": "user", "content": "Hi"}, said, {"role": "user", "content": "And?"}]
    sent = await asked_after(ChatCompletions(), provider, {"model": "m", "messages": messages}, COMPLETION)
    thoughts = [name for name in sent["messages"][1] if name.startswith("reasoning")]
    assert thoughts == (["reasoning_content", "reasoning_details"] if kept == ["all"] else kept)
