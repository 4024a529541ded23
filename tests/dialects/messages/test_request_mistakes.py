"""Every mistake in a request is a 400 that names the field."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.codec import finish_steps
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, GEMINI, OPENAI_CHAT
from gateway.dialects.messages.client import MessagesClient
from gateway.errors import InvalidRequest
from tests.dialects.messages.asking import HI, mistake, mistake_in

FUNCTION = {"name": "f", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 3}, "model"),
        ({"model": ""}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [HI, {"role": "tool", "content": "hi"}]}, "messages[1].role"),
        ({"messages": [{**HI, "name": "Ann"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": [3]}]}, "messages[0].content[0]"),
        ({"system": 3}, "system"),
        ({"system": [{"type": "text"}]}, "system[0].text"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"metadata": {"user_id": 3}}, "metadata.user_id"),
        ({"metadata": {"name": "Ann"}}, "metadata.name"),
        ({"thinking": {"type": "deep"}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "max_tokens"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml", "schema": {}}}}, "output_config.format.type"),
        ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [FUNCTION, {"name": "f"}]}, "tools[1].input_schema"),
        ({"tools": [{**FUNCTION, "name": 3}]}, "tools[0].name"),
        ({"tools": [{**FUNCTION, "parameters": {}}]}, "tools[0].parameters"),
        ({"n": 2}, "n"),
    ],
)
@pytest.mark.parametrize("target", [OPENAI_CHAT, GEMINI, ANTHROPIC_MESSAGES])
def test_a_wrong_member_is_named(members: dict[str, Any], param: str, target: str) -> None:
    assert mistake(target, **members).param == param


@pytest.mark.parametrize(
    ("block", "below"),
    [
        ({"type": "text"}, ".text"),
        ({"type": "text", "text": 3}, ".text"),
        ({"type": "text", "text": "x", "bold": True}, ".bold"),
        ({"text": "x"}, ".type"),
        ({"type": "video"}, ".type"),
        ({"type": "image"}, ".source"),
        ({"type": "image", "source": {"type": "base64", "data": "x"}}, ".source.media_type"),
        ({"type": "image", "source": {"type": "text", "data": "x"}}, ".source.type"),
        ({"type": "document", "source": {"type": "url"}}, ".source.url"),
        (
            {"type": "document", "source": {"type": "text", "data": "x", "media_type": "text/html"}},
            ".source.media_type",
        ),
        ({"type": "tool_result", "content": "4"}, ".tool_use_id"),
        ({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "thinking"}]}, ".content[0].type"),
        ({"type": "thinking", "thinking": "Hm.", "signature": "EqAB"}, ".type"),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, ".type"),
    ],
)
def test_a_wrong_block_is_named(block: Any, below: str) -> None:
    assert mistake_in(block).param == "messages[0].content[1]" + below


@pytest.mark.parametrize(
    ("block", "below"),
    [
        ({"type": "tool_use", "id": "t", "name": "f", "input": "{}"}, ".input"),
        ({"type": "tool_use", "id": "t", "name": "f"}, ".input"),
        ({"type": "thinking", "thinking": "Hm."}, ".signature"),
        ({"type": "image", "source": {"type": "url", "url": "https://example.org"}}, ".type"),
        ({"type": "tool_result", "tool_use_id": "t"}, ".type"),
    ],
)
def test_so_is_one_of_the_assistants(block: Any, below: str) -> None:
    assert mistake_in(block, "assistant").param == "messages[0].content[1]" + below


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"model": "\xff"}', b"[" * 100_000, b'{"model": "m"} x'], ids=range(7)
)
def test_a_body_that_is_no_request_is_a_mistake_too(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        finish_steps(MessagesClient().decode(body, OPENAI_CHAT))


@pytest.mark.parametrize(
    ("source", "param"),
    [
        (
            {"type": "content", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]},
            "messages[0].content[1].source.content[0]",
        )
    ],
)
def test_an_image_within_a_document_cannot_be_had(source: Any, param: str) -> None:
    problem = mistake_in({"type": "document", "source": source})
    assert problem.param == param
    assert "OpenAI's chat completions" in problem.message


@pytest.mark.parametrize(("target", "name"), [(OPENAI_CHAT, "OpenAI's chat completions"), (GEMINI, "Gemini")])
def test_an_answer_that_the_client_has_begun_is_not_continued_by_others(target: str, name: str) -> None:
    """They would begin anew, and the client would put both together."""
    problem = mistake(target, messages=[HI, {"role": "assistant", "content": "{"}])
    assert problem.param == "messages[1]"
    assert name in problem.message


def test_a_tool_for_anthropics_code_execution_alone_cannot_be_had() -> None:
    problem = mistake(tools=[{**FUNCTION, "allowed_callers": ["code_execution_20260120"]}])
    assert problem.param == "tools[0].allowed_callers"
