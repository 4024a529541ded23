"""What a chat client asks, in the pivot; what it asks wrongly, and what it is told of that."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.dialects.chat.client import ChatClient
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import (
    Audio,
    Document,
    Image,
    Maker,
    Media,
    NativeTool,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningWish,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.errors import InvalidRequest
from tests.dialects.chat.wire import read_request

EPHEMERAL = {"type": "ephemeral"}
FUNCTION = {"type": "function", "function": {"name": "add"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}


def turns_of(*messages: dict[str, Any], target: str = "gemini") -> list[Turn]:
    return read_request({"messages": list(messages)}, target).turns


def parts_of(message: dict[str, Any]) -> list[Part]:
    return turns_of(message)[0].parts


def test_roles_and_names_become_turns_that_know_where_they_stood() -> None:
    turns = turns_of(
        {"role": "developer", "content": "be brief"},
        {"role": "system", "content": [{"type": "text", "text": "be kind"}], "name": "boss"},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "content": "hello", "refusal": None, "annotations": [], "audio": None},
    )
    assert turns == [
        Turn("system", [Text("be brief")], None, "messages[0]"),
        Turn("system", [Text("be kind")], "boss", "messages[1]"),
        Turn("user", [Text("hi")], "ann", "messages[2]"),
        Turn("assistant", [Text("hello")], None, "messages[3]"),
    ]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a", "cache_control": EPHEMERAL}, Text("a", cache_control=EPHEMERAL)),
        (
            {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text("a", cache_control=EPHEMERAL),
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}},
            Image(Media(url="https://x.example/a.png"), "low"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            Image(Media(data="AAAA", media_type="image/png")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Audio(Media(data="AAAA", media_type="audio/mpeg"), "mp3"),
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            Document(Media(data="AAAA", media_type="application/pdf"), name="a.pdf"),
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
            Document(Media(data="AAAA", media_type="application/pdf"), name="a.pdf"),
        ),
        (
            {"type": "file", "file": {"file_data": "https://x.example/a.pdf"}},
            Document(Media(url="https://x.example/a.pdf")),
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, Document(Media(file_id="file-1"))),
    ],
)
def test_every_part_of_a_users_content_has_its_part_in_the_pivot(part: dict[str, Any], expected: Part) -> None:
    assert parts_of({"role": "user", "content": [part]}) == [expected]


def test_consecutive_results_of_tools_are_one_turn_of_the_user() -> None:
    turns = turns_of(
        {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "3"}], "cache_control": EPHEMERAL},
        {"role": "user", "content": "so?"},
    )
    assert turns[0].parts == [ToolCall("c1", "add", '{"a":1}'), ToolCall("c2", "add", '{"a":1}')]
    assert turns[1:] == [
        Turn(
            "user",
            [ToolResult("c1", [Text("2")]), ToolResult("c2", [Text("3")], cache_control=EPHEMERAL)],
            field="messages[1]",
        ),
        Turn("user", [Text("so?")], field="messages[3]"),
    ]


def test_deprecated_functions_are_tools_whose_calls_get_ids() -> None:
    request = read_request(
        {
            "messages": [
                {"role": "user", "content": "1 + 1?"},
                {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": ""}},
                {"role": "function", "name": "add", "content": "2"},
            ],
            "functions": [{"name": "add", "parameters": {"type": "object"}}],
            "function_call": {"name": "add"},
        }
    )
    assert request.deprecated_calls
    assert request.tools == [Tool("add", parameters={"type": "object"})]
    assert request.tool_choice == ToolChoice("tool", "add")
    assert request.turns[1].parts == [ToolCall("call_1", "add", "{}")]
    assert request.turns[2].parts == [ToolResult("call_1", [Text("2")], name="add")]


def test_reasoning_comes_back_where_it_stood() -> None:
    """A detail that names a call stands directly before it, all others lead; what has nothing to say is left out."""
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "s1", "format": Maker.ANTHROPIC, "index": 0},
        {"type": "reasoning.encrypted", "data": "s2", "format": Maker.GOOGLE, "index": 1, "id": "c1"},
        {"type": "reasoning.summary", "summary": "so", "format": Maker.OPENAI, "id": "rs_1", "tool_call_id": "c1"},
        {"type": "reasoning.encrypted", "data": "s4", "format": Maker.ANTHROPIC},
        {"type": "reasoning.text", "format": "unknown"},
        {"type": "reasoning.of_tomorrow", "text": "?"},
    ]
    message = {"role": "assistant", "content": "I add.", "tool_calls": [CALL], "reasoning_details": details}
    assert parts_of({**message, "reasoning_content": "hmso", "reasoning": "hmso"}) == [
        Reasoning("hm", "s1", Maker.ANTHROPIC),
        Reasoning("", "s4", Maker.ANTHROPIC, redacted=True),
        Text("I add."),
        Reasoning("", "s2", Maker.GOOGLE),
        Reasoning("so", None, Maker.OPENAI, summary=True, id="rs_1"),
        ToolCall("c1", "add", '{"a":1}'),
    ]


@pytest.mark.parametrize(("member", "maker"), [("reasoning_content", Maker.DEEPSEEK), ("reasoning", Maker.UNKNOWN)])
def test_plain_reasoning_is_of_whom_its_member_is(member: str, maker: str) -> None:
    parts = parts_of({"role": "assistant", "content": "4", member: "2 + 2"})
    assert parts == [Reasoning("2 + 2", maker=maker), Text("4")]


def test_an_assistants_refusals_and_images_come_back() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}, "index": 0}
    parts = parts_of({"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}], "images": [image]})
    assert parts == [Refusal("No"), Image(Media(data="AAAA", media_type="image/png"))]
    assert parts_of({"role": "assistant", "refusal": "No"}) == [Refusal("No")]


def test_a_mark_on_a_message_or_a_call_is_one_on_its_last_part() -> None:
    turns = turns_of(
        {"role": "system", "content": "be brief", "cache_control": EPHEMERAL},
        {"role": "assistant", "content": "", "tool_calls": [{**CALL, "cache_control": EPHEMERAL}]},
    )
    assert turns[0].parts == [Text("be brief", cache_control=EPHEMERAL)]
    assert turns[1].parts == [ToolCall("c1", "add", '{"a":1}', EPHEMERAL)]


@pytest.mark.parametrize(
    ("members", "member", "expected"),
    [
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", 6),
        ({"stop": "a"}, "stop", ["a"]),
        ({"stop": ["a", "b"]}, "stop", ["a", "b"]),
        ({"n": 2}, "choices", 2),
        ({"logprobs": True}, "logprobs", 0),
        ({"logprobs": True, "top_logprobs": 3}, "logprobs", 3),
        ({"user": "u", "safety_identifier": "s"}, "user", "s"),
        ({"prompt_cache_key": "k"}, "cache_key", "k"),
        ({"stream_options": {"include_usage": True}}, "stream_usage", True),
        ({"stream_options": {"include_obfuscation": False}}, "stream_usage", False),
        ({"top_k": 4}, "top_k", 4),
        ({"tool_choice": "required"}, "tool_choice", ToolChoice("required")),
        ({"tool_choice": FUNCTION}, "tool_choice", ToolChoice("tool", "add")),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION]}}},
            "tool_choice",
            ToolChoice("auto", allowed=["add"]),
        ),
        ({"function_call": "none"}, "tool_choice", ToolChoice("none")),
        ({"response_format": {"type": "text"}}, "output_format", None),
        ({"response_format": {"type": "json_object"}}, "output_format", OutputFormat()),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": True}}},
            "output_format",
            OutputFormat({}, "x", strict=True),
        ),
        ({"reasoning_effort": "low"}, "reasoning", ReasoningWish(effort="low")),
        ({"reasoning": {"effort": "high", "exclude": True}}, "reasoning", ReasoningWish("high", visible=False)),
        ({"reasoning": {"max_tokens": 9}}, "reasoning", ReasoningWish(budget_tokens=9)),
        ({"reasoning": {"enabled": True}}, "reasoning", ReasoningWish(enabled=True)),
        ({"include_reasoning": True}, "reasoning", ReasoningWish(visible=True)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}, "reasoning_effort": "high"},
            "reasoning",
            ReasoningWish("high", 9, True),
        ),
        ({"thinking": {"type": "disabled"}}, "reasoning", ReasoningWish(enabled=False)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, "reasoning", ReasoningWish(None, None, True, False)),
        (
            {"web_search_options": {"search_context_size": "low"}},
            "native_tools",
            [NativeTool("openai_chat", "web_search", {"search_context_size": "low"}, "web_search_options")],
        ),
        (
            {"tools": [{"type": "openrouter:web_search"}]},
            "native_tools",
            [NativeTool("openai_chat", "openrouter:web_search", {"type": "openrouter:web_search"}, "tools[0]")],
        ),
        (
            {"tools": [{**FUNCTION, "cache_control": EPHEMERAL}]},
            "tools",
            [Tool("add", cache_control=EPHEMERAL)],
        ),
    ],
)
def test_every_setting_has_its_place(members: dict[str, Any], member: str, expected: object) -> None:
    assert getattr(read_request(members, "gemini"), member) == expected


@pytest.mark.parametrize(
    ("members", "member", "name"),
    [
        ({"max_completion_tokens": 1}, "max_tokens", "max_completion_tokens"),
        ({"reasoning_effort": "low"}, "reasoning", "reasoning_effort"),
        ({"thinking": {"type": "enabled"}}, "reasoning", "thinking"),
        ({"n": 1}, "choices", "n"),
    ],
)
def test_the_pivot_knows_what_the_client_calls_its_members(members: dict[str, Any], member: str, name: str) -> None:
    assert read_request(members).spelling[member] == name


USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{**USER, "colour": 1}]}, "messages[0].colour"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 7}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].file"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0].input_audio.data",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "["}}]}
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}]},
            "messages[0].tool_calls[0].custom",
        ),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        ({"messages": [{"role": "function", "name": "add", "content": "2"}]}, "messages[0].name"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": "f", "size": 3}}]}, "tools[0].function.size"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].custom"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice.custom"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "never", "tools": []}}},
            "tool_choice.allowed_tools.mode",
        ),
        ({"function_call": "perhaps"}, "function_call"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"thinking": {"type": "perhaps"}}, "thinking.type"),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, "reasoning.effort"),
        ({"temperature": "warm"}, "temperature"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"n": 0}, "n"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_mistake_is_named_where_it_stands(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(members, "gemini")
    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":"m","messages":' + b"[" * 100_000])
def test_what_is_no_request_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        finish_steps(ChatClient().decode(body, "gemini"))


def test_an_unknown_member_without_a_value_is_as_good_as_absent() -> None:
    assert read_request({"colour": None}) == read_request({})


def test_a_long_conversation_is_read_a_few_messages_a_step() -> None:
    body = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}] * 50})
    assert list(ChatClient().decode(body, "gemini")) == [0, 0, 16, 16, 16, 2]
