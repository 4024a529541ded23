"""Recorded requests as conversations: enough of a reader to ask for the same again."""

from __future__ import annotations

import json
from typing import Any

from gateway.dialects.conversation import (
    Citation,
    Conversation,
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
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

OURS = "anthropic_messages"
_CHOICES = {"auto": "auto", "none": "none", "any": "required", "tool": "tool"}
_NOT_OF_A_CONVERSATION = ("container", "cache_control", "context_management", "betas")
"""Only a client of this very API has words for them, and what it says is passed on as it is."""


def plain(request: dict[str, Any]) -> dict[str, Any]:
    """The request with everything written in one way, and without what is at its default."""
    request = {name: value for name, value in request.items() if name not in _NOT_OF_A_CONVERSATION}
    if isinstance(request.get("system"), str):
        request["system"] = [{"type": "text", "text": request["system"]}]
    request["messages"] = [
        {"role": message["role"], "content": _blocks(message["content"])} for message in request["messages"]
    ]
    if request.get("stream") is False:
        del request["stream"]
    if request.get("tool_choice", {}).get("disable_parallel_tool_use") is False:
        request["tool_choice"] = {"type": "auto"}
    return request


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    blocks = []
    for block in content:
        block = dict(block)
        if block["type"] == "tool_result":
            block["content"] = _blocks(block["content"])
            if block.get("is_error") is False:
                del block["is_error"]
        blocks.append(block)
    return blocks


def conversation(request: dict[str, Any]) -> Conversation:
    """What `plain` left."""
    system = request.get("system", [])
    turns = [Turn("system", [_part(block) for block in system])] if system else []
    turns += [Turn(each["role"], [_part(block) for block in each["content"]]) for each in request["messages"]]
    tools = request.get("tools", [])
    choice = request.get("tool_choice")
    schema = request.get("output_config", {}).get("format", {}).get("schema")
    thinking = request.get("thinking")
    return Conversation(
        model=request["model"],
        turns=turns,
        stream=request.get("stream", False),
        tools=[_tool(tool) for tool in tools if "type" not in tool],
        native_tools=[NativeTool(OURS, tool["type"], tool, "tools") for tool in tools if "type" in tool],
        tool_choice=None if choice is None else ToolChoice(_CHOICES[choice["type"]], choice.get("name")),
        output_format=None if schema is None else OutputFormat(schema),
        reasoning=None if thinking is None else ReasoningWish(budget_tokens=thinking["budget_tokens"]),
        max_tokens=request["max_tokens"],
        temperature=request.get("temperature"),
        stop=request.get("stop_sequences", []),
    )


def _tool(tool: dict[str, Any]) -> Tool:
    return Tool(tool["name"], tool.get("description"), tool["input_schema"], cache_control=tool.get("cache_control"))


def _part(block: dict[str, Any]) -> Part:
    cache = block.get("cache_control")
    match block["type"]:
        case "text":
            return Text(
                block["text"],
                tuple(Citation(native=each, dialect=OURS) for each in block.get("citations") or []),
                cache,
            )
        case "thinking":
            return Reasoning(block["thinking"], block["signature"], Maker.ANTHROPIC)
        case "redacted_thinking":
            return Reasoning(signature=block["data"], maker=Maker.ANTHROPIC, redacted=True)
        case "image":
            return Image(_media(block["source"]), cache_control=cache)
        case "document":
            source, cited = block["source"], block.get("citations")
            is_text = source["type"] == "text"
            return Document(
                None if is_text else _media(source),
                source["data"] if is_text else None,
                block.get("title"),
                citations=cited["enabled"] if cited else None,
            )
        case "tool_use":
            return ToolCall(block["id"], block["name"], json.dumps(block["input"]), cache)
        case "tool_result":
            parts: list[Any] = [_part(each) for each in block["content"]]
            return ToolResult(block["tool_use_id"], parts, block.get("is_error", False), cache_control=cache)
        case _:
            return Native(OURS, block)


def _media(source: dict[str, Any]) -> Media:
    return Media(source.get("url"), source.get("data"), source.get("file_id"), source.get("media_type"))
