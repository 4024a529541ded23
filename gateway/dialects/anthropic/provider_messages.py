"""The turns of a conversation as this API wants them: system apart, roles in turn, results of tools first.

https://platform.claude.com/docs/en/build-with-claude/working-with-messages. Late system turns join the leading ones, in
order: not all models take them where they stand.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.dialects.anthropic.provider_blocks import blocks_of, text_block
from gateway.dialects.anthropic.provider_refusals import unfit
from gateway.dialects.anthropic.provider_wire import (
    Block,
    Message,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Text, Turn
from gateway.errors import InvalidRequest


class Messages(NamedTuple):
    system: list[TextBlock]
    messages: list[Message]


def messages_of(turns: list[Turn], *, prefills: bool) -> Steps[Messages]:
    """The conversation, in a step for each turn; `prefills` where the model continues a last text of the assistant.

    Raises InvalidRequest for what this API does not take.
    """
    system: list[TextBlock] = []
    messages: list[Message] = []
    last: Turn | None = None
    for turn in turns:
        if turn.role == "system":
            system += _system_blocks(turn)
        else:
            last = turn
            _append(messages, turn.role, blocks_of(turn))
        yield
    if last is None:
        param = turns[-1].field if turns else "messages"
        raise InvalidRequest("The conversation has no message for the model to answer.", param=param or "messages")
    _check_end(messages, last, prefills=prefills)
    return Messages(system, messages)


def _system_blocks(turn: Turn) -> list[TextBlock]:
    blocks = []
    for index, part in enumerate(turn.parts):
        if not isinstance(part, Text):
            raise unfit(turn, "a system message may hold text alone.", index)
        if (block := text_block(part)) is not None:
            blocks.append(block)
    return blocks


def _append(messages: list[Message], role: str, blocks: list[Block]) -> None:
    """Adds to the last message where it is of the same role; a turn that came to nothing leaves no trace."""
    if not blocks:
        return
    if messages and messages[-1].role != role:
        _close(messages)
    if messages and messages[-1].role == role:
        messages[-1].content += blocks
    else:
        messages.append(Message(role, blocks))


def _follows_results(block: Block) -> bool:
    return not isinstance(block, ToolResultBlock)


def _close(messages: list[Message]) -> None:
    """Results come first in a message of the user.

    One of the assistant may not end with what it thought; where it came to nothing more, it goes.
    """
    message = messages[-1]
    if message.role == "user":
        message.content.sort(key=_follows_results)
        return
    while message.content and isinstance(message.content[-1], ThinkingBlock | RedactedThinkingBlock):
        message.content.pop()
    if not message.content:
        messages.pop()


def _check_end(messages: list[Message], last: Turn, *, prefills: bool) -> None:
    """What the model is to answer, or to continue."""
    if messages:
        _close(messages)
    if not messages or (last.role == "user" and messages[-1].role != "user"):
        raise unfit(last, "it is empty, and it is what the model is to answer.")
    final = messages[-1].content[-1]
    if messages[-1].role == "user" or not isinstance(final, TextBlock):
        return  # an assistant's message may end with calls, or with a provider's own tool at work
    if not prefills:
        raise unfit(last, "the model does not continue a message of the assistant; the last one must be the user's.")
    final.text = final.text.rstrip()


def is_bare_of_thinking(messages: list[Message]) -> bool:
    """Whether the turn that the model is amid, at its tools or in a prefill, did not begin with signed thinking."""
    first: Message | None = None
    for message in reversed(messages):
        if message.role == "assistant":
            first = message
        elif not all(isinstance(block, ToolResultBlock) for block in message.content):
            break
    return first is not None and not isinstance(first.content[0], ThinkingBlock | RedactedThinkingBlock)


def called_tools(messages: list[Message]) -> list[str]:
    """The names of the functions that were called, each once."""
    calls = (block for message in messages for block in message.content if isinstance(block, ToolUseBlock))
    return list(dict.fromkeys(call.name for call in calls))
