"""What the sandbox refuses beside what is no request at all: whoever tries something out on it is told of mistakes, not
humoured. The bounds are OpenAI's.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.chat.flavour import SANDBOX
from gateway.dialects.chat.provider_refusals import check_stops, refused, refused_field
from gateway.dialects.conversation import Conversation
from gateway.dialects.reading import invalid

_BOUNDS: Final = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2), "presence_penalty": (-2, 2)}


def check(chat: Conversation) -> None:
    """Raises InvalidRequest that names the field."""
    for tool in chat.native_tools:
        raise refused_field(tool.field, SANDBOX, f"it has no tool like '{tool.type}'.")
    if chat.logprobs is not None:
        raise refused(chat, "logprobs", SANDBOX, "nothing there is a matter of chance.")
    for field, (least, most) in _BOUNDS.items():
        value = getattr(chat, field)
        if value is not None and not least <= value <= most:
            invalid(field, f"expected a number between {least} and {most}")
    if chat.max_tokens is not None and chat.max_tokens < 1:
        invalid(chat.spelling["max_tokens"], "expected at least 1")
    check_stops(chat, SANDBOX)
    _check_choice(chat)


def _check_choice(chat: Conversation) -> None:
    """A choice is one of the tools that are there."""
    choice = chat.tool_choice
    if choice is None:
        return
    field = chat.spelling["tool_choice"]
    if not chat.tools:
        invalid(field, "it is only allowed where tools are given")
    known = {tool.name for tool in chat.tools}
    for name in choice.allowed or filter(None, [choice.name]):
        if name not in known:
            invalid(field, f"no tool is called '{name}'")
