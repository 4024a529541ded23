"""What each of the providers that speak chat completions is sent for the same conversation."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import completion_create_params
from pydantic import TypeAdapter

from gateway.dialects.chat.flavour import DEEPSEEK, OPENAI, OPENROUTER, PLAIN, Flavour
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.conversation import (
    Audio,
    Document,
    Image,
    Maker,
    Media,
    Native,
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
from tests.dialects.chat.wire import conversation, written_request
from tests.shared_material import openai_schema

FLAVOURS = [OPENAI, DEEPSEEK, OPENROUTER, PLAIN]
EPHEMERAL = {"type": "ephemeral"}
ADD = Tool("add", "Adds.", {"type": "object"}, True, EPHEMERAL)
PICTURE = Image(Media(data="AAAA", media_type="image/png"))


def messages_of(*turns: Turn, flavour: Flavour = OPENAI, model: str = "m") -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = written_request(conversation(*turns), flavour, model)["messages"]
    return messages


def content_of(*parts: Part, flavour: Flavour = OPENAI) -> Any:
    return messages_of(Turn("user", list(parts), field="messages[0]"), flavour=flavour)[0]["content"]


def everything(flavour: Flavour) -> dict[str, Any]:
    """A request of a bit of everything that the flavour takes."""
    shown: list[Part] = [Text("look", cache_control=EPHEMERAL)]
    if flavour.media:
        shown += [PICTURE, Document(Media(data="AAAA", media_type="application/pdf")), Audio(Media(data="AA"), "wav")]
    request = conversation(
        Turn("system", [Text("be brief")]),
        Turn("user", shown),
        Turn("assistant", [Reasoning("hm", maker=flavour.maker), Text("I add."), ToolCall("c1", "add", "{}")]),
        Turn("user", [Text("so?"), ToolResult("c1", [Text("2")])]),
        stream=True,
        tools=[ADD],
        tool_choice=ToolChoice("auto", allowed=["add"]),
        parallel_tool_calls=False,
        output_format=OutputFormat({"type": "object"}, strict=True) if flavour.json_schema else OutputFormat(),
        reasoning=ReasoningWish(effort="high"),
        max_tokens=9,
        temperature=0.5,
        stop=["END"],
        logprobs=2,
        user="u",
    )
    return written_request(request, flavour)


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.title)
def test_what_is_sent_is_what_the_specification_and_the_official_types_want(flavour: Flavour) -> None:
    body = everything(flavour)
    openai_schema("CreateChatCompletionRequest").validate(body)
    TypeAdapter(completion_create_params.CompletionCreateParamsStreaming).validate_python(body)


def test_openai_is_sent_literally() -> None:
    assert everything(OPENAI) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {
                        "type": "file",
                        "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"},
                    },
                    {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                ],
            },
            {
                "role": "assistant",
                "content": "I add.",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "2"},
            {"role": "user", "content": "so?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "add",
                    "description": "Adds.",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
            }
        ],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "add"}}]},
        },
        "parallel_tool_calls": False,
        "reasoning_effort": "high",
        "max_completion_tokens": 9,
        "stop": ["END"],
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
        },
        "safety_identifier": "u",
    }


def test_others_say_some_of_it_otherwise() -> None:
    deepseek, openrouter, plain = (everything(flavour) for flavour in (DEEPSEEK, OPENROUTER, PLAIN))
    assert deepseek["max_tokens"] == openrouter["max_tokens"] == plain["max_tokens"] == 9
    assert (deepseek["thinking"], deepseek["reasoning_effort"]) == ({"type": "enabled"}, "high")
    assert openrouter["reasoning"] == {"effort": "high"}
    assert plain["reasoning_effort"] == "high"
    assert (deepseek.get("user"), openrouter["user"], plain["user"]) == (None, "u", "u")
    assert openrouter["messages"][1]["content"][0]["cache_control"] == EPHEMERAL
    assert openrouter["tools"][0]["cache_control"] == EPHEMERAL
    assert [body["tool_choice"] for body in (deepseek, openrouter, plain)] == ["auto"] * 3
    assert deepseek["messages"][2]["reasoning_content"] == "hm"
    assert openrouter["messages"][2]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "format": "unknown", "index": 0}
    ]
    assert "reasoning_content" not in plain["messages"][2]


def test_where_the_choice_cannot_be_narrowed_the_other_tools_are_left_out() -> None:
    request = conversation(tools=[ADD, Tool("sub")], tool_choice=ToolChoice("required", allowed=["sub"]))
    body = written_request(request, PLAIN)
    assert body["tools"] == [{"type": "function", "function": {"name": "sub"}}]
    assert body["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("tool", "add"), {"type": "function", "function": {"name": "add"}}),
    ],
)
def test_every_choice_is_said(choice: ToolChoice, written: object) -> None:
    assert written_request(conversation(tools=[ADD], tool_choice=choice))["tool_choice"] == written


@pytest.mark.parametrize(
    ("wish", "openai", "openrouter", "deepseek"),
    [
        (ReasoningWish("low"), {"reasoning_effort": "low"}, {"effort": "low"}, ("enabled", "low")),
        (ReasoningWish("none"), {"reasoning_effort": "none"}, {"effort": "none"}, ("disabled", None)),
        (ReasoningWish(enabled=False), {}, {"enabled": False}, ("disabled", None)),
        (ReasoningWish(enabled=True), {"reasoning_effort": "medium"}, {"enabled": True}, ("enabled", None)),
        (ReasoningWish(budget_tokens=1024), {"reasoning_effort": "low"}, {"max_tokens": 1024}, ("enabled", None)),
        (ReasoningWish(budget_tokens=4096), {"reasoning_effort": "medium"}, {"max_tokens": 4096}, ("enabled", None)),
        (ReasoningWish(budget_tokens=16384), {"reasoning_effort": "high"}, {"max_tokens": 16384}, ("enabled", None)),
        (ReasoningWish("low", visible=False), {"reasoning_effort": "low"}, {"effort": "low", "exclude": True}, None),
    ],
)
def test_how_much_to_think_is_said_in_each_ones_terms(
    wish: ReasoningWish,
    openai: dict[str, Any],
    openrouter: dict[str, Any],
    deepseek: tuple[str, str | None] | None,
) -> None:
    bare = written_request(conversation(), OPENAI)
    assert written_request(conversation(reasoning=wish), OPENAI) == {**bare, **openai}
    assert written_request(conversation(reasoning=wish), OPENROUTER)["reasoning"] == openrouter
    if deepseek is not None:
        body = written_request(conversation(reasoning=wish), DEEPSEEK)
        assert (body["thinking"]["type"], body.get("reasoning_effort")) == deepseek


def test_a_model_at_openrouter_gets_back_what_its_own_maker_signed() -> None:
    turn = Turn(
        "assistant",
        [
            Reasoning("claude's", "s1", Maker.ANTHROPIC),
            Reasoning("gpt's", "s2", Maker.OPENAI, summary=True, id="rs_1"),
            Reasoning("", "s3", Maker.GOOGLE),
            ToolCall("c1", "f", "{}"),
        ],
    )

    def details(model: str) -> list[dict[str, Any]]:
        (message,) = messages_of(turn, flavour=OPENROUTER, model=model)
        found: list[dict[str, Any]] = message.get("reasoning_details", [])
        return found

    assert details("anthropic/claude-sonnet-4.5") == [
        {"type": "reasoning.text", "text": "claude's", "signature": "s1", "format": Maker.ANTHROPIC, "index": 0}
    ]
    assert details("openai/gpt-5.2") == [
        {"type": "reasoning.summary", "summary": "gpt's", "format": Maker.OPENAI, "id": "rs_1", "index": 0},
        {"type": "reasoning.encrypted", "data": "s2", "format": Maker.OPENAI, "id": "rs_1", "index": 1},
    ]
    assert details("google/gemini-3-pro") == [
        {"type": "reasoning.encrypted", "data": "s3", "format": Maker.GOOGLE, "id": "c1", "index": 0}
    ]
    assert details("z-ai/glm-5") == []
    assert len(details("openrouter/auto")) == 4


def test_results_come_first_and_what_they_show_is_shown_behind_them() -> None:
    turn = Turn(
        "user",
        [
            Text("and this?"),
            ToolResult("c1", [Text("seen"), PICTURE]),
            ToolResult("c2", [Text("lost")], is_error=True),
            ToolResult("c3", []),
        ],
    )
    tool_messages, (shown, asked) = (messages_of(turn)[:3], messages_of(turn)[3:])
    assert [message["content"] for message in tool_messages] == [
        "seen",
        [{"type": "text", "text": "Error:"}, {"type": "text", "text": "lost"}],
        "",
    ]
    assert shown == {
        "role": "user",
        "content": [
            {"type": "text", "text": "Returned by the tool call c1:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ],
    }
    assert asked == {"role": "user", "content": "and this?"}


def test_a_call_and_its_result_keep_one_id_however_long_it_was() -> None:
    long = "x" * 41
    answer, result = messages_of(
        Turn("assistant", [ToolCall(long, "f", "{}")]), Turn("user", [ToolResult(long, [Text("1")])])
    )
    assert answer["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) <= 40
    assert messages_of(Turn("user", [ToolResult(long, [])]), flavour=PLAIN)[0]["tool_call_id"] == long


def test_an_end_user_too_long_for_openai_is_known_by_a_digest() -> None:
    body = written_request(conversation(user="u" * 65), OPENAI)
    assert len(body["safety_identifier"]) == 64
    assert body == written_request(conversation(user="u" * 65), OPENAI)
    assert written_request(conversation(user="u" * 65), PLAIN)["user"] == "u" * 65


def test_what_only_another_api_knows_and_what_nobody_may_see_leaves_no_message() -> None:
    assert messages_of(
        Turn("assistant", [Native("gemini", {}), Reasoning("foreign", "s", Maker.GOOGLE)]), Turn("user", [Text("hi")])
    ) == [{"role": "user", "content": "hi"}]


def test_a_refusal_comes_back_as_one_where_that_is_known() -> None:
    turn = Turn("assistant", [Refusal("No.")])
    assert messages_of(turn)[0]["content"] == [{"type": "refusal", "refusal": "No."}]
    assert messages_of(turn, flavour=PLAIN)[0]["content"] == "No."


def test_a_document_of_plain_text_is_text() -> None:
    assert content_of(Document(text="Once", name="Tale", context="old"), flavour=DEEPSEEK) == "Tale\nold\nOnce"


def test_a_files_url_goes_where_it_is_taken() -> None:
    document = Document(Media(url="https://a.example/a.pdf"), name="a.pdf")
    assert content_of(document, flavour=OPENROUTER) == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://a.example/a.pdf"}}
    ]
    with pytest.raises(InvalidRequest) as caught:
        content_of(document)
    assert caught.value.param == "messages[0].content[0]"


def test_web_search_is_asked_for_as_each_one_knows_it() -> None:
    place = {"type": "approximate", "city": "Rome"}
    tool = NativeTool("anthropic_messages", "web_search_20250305", {"user_location": place, "max_uses": 3}, "tools[0]")
    openai, openrouter = (written_request(conversation(native_tools=[tool]), each) for each in (OPENAI, OPENROUTER))
    assert openai["web_search_options"] == {"user_location": {"type": "approximate", "approximate": {"city": "Rome"}}}
    assert openrouter["tools"] == [{"type": "openrouter:web_search", "parameters": {"user_location": place}}]


@pytest.mark.parametrize(
    ("settings", "flavour", "param"),
    [
        ({"top_k": 3}, OPENAI, "top_k"),
        ({"output_format": OutputFormat({})}, DEEPSEEK, "text.format"),
        ({"native_tools": [NativeTool("x", "bash_20250124", {}, "tools[1]")]}, OPENAI, "tools[1]"),
        ({"native_tools": [NativeTool("x", "web_search", {}, "tools[1]")]}, PLAIN, "tools[1]"),
        (
            {"native_tools": [NativeTool("x", "web_search", {"blocked_domains": ["a"]}, "tools[1]")]},
            OPENAI,
            "tools[1].blocked_domains",
        ),
    ],
)
def test_what_a_provider_does_not_take_is_named_as_the_client_calls_it(
    settings: dict[str, Any], flavour: Flavour, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        written_request(conversation(spelling={"output_format": "text.format"}, **settings), flavour)
    assert caught.value.param == param
    assert flavour.title in caught.value.message


@pytest.mark.parametrize(
    ("part", "flavour"),
    [
        (PICTURE, DEEPSEEK),
        (Image(Media(file_id="f")), OPENAI),
        (Audio(Media(data="A", media_type="audio/flac")), OPENAI),
        (Document(text="t", citations=True), OPENAI),
    ],
)
def test_a_part_that_a_provider_does_not_take_is_named_by_its_place(part: Part, flavour: Flavour) -> None:
    with pytest.raises(InvalidRequest) as caught:
        content_of(Text("see"), part, flavour=flavour)
    assert caught.value.param == "messages[0].content[1]"


def test_the_path_is_the_same_for_all() -> None:
    assert ChatProvider(OPENAI).path("m", stream=True) == b"/chat/completions"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":7}', b'{"error":{"message":"x"}}', b"[" * 100_000],
)
def test_what_is_no_answer_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # which one is the JSON reader's
        ChatProvider(PLAIN).decode(body)


def test_an_answer_of_a_failed_provider_is_none() -> None:
    with pytest.raises(ValueError, match="could not finish"):
        ChatProvider(PLAIN).decode(b'{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}')
