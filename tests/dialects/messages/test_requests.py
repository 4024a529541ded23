"""What clients of Messages ask, in the pivot's terms."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import (
    Citation,
    Document,
    Image,
    Maker,
    Media,
    Native,
    NativeTool,
    OutputFormat,
    Reasoning,
    ReasoningWish,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, GEMINI, OPENAI_CHAT, OTHER_CHAT
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.stamps import stamp
from tests.dialects.messages.asking import HI, body, decoded, parts

MARK = {"type": "ephemeral", "ttl": "1h"}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def test_a_conversation_has_its_turns_where_the_client_put_them() -> None:
    conversation = decoded(
        system="Be brief.",
        messages=[
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Go on.", "cache_control": MARK}]},
        ],
    )
    assert conversation.turns == [
        Turn("system", [Text("Be brief.")], field="system"),
        Turn("user", [Text("Hello")], field="messages[0]"),
        Turn("assistant", [Text("Hi.")], field="messages[1]"),
        Turn("system", [Text("Be kind.")], field="messages[2]"),
        Turn("user", [Text("Go on.", cache_control=MARK)], field="messages[3]"),
    ]


def test_a_system_prompt_may_come_in_blocks() -> None:
    blocks = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind.", "cache_control": MARK}]
    assert decoded(system=blocks).turns[0].parts == [Text("Be brief."), Text("Be kind.", cache_control=MARK)]


def test_a_mark_on_the_request_is_one_on_its_last_block() -> None:
    assert decoded(cache_control=MARK).turns[-1].parts == [Text("hi", cache_control=MARK)]


@pytest.mark.parametrize(
    ("source", "media"),
    [
        (PNG, Media(data="iVBORw0K", media_type="image/png")),
        ({"type": "url", "url": "https://example.org/a.png"}, Media(url="https://example.org/a.png")),
        ({"type": "file", "file_id": "file_1"}, Media(file_id="file_1")),
    ],
)
def test_images_come_in_three_ways(source: dict[str, Any], media: Media) -> None:
    assert parts({"type": "image", "source": source, "cache_control": MARK}) == [Image(media, cache_control=MARK)]


@pytest.mark.parametrize(
    ("source", "document"),
    [
        (
            {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            Document(Media(data="JVBERi0=", media_type="application/pdf")),
        ),
        ({"type": "text", "media_type": "text/plain", "data": "Facts."}, Document(text="Facts.")),
        ({"type": "url", "url": "https://example.org/a.pdf"}, Document(Media(url="https://example.org/a.pdf"))),
        ({"type": "file", "file_id": "file_1"}, Document(Media(file_id="file_1"))),
        ({"type": "content", "content": "Facts."}, Document(text="Facts.")),
        (
            {"type": "content", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
            Document(text="One.\nTwo."),
        ),
    ],
)
def test_documents_come_in_five_ways(source: dict[str, Any], document: Document) -> None:
    document.name, document.context, document.citations = "facts.txt", "old", True
    assert parts(
        {
            "type": "document",
            "source": source,
            "title": "facts.txt",
            "context": "old",
            "citations": {"enabled": True},
        }
    ) == [document]


def test_a_search_result_is_a_document_of_text() -> None:
    block = {
        "type": "search_result",
        "source": "https://example.org",
        "title": "Facts",
        "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
    }
    document = Document(text="One.\nTwo.", name="Facts", context="https://example.org")
    assert parts(block) == [document]
    assert parts({"type": "tool_result", "tool_use_id": "t", "content": [block]}) == [ToolResult("t", [document])]


def test_thinking_comes_back_with_its_signature() -> None:
    assert parts(
        {"type": "thinking", "thinking": "Hm.", "signature": "EqAB"},
        {"type": "redacted_thinking", "data": "Eox"},
        {"type": "thinking", "thinking": "", "signature": ""},
        role="assistant",
    ) == [
        Reasoning("Hm.", "EqAB", Maker.ANTHROPIC),
        Reasoning("", "Eox", Maker.ANTHROPIC, redacted=True),
        Reasoning("", None, Maker.ANTHROPIC),
    ]


def test_another_makers_thinking_says_whose_it_is() -> None:
    assert parts(
        {"type": "thinking", "thinking": "Hm.", "signature": stamp(Maker.GOOGLE, "CiQB")},
        {"type": "thinking", "thinking": "Well.", "signature": stamp(Maker.DEEPSEEK, "")},
        {"type": "thinking", "thinking": "So.", "signature": stamp(Maker.OPENAI, "gAAA", id="rs_1", summary=True)},
        role="assistant",
    ) == [
        Reasoning("Hm.", "CiQB", Maker.GOOGLE),
        Reasoning("Well.", None, Maker.DEEPSEEK),
        Reasoning("So.", "gAAA", Maker.OPENAI, summary=True, id="rs_1"),
    ]


def test_a_call_keeps_its_input_as_it_was_written() -> None:
    """A number that a float would change stays what it is."""
    request = body(
        messages=[
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "add", "input": {"a": 1}}]},
            HI,
        ]
    ).replace(b'{"a": 1}', b'{"a": 12345678901234567890.10}')
    conversation = finish_steps(MessagesClient().decode(request, OPENAI_CHAT))
    assert conversation.turns[0].parts == [ToolCall("t", "add", '{"a": 12345678901234567890.10}')]


@pytest.mark.parametrize(
    ("content", "result"),
    [
        ("4", [Text("4")]),
        ("", []),
        (None, []),
        ([{"type": "text", "text": "4"}], [Text("4")]),
        ([{"type": "image", "source": PNG}], [Image(Media(data="iVBORw0K", media_type="image/png"))]),
        (
            [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}],
            [Document(text="x")],
        ),
        ([{"type": "tool_reference", "tool_name": "add"}], [Text("add")]),
    ],
)
def test_a_tools_result_may_be_any_content(content: Any, result: list[Any]) -> None:
    block = {"type": "tool_result", "tool_use_id": "t", "content": content, "is_error": True}
    assert parts(block) == [ToolResult("t", result, is_error=True)]


def test_citations_on_an_earlier_answer_are_kept_for_their_maker() -> None:
    native = {
        "type": "web_search_result_location",
        "url": "https://example.org",
        "title": "Facts",
        "cited_text": "One.",
        "encrypted_index": "Eo8B",
    }
    cited = Citation(
        url="https://example.org", title="Facts", cited_text="One.", native=native, dialect=ANTHROPIC_MESSAGES
    )
    assert parts({"type": "text", "text": "One.", "citations": [native]}, role="assistant") == [Text("One.", (cited,))]


def test_a_citation_that_the_gateway_wrote_is_not_sent_to_anthropic_as_its_own() -> None:
    ours = {
        "type": "web_search_result_location",
        "url": "https://example.org",
        "title": None,
        "cited_text": "",
        "encrypted_index": "",
    }
    [text] = parts({"type": "text", "text": "One.", "citations": [ours]}, role="assistant")
    assert text == Text("One.", (Citation(url="https://example.org", cited_text=""),))


SERVER_TOOL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}


@pytest.mark.parametrize("target", [OPENAI_CHAT, GEMINI])
def test_what_anthropics_own_tools_did_stays_with_anthropic(target: str) -> None:
    """Never a call for the client to run; the words around it go on."""
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    answer: list[dict[str, Any]] = [SERVER_TOOL, found, {"type": "text", "text": "Found."}]
    assert parts(*answer, role="assistant", target=target) == [Text("Found.")]
    assert parts(*answer, role="assistant", target=ANTHROPIC_MESSAGES) == [
        Native(ANTHROPIC_MESSAGES, SERVER_TOOL),
        Native(ANTHROPIC_MESSAGES, found),
        Text("Found."),
    ]


def test_a_compaction_is_its_summary_for_whoever_cannot_read_it() -> None:
    block = {"type": "compaction", "content": "They greeted.", "signature": "EqAB"}
    assert parts(block, role="assistant") == [Text("They greeted.")]
    assert parts({"type": "compaction", "content": None}, role="assistant") == []
    assert parts(block, role="assistant", target=ANTHROPIC_MESSAGES) == [Native(ANTHROPIC_MESSAGES, block)]


def test_functions_and_the_choice_among_them() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"name": "weather", "description": "Now.", "input_schema": schema, "strict": True, "cache_control": MARK}
    conversation = decoded(
        tools=[tool, {"type": "custom", "name": "time", "input_schema": {"type": "object"}, "defer_loading": True}],
        tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
    )
    assert conversation.tools == [
        Tool("weather", "Now.", schema, strict=True, cache_control=MARK),
        Tool("time", parameters={"type": "object"}),
    ]
    assert conversation.tool_choice == ToolChoice("tool", "weather")
    assert conversation.parallel_tool_calls is False


@pytest.mark.parametrize(("type", "mode"), [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_every_way_to_choose(type: str, mode: Any) -> None:
    conversation = decoded(tool_choice={"type": type})
    assert conversation.tool_choice == ToolChoice(mode)
    assert conversation.parallel_tool_calls is None


def test_a_tool_of_anthropics_is_told_to_the_provider_as_written() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "cache_control": MARK}
    assert decoded(ANTHROPIC_MESSAGES, tools=[search]).native_tools == [
        NativeTool(ANTHROPIC_MESSAGES, "web_search_20250305", search, "tools[0]")
    ]
    bare = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    assert decoded(GEMINI, tools=[search]).native_tools == [
        NativeTool(ANTHROPIC_MESSAGES, "web_search_20250305", bare, "tools[0]")
    ]


@pytest.mark.parametrize(
    ("members", "wish"),
    [
        ({}, None),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            ReasoningWish(budget_tokens=2000, enabled=True),
        ),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            ReasoningWish("max", enabled=True, visible=False),
        ),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, ReasoningWish(enabled=True, visible=True)),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, ReasoningWish(enabled=False)),
        ({"thinking": {"type": "between_tools"}}, ReasoningWish(enabled=False)),
        ({"output_config": {"effort": "low"}}, ReasoningWish("low")),
    ],
)
def test_how_much_to_think(members: dict[str, Any], wish: ReasoningWish | None) -> None:
    assert decoded(**members).reasoning == wish


@pytest.mark.parametrize("spelled", ["output_config", "output_format"])
def test_structured_output_in_its_new_and_its_old_place(spelled: str) -> None:
    form = {"type": "json_schema", "schema": CLOSED}
    conversation = decoded(**{spelled: {"format": form} if spelled == "output_config" else form})
    assert conversation.output_format == OutputFormat(CLOSED, strict=True)
    assert conversation.spelling["output_format"].startswith(spelled)


def test_a_schema_with_optional_properties_is_not_asked_for_in_openais_strict_way() -> None:
    """OpenAI would refuse it."""
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {**CLOSED, "required": []}}}}
    schema |= {"required": ["a"], "additionalProperties": False}
    assert decoded(output_format={"type": "json_schema", "schema": schema}).output_format == OutputFormat(schema)


def test_everything_else_that_can_be_set() -> None:
    conversation = decoded(
        OTHER_CHAT,
        max_tokens=100,
        stream=True,
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        service_tier="standard_only",
    )
    assert conversation.max_tokens == 100
    assert conversation.stream is True
    assert (conversation.temperature, conversation.top_p, conversation.top_k) == (0.5, 0.9, 5)
    assert conversation.stop == ["END"]
    assert conversation.user == "u1"
    assert conversation.service_tier == "standard_only"


def test_what_claude_code_sends_passes() -> None:
    """Betas, context management and marks are no reason to refuse it."""
    decoded(
        system=[{"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}}],
        metadata={"user_id": "user_1_account__session_2"},
        thinking={"type": "adaptive"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        output_config={"effort": "medium"},
        betas=["claude-code-20250219"],
        tools=[{"name": "Bash", "input_schema": {"type": "object"}, "eager_input_streaming": True}],
        stream=True,
    )


def test_a_request_is_read_a_few_messages_at_a_time() -> None:
    """Whoever drives it decides when others get their turn; the whole of a small body is nothing to look at twice."""
    talk = [HI, {"role": "assistant", "content": "Hi."}] * 10 + [HI]
    assert list(MessagesClient().decode(body(messages=talk), OPENAI_CHAT)) == [0, 0, 16, 5]
