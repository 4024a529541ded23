"""Chat completions: the turns of a conversation as messages for a provider.

Results of tools come first of their turn and each is a message, for they have to follow the calls at once. Tool
messages hold text alone; an image that a tool returned is shown in a user's message behind them.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from gateway.dialects.chat.details import describe, tie, with_calls
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider_content import ContentWriter
from gateway.dialects.conversation import Image, Maker, Native, Part, Reasoning, Text, ToolCall, ToolResult, Turn
from gateway.dialects.media import image_url

_ID_DIGITS: Final = 32
_MAKERS: Final = {
    "anthropic": Maker.ANTHROPIC,
    "google": Maker.GOOGLE,
    "openai": Maker.OPENAI,
    "x-ai": Maker.XAI,
}
"""By the first part of a model's name at OpenRouter; for all others it says that the maker is unknown."""

Message = dict[str, Any]
Numbered = list[tuple[int, Part]]


class MessageWriter:
    """Writes turns for one model of one provider. Raises InvalidRequest for what that cannot take."""

    __slots__ = ("_flavour", "_maker")

    def __init__(self, flavour: Flavour, model: str) -> None:
        self._flavour = flavour
        self._maker = _maker_of(flavour, model)

    def write(self, turn: Turn) -> list[Message]:
        """The messages for a turn; none where nothing is left of it that this provider may see."""
        numbered: Numbered = [(index, part) for index, part in enumerate(turn.parts) if not isinstance(part, Native)]
        if turn.role == "assistant":
            messages = self._answer(turn, numbered)
        else:
            messages = self._results(turn, numbered)
            rest: Numbered = [(index, part) for index, part in numbered if not isinstance(part, ToolResult | Reasoning)]
            if rest:
                messages.append({"role": turn.role, "content": ContentWriter(turn, self._flavour).write(rest)})
        if turn.name is not None and messages:
            messages[-1]["name"] = turn.name
        return messages

    def _answer(self, turn: Turn, numbered: Numbered) -> list[Message]:
        spoken: Numbered = []
        images: list[Image] = []
        calls: list[ToolCall] = []
        for index, part in numbered:
            if isinstance(part, ToolCall):
                calls.append(part)
            elif isinstance(part, Image) and self._flavour.echo == "reasoning_details":
                images.append(part)
            elif not isinstance(part, Reasoning):
                spoken.append((index, part))
        if not (spoken or images or calls):
            return []
        content = ContentWriter(turn, self._flavour).write(spoken) if spoken else None
        message: Message = {"role": "assistant", "content": content}
        if images:
            message["images"] = [image_url(image.media) for image in images]
        if calls:
            message["tool_calls"] = [self._call(call) for call in calls]
        self._add_reasoning(message, turn.parts)
        return [message]

    def _call(self, call: ToolCall) -> Message:
        function = {"name": call.name, "arguments": call.arguments}
        written: Message = {"id": self._call_id(call.id), "type": "function", "function": function}
        if self._flavour.cache_control and call.cache_control is not None:
            written["cache_control"] = call.cache_control
        return written

    def _add_reasoning(self, message: Message, parts: list[Part]) -> None:
        if self._flavour.echo == "reasoning_content":
            own = [part.text for part in parts if isinstance(part, Reasoning) and part.maker == self._flavour.maker]
            if own:
                message["reasoning_content"] = "".join(own)
        elif self._flavour.echo == "reasoning_details" and (details := self._details(parts)):
            message["reasoning_details"] = details

    def _details(self, parts: list[Part]) -> list[Message]:
        """What the model's own maker signed; what Gemini signed of a call names it."""
        details: list[Message] = []
        for reasoning, call in with_calls(parts):
            if self._maker is not None and reasoning.maker != self._maker:
                continue
            for detail in _as_documented(reasoning):
                detail["index"] = len(details)
                if call is not None and reasoning.maker == Maker.GOOGLE:
                    detail |= tie(reasoning, self._call_id(call.id))
                details.append(detail)
        return details

    def _results(self, turn: Turn, numbered: Numbered) -> list[Message]:
        messages: list[Message] = []
        shown: Numbered = []
        for index, result in numbered:
            if not isinstance(result, ToolResult):
                continue
            call_id = self._call_id(result.call_id)
            messages.append(self._result(turn, index, result, call_id))
            media: Numbered = [(index, part) for part in result.parts if not isinstance(part, Text)]
            if media:
                shown += [(index, Text(f"Returned by the tool call {call_id}:")), *media]
        if shown:
            messages.append({"role": "user", "content": ContentWriter(turn, self._flavour).write(shown)})
        return messages

    def _result(self, turn: Turn, index: int, result: ToolResult, call_id: str) -> Message:
        texts: Numbered = [(index, part) for part in result.parts if isinstance(part, Text)]
        if result.is_error:
            texts.insert(0, (index, Text("Error:")))
        content = ContentWriter(turn, self._flavour).write(texts) if texts else ""
        message: Message = {"role": "tool", "tool_call_id": call_id, "content": content}
        if self._flavour.cache_control and result.cache_control is not None:
            message["cache_control"] = result.cache_control
        return message

    def _call_id(self, call_id: str) -> str:
        """The client's id, or one made from it where the provider takes none so long."""
        longest = self._flavour.longest_call_id
        if longest is None or len(call_id) <= longest:
            return call_id
        return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:_ID_DIGITS]


def _maker_of(flavour: Flavour, model: str) -> str | None:
    """Whose reasoning the model can read; None where the provider is yet to choose a model."""
    if flavour.echo != "reasoning_details":
        return flavour.maker
    owner = model.partition("/")[0]
    return None if owner == "openrouter" else _MAKERS.get(owner, Maker.UNKNOWN)


def _as_documented(reasoning: Reasoning) -> list[Message]:
    """The details that OpenRouter knows: a summary and its signature are two."""
    if reasoning.summary and reasoning.text and reasoning.signature is not None:
        summary = Reasoning(reasoning.text, maker=reasoning.maker, summary=True, id=reasoning.id)
        proof = Reasoning(signature=reasoning.signature, maker=reasoning.maker, redacted=True, id=reasoning.id)
        return [detail for part in (summary, proof) if (detail := describe(part)) is not None]
    detail = describe(reasoning)
    return [] if detail is None else [detail]
