"""The turns of a conversation as Gemini's `systemInstruction` and `contents`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.conversation import (
    Audio,
    Document,
    Image,
    Maker,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.fidelity import GEMINI
from gateway.dialects.gemini.media import WirePart, audio_part, document_parts, image_part
from gateway.dialects.gemini.models import checks_signatures
from gateway.dialects.gemini.refusals import field_of, refuse
from gateway.dialects.gemini.results import result_parts
from gateway.dialects.long_array import PIECES_AT_ONCE, LongArray

UNSIGNED: Final = "skip_thought_signature_validator"
"""In place of a signature that was lost, or that another maker's model never gave.

https://ai.google.dev/gemini-api/docs/thought-signatures
"""

_ROLES: Final = {"user": "user", "assistant": "model"}

_as_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Contents:
    """Gathers turns; consecutive ones of a role become one content, and all that the system says comes first."""

    def __init__(self, model: str) -> None:
        self.system: list[WirePart] = []
        self.contents: LongArray[dict[str, Any]] = LongArray()
        self._checks_signatures = checks_signatures(model)
        self._names: dict[str, str] = {}
        """What was called under which id."""

    def add(self, turns: list[Turn]) -> Steps[None]:
        """Takes all turns, some a step. Raises InvalidRequest that names a turn's field, RecursionError."""
        pieces = 0
        for turn in turns:
            parts = turn.parts
            match turn.role:
                case "user" | "assistant" as role if len(parts) == 1 and type(text := parts[0]) is Text:
                    # What most turns are: it takes the short way.
                    self._append(_ROLES[role], _text_parts(text))
                case "system":
                    self.system += _system_parts(turn)
                case "user":
                    self._append("user", self._user_parts(turn))
                case "assistant":
                    self._append("model", self._model_parts(turn))
            pieces += len(turn.parts) or 1
            if pieces >= PIECES_AT_ONCE:
                self.contents.write(but_last=1)
                yield pieces
                pieces = 0
        self._end_last()

    def _append(self, role: str, parts: list[WirePart]) -> None:
        if not parts:
            return
        contents = self.contents.open
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            self._end_last()
            contents.append({"role": role, "parts": parts})

    def _end_last(self) -> None:
        """Nothing more is added to the last content."""
        contents = self.contents.open
        if self._checks_signatures and contents and contents[-1]["role"] == "model":
            _mark_unsigned(contents[-1])

    def _user_parts(self, turn: Turn) -> list[WirePart]:
        field = field_of(turn)
        parts: list[WirePart] = []
        beside: list[WirePart] = []
        for index, part in enumerate(turn.parts):
            if isinstance(part, Text):
                beside += _text_parts(part)
            elif isinstance(part, ToolResult):
                name = part.name or self._names.get(part.call_id)
                response, *media = result_parts(part, name, field, nests_media=self._checks_signatures)
                parts.append(response)
                beside += media
            else:
                beside += _plain_parts(part, f"{field}.content[{index}]")
        return parts + beside  # results first: they answer the calls right before them

    def _model_parts(self, turn: Turn) -> list[WirePart]:
        """The parts with each signature on what it signed: the part after it, or an empty text at the end."""
        field = field_of(turn)
        parts: list[WirePart] = []
        signature: str | None = None
        for index, part in enumerate(turn.parts):
            if isinstance(part, Reasoning):
                if part.maker != Maker.GOOGLE:
                    continue
                if part.text:
                    parts.append({"text": part.text, "thought": True} | _signed(part.signature))
                elif part.signature is not None:
                    parts += _signature_alone(signature)
                    signature = part.signature
                continue
            if isinstance(part, Text):
                made = _text_parts(part)
            else:
                place = f"{field}.content[{index}]"
                made = [self._call_part(part, field)] if isinstance(part, ToolCall) else _plain_parts(part, place)
            if made and signature is not None:
                made[0]["thoughtSignature"], signature = signature, None
            parts += made
        return parts + _signature_alone(signature)

    def _call_part(self, call: ToolCall, field: str) -> WirePart:
        self._names[call.id] = call.name
        try:
            _as_object(call.arguments or "{}")
        except (ValueError, RecursionError):
            refuse(field, f"the arguments of the call of '{call.name}' are no JSON object.")
        arguments = msgspec.Raw((call.arguments or "{}").encode())
        return {"functionCall": {"id": call.id, "name": call.name, "args": arguments}}


def _system_parts(turn: Turn) -> list[WirePart]:
    parts: list[WirePart] = []
    for part in turn.parts:
        if not isinstance(part, Text):
            refuse(field_of(turn), "what the system says must be text.")
        if part.text:
            parts.append({"text": part.text})
    return parts


def _text_parts(part: Text | Refusal) -> list[WirePart]:
    """A text without words is left out: Gemini refuses it."""
    return [{"text": part.text}] if part.text else []


def _plain_parts(part: Part, field: str) -> list[WirePart]:
    """What has no relation to other parts."""
    match part:
        case Text() | Refusal():
            return _text_parts(part)
        case Image():
            return [image_part(part, field)]
        case Audio():
            return [audio_part(part, field)]
        case Document():
            return document_parts(part, field)
        case Native(dialect=dialect, value=value) if dialect == GEMINI:
            return [dict(value)]
        case Reasoning():
            return []
        case Native(value=value):
            return refuse(field, f"a part of the type '{value.get('type')}' is of another provider's own making.")
        case _:
            return refuse(field, "calls are the model's and results are the user's.")


def _signed(signature: str | None) -> WirePart:
    return {} if signature is None else {"thoughtSignature": signature}


def _signature_alone(signature: str | None) -> list[WirePart]:
    """The signature of a part that has gone, or that never had words."""
    return [] if signature is None else [{"text": "", "thoughtSignature": signature}]


def _mark_unsigned(content: dict[str, Any]) -> None:
    """Of calls made at the same time Gemini signs the first, and asks for that signature alone."""
    for part in content["parts"]:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", UNSIGNED)
            return
