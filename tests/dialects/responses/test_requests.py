"""Responses requests as conversations: small pairs, written by hand."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import (
    Audio,
    Choice,
    Citation,
    Conversation,
    Document,
    Finish,
    Image,
    Maker,
    Media,
    NativeTool,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningWish,
    Refusal,
    Reply,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, GEMINI, OPENAI_CHAT
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.request_notes import decode_request
from gateway.dialects.stamps import stamp
from gateway.errors import InvalidRequest
from tests.shared_material import Recording, recordings

TARGETS = (OPENAI_CHAT, ANTHROPIC_MESSAGES, GEMINI)


def decoded(target: str = OPENAI_CHAT, **members: Any) -> Conversation:
    body = json.dumps({"model": "m", "input": "hi", **members}).encode()
    return finish_steps(ResponsesClient().decode(body, target))


def turns(*items: dict[str, Any], target: str = OPENAI_CHAT) -> list[Turn]:
    return decoded(target, input=list(items)).turns


def parts(*content: dict[str, Any], role: str = "user", target: str = OPENAI_CHAT) -> list[Part]:
    (turn,) = turns({"role": role, "content": list(content)}, target=target)
    return turn.parts


def refused(target: str = OPENAI_CHAT, **members: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decoded(target, **members)
    return caught.value


def test_a_string_is_one_message_of_the_user() -> None:
    conversation = decoded()
    assert conversation.model == "m"
    assert conversation.turns == [Turn("user", [Text("hi")], field="input")]


def test_instructions_lead_and_developers_speak_as_the_system() -> None:
    found = decoded(
        instructions="Be brief.",
        input=[{"role": "developer", "content": "Rhyme."}, {"type": "message", "role": "user", "content": "hi"}],
    ).turns
    assert found == [
        Turn("system", [Text("Be brief.")], field="instructions"),
        Turn("system", [Text("Rhyme.")], field="input[0]"),
        Turn("user", [Text("hi")], field="input[1]"),
    ]


def test_parts_of_a_message() -> None:
    assert parts(
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "https://a/b.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
        {"type": "input_file", "filename": "b.pdf", "file_data": "CCCC"},
        {"type": "input_file", "file_url": "https://a/c.pdf"},
        {"type": "input_audio", "input_audio": {"data": "DDDD", "format": "mp3"}},
    ) == [
        Text("look"),
        Image(Media(url="https://a/b.png"), "low"),
        Image(Media(data="AAAA", media_type="image/png")),
        Image(Media(file_id="file-1")),
        Document(Media(data="BBBB", media_type="application/pdf"), name="a.pdf"),
        Document(Media(data="CCCC", media_type="application/pdf"), name="b.pdf"),
        Document(Media(url="https://a/c.pdf")),
        Audio(Media(data="DDDD", media_type="audio/mpeg"), "mp3"),
    ]


def test_earlier_words_of_the_model_keep_citations_and_refusals() -> None:
    annotation = {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 3}
    assert parts(
        {"type": "output_text", "text": "yes", "annotations": [annotation], "logprobs": []},
        {"type": "refusal", "refusal": "no"},
        role="assistant",
    ) == [Text("yes", (Citation(url="https://a", title="A", start=0, end=3),)), Refusal("no")]


def test_a_cache_breakpoint_is_a_mark_for_those_who_have_one() -> None:
    """The others leave it out where they write the text; the fidelity table says who does."""
    marked = {"type": "input_text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert parts(marked) == [Text("long", cache_control={"type": "ephemeral"})]


def test_what_a_model_did_in_one_go_is_one_turn_and_so_are_its_results() -> None:
    """Interleaved as some clients send it, calls would stand apart from their results."""
    assert turns(
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"role": "assistant", "content": "First."},
        {"type": "function_call", "call_id": "a", "name": "read", "arguments": '{"p":1}'},
        {"role": "assistant", "content": "Then."},
        {"type": "function_call", "call_id": "b", "name": "view", "arguments": ""},
        {"type": "function_call_output", "call_id": "a", "output": "one"},
        {
            "type": "function_call_output",
            "call_id": "b",
            "output": [{"type": "input_image", "image_url": "https://a/b.png"}],
        },
        {"role": "user", "content": "and?"},
    ) == [
        Turn("user", [Text("go")], field="input[0]"),
        Turn(
            "assistant",
            [
                Reasoning(id="rs_1"),
                Text("First."),
                ToolCall("a", "read", '{"p":1}'),
                Text("Then."),
                ToolCall("b", "view", "{}"),
            ],
            field="input[1]",
        ),
        Turn(
            "user",
            [ToolResult("a", [Text("one")]), ToolResult("b", [Image(Media(url="https://a/b.png"))])],
            field="input[6]",
        ),
        Turn("user", [Text("and?")], field="input[8]"),
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"encrypted_content": "gAAA", "content": []}, Reasoning(signature="gAAA", maker=Maker.OPENAI)),
        (
            {"summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]},
            Reasoning("a\n\nb", summary=True),
        ),
        (
            {
                "content": [{"type": "reasoning_text", "text": "hm"}],
                "encrypted_content": stamp(Maker.ANTHROPIC, "sig"),
            },
            Reasoning("hm", "sig", Maker.ANTHROPIC),
        ),
        (
            {
                "content": [{"type": "reasoning_text", "text": ""}],
                "encrypted_content": stamp(Maker.ANTHROPIC, "sig"),
            },
            Reasoning("", "sig", Maker.ANTHROPIC),
        ),
        (
            {"encrypted_content": stamp(Maker.ANTHROPIC, "data")},
            Reasoning("", "data", Maker.ANTHROPIC, redacted=True),
        ),
        ({"encrypted_content": stamp(Maker.GOOGLE, "sig")}, Reasoning("", "sig", Maker.GOOGLE)),
        (
            {"content": [{"type": "reasoning_text", "text": "hm"}], "encrypted_content": stamp(Maker.DEEPSEEK, "")},
            Reasoning("hm", None, Maker.DEEPSEEK),
        ),
    ],
)
def test_reasoning_says_whose_it_is(item: dict[str, Any], expected: Reasoning) -> None:
    (turn,) = turns({"type": "reasoning", "summary": [], **item})
    assert turn == Turn("assistant", [expected], field="input[0]")


def test_settings() -> None:
    conversation = decoded(
        stream=True,
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.25,
        top_logprobs=2,
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        parallel_tool_calls=False,
        reasoning={"effort": "high", "summary": "auto"},
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        truncation="auto",
        store=False,
        metadata={"a": "b"},
    )
    assert (conversation.stream, conversation.max_tokens) == (True, 9)
    assert (conversation.temperature, conversation.top_p, conversation.logprobs) == (0.5, 0.25, 2)
    assert conversation.parallel_tool_calls is False
    assert conversation.reasoning == ReasoningWish(effort="high", visible=True)
    assert (conversation.verbosity, conversation.output_format) == ("low", OutputFormat({}, "n", None, True))
    assert (conversation.user, conversation.cache_key, conversation.service_tier) == ("s", "k", "flex")
    assert conversation.metadata is None


@pytest.mark.parametrize(
    ("include", "top", "wanted"),
    [(None, None, None), (None, 0, None), (None, 3, 3), (["message.output_text.logprobs"], None, 0)],
)
def test_probabilities_are_asked_for_in_two_ways(include: Any, top: int | None, wanted: int | None) -> None:
    assert decoded(include=include, top_logprobs=top).logprobs == wanted


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputFormat()),
    ],
)
def test_other_formats(given: dict[str, Any], expected: OutputFormat | None) -> None:
    assert decoded(text={"format": given}).output_format == expected


def test_tools_are_the_clients_functions_or_the_providers_own() -> None:
    conversation = decoded(
        tools=[
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
            {"type": "function", "name": "g", "parameters": None, "strict": None},
            {"type": "web_search", "search_context_size": "low"},
        ]
    )
    assert conversation.tools == [Tool("f", "d", {"type": "object"}, True), Tool("g")]
    assert conversation.native_tools == [
        NativeTool("openai_responses", "web_search", {"type": "web_search", "search_context_size": "low"}, "tools[2]")
    ]


CRM = {
    "type": "namespace",
    "name": "crm",
    "description": "All customers.",
    "tools": [
        {"type": "function", "name": "find", "description": "Finds one.", "parameters": {"type": "object"}},
        {"type": "function", "name": "f" * 64},
    ],
}


def test_functions_in_a_namespace_have_one_name_that_fits_and_come_back_with_both() -> None:
    long = "crm__" + "f" * 51 + hashlib.sha256(b"crm__" + b"f" * 64).hexdigest()[:8]
    conversation = decoded(
        tools=[{"type": "function", "name": "find"}, CRM],
        input=[
            {"role": "user", "content": "Who?"},
            {"type": "function_call", "call_id": "c", "namespace": "crm", "name": "find", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "namespace": "crm", "name": "find", "output": "Ann"},
        ],
    )
    assert conversation.tools == [
        Tool("find"),
        Tool("crm__find", "All customers.\n\nFinds one.", {"type": "object"}),
        Tool(long, "All customers."),
    ]
    assert len(long) == 64
    _, called, answered = conversation.turns
    assert called.parts == [ToolCall("c", "crm__find", "{}")]
    assert answered.parts == [ToolResult("c", [Text("Ann")], name="crm__find")]
    said = Reply(
        model="m",
        choices=[Choice([ToolCall(name, name, "{}") for name in ("find", "crm__find", long)], Finish.TOOL_CALLS)],
    )
    frame = Frame("1", 1)
    document = json.loads(ResponsesClient().encode(said, conversation, frame))
    told_so = [(item["name"], item.get("namespace")) for item in document["output"]]
    assert told_so == [("find", None), ("find", "crm"), ("f" * 64, "crm")]


def test_what_cannot_stand_in_a_namespace_is_named() -> None:
    custom = {**CRM, "tools": [{"type": "custom", "name": "x"}]}
    assert refused(tools=[custom]).param == "tools[0].tools[0]"
    assert refused(tools=[{**CRM, "tools": [{"type": "namespace"}]}]).param == "tools[0].tools[0].type"
    assert refused(tools=[{**CRM, "colour": 1}]).param == "tools[0].colour"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", name="f")),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice("required", allowed=["f"]),
        ),
    ],
)
def test_every_way_to_choose_a_tool(given: Any, expected: ToolChoice) -> None:
    assert decoded(tool_choice=given).tool_choice == expected


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": 3}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": 3}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "hologram"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,x"}]}]},
            "input[0].content[0].image_url",
        ),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].id"),
        ({"input": [{"id": "msg_1"}]}, "input[0].id"),
        ({"input": [{"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "i"}]}, "input[0]"),
        ({"input": [{"type": "computer_call", "id": "cu_1", "status": "completed"}]}, "input[0]"),
        ({"input": [{"type": "shell_call_output", "output": [{"stdout": ""}]}]}, "input[0]"),
        ({"input": [{"type": "computer_call_output", "output": {"type": "x"}}]}, "input[0]"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": {}}]}, "input[0].output"),
        (
            {
                "input": [
                    {"type": "function_call_output", "call_id": "c", "output": [{"type": "refusal", "refusal": ""}]}
                ]
            },
            "input[0].output[0]",
        ),
        ({"tools": [{"type": "custom", "name": "c"}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "tool_search", "execution": "client"}]}, "tools[0].execution"),
        ({"tools": [{"type": "function", "name": "f", "parameters": "{}"}]}, "tools[0].parameters"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "x", "tools": []}}, "tool_choice.mode"),
        (
            {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}},
            "tool_choice.tools[0]",
        ),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
        ({"include": ["everything"]}, "include[0]"),
        ({"reasoning": {"effort": 3}}, "reasoning.effort"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"seed": 1}, "seed"),
        ({"model": ""}, "model"),
        ({"metadata": {"a": 1}}, "metadata[...]"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    assert refused(**members).param == param


@pytest.mark.parametrize(
    ("target", "members", "param"),
    [
        (ANTHROPIC_MESSAGES, {"include": ["message.output_text.logprobs"]}, "include[0]"),
        (ANTHROPIC_MESSAGES, {"top_logprobs": 2}, "top_logprobs"),
        (GEMINI, {"max_tool_calls": 2}, "max_tool_calls"),
    ],
)
def test_some_providers_have_less(target: str, members: dict[str, Any], param: str) -> None:
    problem = refused(target, **members)
    assert problem.param == param
    assert {ANTHROPIC_MESSAGES: "Anthropic", GEMINI: "Gemini"}[target] in problem.message


@pytest.mark.parametrize(
    "members",
    [
        {"text": {"verbosity": "medium"}, "top_logprobs": 0, "parallel_tool_calls": True},
        {"prompt": None, "conversation": None, "background": False, "seed": None},
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_values_that_ask_for_nothing_are_taken(target: str, members: dict[str, Any]) -> None:
    assert decoded(target, **members).turns


def with_request(recording: Recording) -> bool:
    return recording.has_request


_NOT_FOR_OTHERS = {
    "dd-trace-py__response_custom_tool_call__0": "tools[0]",
    "pydantic-ai__test_openai_responses.test_openai_previous_response_id_seed_auto_chains_through_retries__2": (
        "previous_response_id"
    ),
    "dd-trace-py__response_with_mixed_prompt_url_stripped__0": "model",
    "pydantic-ai__test_tool_search.test_openai_client_tool_search_streaming__2": "tools[0].execution",
}
_NOT_FOR_ANTHROPIC = {"pydantic-ai__test_openai_instructions_with_responses_logprobs__0": "include[0]"}


@pytest.mark.parametrize(
    "recording", recordings("openai", "deepseek", "openrouter", api="responses", where=with_request)
)
@pytest.mark.parametrize("target", TARGETS)
def test_recorded_requests_are_conversations(recording: Recording, target: str) -> None:
    """Each as it was sent, but for what only OpenAI can do."""
    own = _NOT_FOR_ANTHROPIC if target == ANTHROPIC_MESSAGES else {}
    param = {**_NOT_FOR_OTHERS, **own}.get(recording.folder.name)
    if param is not None:
        with pytest.raises(InvalidRequest) as caught:
            finish_steps(ResponsesClient().decode(recording.request, target))
        assert caught.value.param == param
        return
    sent = json.loads(recording.request)
    conversation = finish_steps(ResponsesClient().decode(recording.request, target))
    assert conversation.model == sent["model"] == decode_request(recording.request).model
    words = [part.text for turn in conversation.turns for part in turn.parts if isinstance(part, Text)]
    assert all(text in recording.request.decode() or json.dumps(text)[1:-1] in json.dumps(sent) for text in words)
    calls = [part for turn in conversation.turns for part in turn.parts if isinstance(part, ToolCall)]
    assert len(calls) == sum(isinstance(item, dict) and item.get("type") == "function_call" for item in sent["input"])
