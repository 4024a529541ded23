"""Turns and parts as this API wants them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.conversation import (
    Audio,
    Citation,
    Document,
    Image,
    Maker,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.long_array import PIECES_AT_ONCE
from gateway.errors import InvalidRequest
from tests.dialects.anthropic.talking import BOTH, ask, assistant, encoded, messages, system, user

SIGNED = Reasoning("hm", signature="sig", maker=Maker.ANTHROPIC)
CACHED = {"type": "ephemeral"}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def result(name: str, *parts: Any, **more: Any) -> ToolResult:
    return ToolResult(name, [Text(part) if isinstance(part, str) else part for part in parts], **more)


def test_the_plainest_conversation() -> None:
    assert encoded(ask(user("hi")), limit=1000) == {
        "model": "claude-sonnet-4-0",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": [text("hi")]}],
    }


def test_system_turns_stand_apart_wherever_they_stood() -> None:
    body = encoded(ask(system("a"), user("hi"), system(Text("b", cache_control=CACHED)), assistant("x"), user("y")))
    assert body["system"] == [text("a"), text("b", cache_control=CACHED)]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]


def test_a_system_turn_holds_text_alone() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        encoded(ask(system("a", Image(Media(url="https://x/y.png"))), user("hi")))
    assert refusal.value.param == "messages[0].content[1]"


def test_turns_of_one_role_become_one_message() -> None:
    assert messages(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        {"role": "user", "content": [text("a"), text("b")]},
        {"role": "assistant", "content": [text("c"), text("d")]},
        {"role": "user", "content": [text("e")]},
    ]


def test_results_come_before_anything_else_the_user_says() -> None:
    """Also where they were given in several turns, in any order."""
    talk = messages(
        user("go"),
        assistant(ToolCall("t1", "f", "{}"), ToolCall("t2", "g", '{"a": 1.0}')),
        user(result("t2", "two")),
        user("and"),
        user(result("t1", "one", is_error=True)),
    )
    assert talk[1]["content"] == [
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {"a": 1.0}},
    ]
    assert talk[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "t2", "content": [text("two")]},
        {"type": "tool_result", "tool_use_id": "t1", "content": [text("one")], "is_error": True},
        text("and"),
    ]


def test_results_may_hold_images_and_documents() -> None:
    png = Image(Media(data="iVBORw0KGgo=", media_type="image/png"))
    pdf = Document(Media(data="JVBERi0x", media_type="application/pdf"), name="report")
    talk = messages(user("go"), assistant(ToolCall("t", "f", "")), user(result("t", "see", png, pdf, "")))
    assert talk[2]["content"][0]["content"] == [
        text("see"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"},
            "title": "report",
        },
    ]


def test_a_result_may_be_empty() -> None:
    talk = messages(user("go"), assistant(ToolCall("t", "f", "{}")), user(result("t")))
    assert talk[2]["content"] == [{"type": "tool_result", "tool_use_id": "t"}]


@pytest.mark.parametrize("name", ["call/1", "", "ü", "x" * 65])
def test_an_id_that_would_be_refused_goes_by_another_that_is_the_same_for_call_and_result(name: str) -> None:
    talk = messages(
        user("go"), assistant(ToolCall(name, "f", "{}"), ToolCall("t", "f", "{}")), user(result(name), result("t"))
    )
    calls, results = talk[1]["content"], talk[2]["content"]
    assert [call["id"] for call in calls] == [each["tool_use_id"] for each in results]
    assert calls[0]["id"].startswith("toolu_")
    assert len(calls[0]["id"]) <= 64
    assert calls[1]["id"] == "t"


@pytest.mark.parametrize("arguments", ["[1]", "{", '"x"', "null", "{" * 5000])
def test_arguments_that_are_no_object_are_named(arguments: str) -> None:
    with pytest.raises(InvalidRequest, match="arguments of the call of 'f'") as refusal:
        messages(user("go"), assistant("x", ToolCall("t", "f", arguments)), user(result("t")))
    assert refusal.value.param == "messages[1].content[1]"


def test_numbers_in_arguments_keep_their_form() -> None:
    request = ask(user("go"), assistant(ToolCall("t", "f", '{"n": 12345678901234567890123}')), user(result("t")))
    assert encoded(request)["messages"][1]["content"][0]["input"] == {"n": 12345678901234567890123}


def test_empty_texts_and_turns_leave_no_trace() -> None:
    talk = messages(user("a", ""), assistant(" \n"), user("\t"), user("b"))
    assert talk == [{"role": "user", "content": [text("a"), text("b")]}]


@pytest.mark.parametrize("turns", [(user(""),), (user("a"), assistant("b"), user(" "))])
def test_a_model_is_not_asked_to_answer_nothing(turns: tuple[Turn, ...]) -> None:
    """Without the empty message the model would go on with its own."""
    with pytest.raises(InvalidRequest, match="is empty") as refusal:
        messages(*turns)
    assert refusal.value.param == f"messages[{len(turns) - 1}]"


@pytest.mark.parametrize("turns", [[], [system("s")]])
def test_a_conversation_without_messages_is_refused(turns: list[Turn]) -> None:
    request = ask(*turns)
    request.turns = turns
    with pytest.raises(InvalidRequest, match="no message for the model to answer"):
        encoded(request)


def test_what_claude_thought_goes_back_signed_and_in_place() -> None:
    redacted = Reasoning(signature="blob", maker=Maker.ANTHROPIC, redacted=True)
    unseen = Reasoning("", signature="sig2", maker=Maker.ANTHROPIC)
    talk = messages(user("go"), assistant(SIGNED, redacted, "so", unseen, ToolCall("t", "f", "{}")), user(result("t")))
    assert talk[1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
        text("so"),
        {"type": "thinking", "thinking": "", "signature": "sig2"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]


@pytest.mark.parametrize(
    "foreign",
    [Reasoning("hm", signature="s", maker=Maker.GOOGLE), Reasoning("hm", maker=Maker.ANTHROPIC), Reasoning("hm")],
)
def test_what_others_thought_or_nobody_signed_stays_behind(foreign: Reasoning) -> None:
    assert messages(user("a"), assistant(foreign, "b"), user("c"))[1]["content"] == [text("b")]


def test_a_message_does_not_end_with_thinking() -> None:
    assert messages(user("a"), assistant("b", SIGNED), user("c"))[1]["content"] == [text("b")]
    assert messages(user("a"), assistant(SIGNED), user("c")) == [{"role": "user", "content": [text("a"), text("c")]}]


def test_blocks_of_this_api_go_back_as_they_are_and_those_of_others_not_at_all() -> None:
    mine = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    talk = messages(
        user("a"),
        assistant(Native("anthropic_messages", mine), Native("anthropic_messages", found), Native("gemini", {}), "b"),
        user("c"),
    )
    assert talk[1]["content"] == [mine, found, text("b")]


def test_a_turn_that_a_providers_tool_paused_is_sent_back_to_go_on() -> None:
    """It ends with the assistant, and is no prefill."""
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    talk = messages(user("a"), assistant("b", Native("anthropic_messages", use)), model=BOTH)
    assert talk[1]["content"] == [text("b"), use]


def test_citations_of_this_api_go_back_without_the_file_they_name() -> None:
    native = {
        "type": "char_location",
        "cited_text": "x",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    cited = Text(
        "x",
        (
            Citation(native={**native, "file_id": None}, dialect="anthropic_messages"),
            Citation(url="https://x", native={}, dialect="openai_chat"),
        ),
    )
    assert messages(user("a"), assistant(cited), user("c"))[1]["content"] == [text("x", citations=[native])]


def test_a_refusal_is_what_the_assistant_said() -> None:
    assert messages(user("a"), assistant(Refusal("no")), user("c"))[1]["content"] == [text("no")]


@pytest.mark.parametrize(
    ("media", "source"),
    [
        (Media(url="https://x/y.png"), {"type": "url", "url": "https://x/y.png"}),
        (Media(file_id="file_1"), {"type": "file", "file_id": "file_1"}),
        (Media(data="AA==", media_type="image/jpg"), {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}),
        (Media(data="/9j/AA=="), {"type": "base64", "media_type": "image/jpeg", "data": "/9j/AA=="}),
        (Media(data="UklGRg=="), {"type": "base64", "media_type": "image/webp", "data": "UklGRg=="}),
    ],
)
def test_images_by_address_file_and_data(media: Media, source: dict[str, str]) -> None:
    assert messages(user(Image(media, detail="low", cache_control=CACHED)))[0]["content"] == [
        {"type": "image", "source": source, "cache_control": CACHED}
    ]


@pytest.mark.parametrize(
    ("document", "block"),
    [
        (Document(Media(url="https://x/y.pdf")), {"source": {"type": "url", "url": "https://x/y.pdf"}}),
        (Document(Media(file_id="file_1")), {"source": {"type": "file", "file_id": "file_1"}}),
        (
            Document(Media(data="JVBERi0x")),
            {"source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}},
        ),
        (
            Document(Media(data=base64.b64encode("ü".encode()).decode(), media_type="text/csv; charset=utf-8")),
            {"source": {"type": "text", "media_type": "text/plain", "data": "ü"}},
        ),
        (
            Document(text="words", name="n", context="c", citations=True, cache_control=CACHED),
            {
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                "title": "n",
                "context": "c",
                "citations": {"enabled": True},
                "cache_control": CACHED,
            },
        ),
    ],
)
def test_documents_by_address_file_data_and_text(document: Document, block: dict[str, Any]) -> None:
    assert messages(user(document))[0]["content"] == [{"type": "document", **block}]


@pytest.mark.parametrize(
    "part",
    [
        Audio(Media(data="AA=="), "wav"),
        Image(Media(data="AA==", media_type="image/tiff")),
        Image(Media(data="AA==")),
        Image(Media(url="ftp://x")),
        Document(Media(data="AA==", media_type="application/zip")),
        Document(Media(data="!!", media_type="text/plain")),
        Document(Media(data="/w==", media_type="text/plain")),
        Document(),
    ],
)
def test_what_cannot_be_sent_is_named(part: Part) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        messages(user("see", part))
    assert refusal.value.param == "messages[0].content[1]"


def test_the_assistant_holds_no_images() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        messages(user("a"), assistant(Image(Media(url="https://x"))), user("b"))
    assert refusal.value.param == "messages[1].content[0]"


def test_a_last_text_of_the_assistant_is_continued_without_its_trailing_space() -> None:
    assert messages(user("a"), assistant("The answer is \n"))[1]["content"] == [text("The answer is")]


def test_newer_models_do_not_continue_a_text() -> None:
    with pytest.raises(InvalidRequest, match="does not continue") as refusal:
        messages(user("a"), assistant("The answer is"), model=BOTH)
    assert refusal.value.param == "messages[1]"
    assert len(messages(user("a"), assistant(""), model=BOTH)) == 1


def test_a_few_turns_are_a_step() -> None:
    """So that others get their turn while a long conversation is translated."""
    steps = AnthropicProvider().encode(ask(*(user("a") for _ in range(200))), BOTH)
    assert list(steps) == [PIECES_AT_ONCE] * (200 // PIECES_AT_ONCE)
