"""The turns of a conversation as this API wants them: system apart, roles in turn, results of tools first.

https://platform.claude.com/docs/en/build-with-claude/working-with-messages. Late system turns join the leading ones, in
order: not all models take them where they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

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
from gateway.dialects.long_array import PIECES_AT_ONCE, LongArray
from gateway.errors import InvalidRequest

_THOUGHTS: Final = (ThinkingBlock, RedactedThinkingBlock)
_UNSURE: Final = 2
"""Messages at the end that may still change: more is added to the last, or to the one before where that goes."""


class Messages(NamedTuple):
    system: list[TextBlock]
    messages: list[Message] | msgspec.Raw
    called: Sequence[str]
    """The names of the functions that were called, each once."""
    bare: bool
    """Whether the turn that the model is amid, at its tools or in a prefill, did not begin with signed thinking."""


def messages_of(turns: list[Turn], *, prefills: bool) -> Steps[Messages]:
    """The conversation, turn by turn; `prefills` where the model continues a last text of the assistant.

    Raises InvalidRequest for what this API does not take.
    """
    system: list[TextBlock] = []
    talk = _Talk()
    last: Turn | None = None
    pieces = 0
    for turn in turns:
        if turn.role == "system":
            system += _system_blocks(turn)
        else:
            last = turn
            talk.add(turn.role, blocks_of(turn))
        pieces += len(turn.parts) or 1
        if pieces >= PIECES_AT_ONCE:
            talk.messages.write(but_last=_UNSURE)
            yield pieces
            pieces = 0
    if last is None:
        param = turns[-1].field if turns else "messages"
        raise InvalidRequest("The conversation has no message for the model to answer.", param=param or "messages")
    talk.close()
    _check_end(talk.last, last, prefills=prefills)
    return Messages(system, talk.messages.value(), list(talk.called), talk.bare)


def _system_blocks(turn: Turn) -> list[TextBlock]:
    blocks = []
    for index, part in enumerate(turn.parts):
        if not isinstance(part, Text):
            raise unfit(turn, "a system message may hold text alone.", index)
        if (block := text_block(part)) is not None:
            blocks.append(block)
    return blocks


class _Talk:
    """The messages so far."""

    __slots__ = ("_begun_thinking", "called", "messages")

    def __init__(self) -> None:
        self.messages: LongArray[Message] = LongArray()
        self.called: dict[str, None] = {}
        self._begun_thinking: bool | None = None
        """Whether the model's present turn began with signed thinking; None where it has none."""

    @property
    def last(self) -> Message | None:
        return self.messages.open[-1] if self.messages.open else None

    @property
    def bare(self) -> bool:
        return self._begun_thinking is False

    def add(self, role: str, blocks: list[Block]) -> None:
        """Adds to the last message where it is of the same role; a turn that came to nothing leaves no trace."""
        if not blocks:
            return
        messages = self.messages.open
        if messages and messages[-1].role != role:
            self.close()  # which may take it away
        if messages and messages[-1].role == role:
            messages[-1].content += blocks
        else:
            messages.append(Message(role, blocks))

    def close(self) -> None:
        """The last message is whole: results come first in one of the user.

        One of the assistant may not end with what it thought; where it came to nothing more, it goes.
        """
        message = self.last
        if message is None:
            return
        content = message.content
        if message.role == "user":
            if len(content) > 1:
                content.sort(key=_follows_results)
            if not isinstance(content[-1], ToolResultBlock):
                self._begun_thinking = None
            return
        while content and isinstance(content[-1], _THOUGHTS):
            content.pop()
        if not content:
            self.messages.open.pop()
            return
        if self._begun_thinking is None:
            self._begun_thinking = isinstance(content[0], _THOUGHTS)
        for block in content:
            if isinstance(block, ToolUseBlock):
                self.called[block.name] = None


def _follows_results(block: Block) -> bool:
    return not isinstance(block, ToolResultBlock)


def _check_end(message: Message | None, last: Turn, *, prefills: bool) -> None:
    """What the model is to answer, or to continue."""
    if message is None or (last.role == "user" and message.role != "user"):
        raise unfit(last, "it is empty, and it is what the model is to answer.")
    final = message.content[-1]
    if message.role == "user" or not isinstance(final, TextBlock):
        return  # an assistant's message may end with calls, or with a provider's own tool at work
    if not prefills:
        raise unfit(last, "the model does not continue a message of the assistant; the last one must be the user's.")
    final.text = final.text.rstrip()
