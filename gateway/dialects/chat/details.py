"""OpenRouter's `reasoning_details`, the form in which reasoning and its proofs travel in chat messages.

https://openrouter.ai/docs/use-cases/reasoning-tokens. A detail that stood directly before a tool call names that call
in `id`, or in `tool_call_id` where `id` is taken by the reasoning's own; all others lead the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from gateway.dialects.chat.request_shapes import AssistantMessage, Detail
from gateway.dialects.conversation import Maker, Part, Reasoning, ToolCall

TEXT: Final = "reasoning.text"
SUMMARY: Final = "reasoning.summary"
ENCRYPTED: Final = "reasoning.encrypted"


def is_encrypted(reasoning: Reasoning) -> bool:
    """Whether the signature is all there is; Anthropic also signs thoughts whose text it keeps to itself."""
    return reasoning.redacted or (not reasoning.text and reasoning.maker != Maker.ANTHROPIC)


def describe(reasoning: Reasoning) -> dict[str, Any] | None:
    """The detail for a whole reasoning, but for its index; None where it says nothing."""
    if not reasoning.text and reasoning.signature is None:
        return None
    detail: dict[str, Any]
    if is_encrypted(reasoning):
        detail = {"type": ENCRYPTED, "data": reasoning.signature}
    else:
        detail = {"type": SUMMARY, "summary": reasoning.text} if reasoning.summary else {"type": TEXT}
        if not reasoning.summary:
            detail["text"] = reasoning.text
        if reasoning.signature is not None:
            detail["signature"] = reasoning.signature
    detail["format"] = reasoning.maker
    if reasoning.id is not None:
        detail["id"] = reasoning.id
    return detail


def tie(reasoning: Reasoning, call_id: str) -> dict[str, str]:
    """The member that says before which call the reasoning stood."""
    return {"id": call_id} if reasoning.id is None else {"tool_call_id": call_id}


def with_calls(parts: Iterable[Part]) -> Iterator[tuple[Reasoning, ToolCall | None]]:
    """Every reasoning, and the call directly before which it stands."""
    waiting: list[Reasoning] = []
    for part in parts:
        if isinstance(part, Reasoning):
            waiting.append(part)
            continue
        call = part if isinstance(part, ToolCall) else None
        yield from ((reasoning, call) for reasoning in waiting)
        waiting = []
    yield from ((reasoning, None) for reasoning in waiting)


def details_of(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The details of a whole answer."""
    details: list[dict[str, Any]] = []
    for reasoning, call in with_calls(parts):
        detail = describe(reasoning)
        if detail is not None:
            detail["index"] = len(details)
            if call is not None:
                detail |= tie(reasoning, call.id)
            details.append(detail)
    return details


def read_detail(detail: Detail) -> Reasoning | None:
    """One detail as reasoning; None where it says nothing or nobody knows its kind."""
    maker = detail.format or Maker.UNKNOWN
    match detail.type:
        case "reasoning.text":
            reasoning = Reasoning(detail.text or "", detail.signature or None, maker, id=detail.id)
        case "reasoning.summary":
            reasoning = Reasoning(detail.summary or "", detail.signature or None, maker, summary=True, id=detail.id)
        case "reasoning.encrypted":
            redacted = maker == Maker.ANTHROPIC
            reasoning = Reasoning("", detail.data or None, maker, redacted=redacted, id=detail.id)
        case _:
            return None
    return reasoning if reasoning.text or reasoning.signature else None


def thought(message: AssistantMessage) -> bool:
    """Whether it says anything of what the model thought."""
    return bool(message.reasoning_details or message.reasoning_content or message.reasoning)


def place(message: AssistantMessage, spoken: list[Part], calls: list[ToolCall]) -> list[Part]:
    """An assistant's turn: its reasoning, what it said, its calls, each reasoning where it stood."""
    leading: list[Part] = []
    before: dict[str, list[Part]] = {call.id: [] for call in calls}
    for detail in message.reasoning_details or []:
        reasoning = read_detail(detail)
        if reasoning is None:
            continue
        if detail.id in before:
            reasoning.id = None
            before[detail.id].append(reasoning)
        else:
            before.get(detail.tool_call_id or "", leading).append(reasoning)
    if not leading and not any(before.values()):
        leading += _plain(message)
    parts = leading + spoken
    for call in calls:
        parts += [*before[call.id], call]
    return parts


def _plain(message: AssistantMessage) -> list[Reasoning]:
    if message.reasoning_content:
        return [Reasoning(message.reasoning_content, maker=Maker.DEEPSEEK)]
    return [Reasoning(message.reasoning)] if message.reasoning else []
