"""Responses: `input` as the pivot's turns.

What a model said in one go are several items here and one turn there: its reasoning, its words and its calls up to
the first item that is not its own. Results of functions that follow each other are one turn as well.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Document, Image, Media, Part, Role, Text, ToolCall, ToolResult, Turn
from gateway.dialects.decoded_weight import check_most, check_parts
from gateway.dialects.fidelity import Dropped
from gateway.dialects.reading import invalid, missing, read_in_slices
from gateway.dialects.responses.fidelity import check_searcher, judge_kind
from gateway.dialects.responses.namespaces import one_name
from gateway.dialects.responses.request_content import read_content, read_reasoning
from gateway.dialects.responses.shapes import AnswerItem, Item
from gateway.errors import InvalidRequest

_ROLES: Final[dict[str | None, Role]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}


class _ItemDecoder:
    """Strict with the client's own words, and not with a model's."""

    type = Item

    def __init__(self) -> None:
        self._strict = msgspec.json.Decoder(Item)
        self._lenient = msgspec.json.Decoder(AnswerItem)

    def decode(self, raw: bytes, /) -> Item:
        try:
            return self._strict.decode(raw)
        except msgspec.ValidationError:
            item = self._lenient.decode(raw)
            if item.is_the_clients:
                raise
            return item


_item_decoder: Final = _ItemDecoder()
_items_decoder: Final = msgspec.json.Decoder(list[Item])


def read_input(given: str | list[msgspec.Raw] | None, target: str) -> Steps[list[Turn]]:
    """The turns of the conversation, in order, a few items a step. Raises InvalidRequest that names the field."""
    if isinstance(given, str):
        return [Turn("user", [Text(given)], field="input")]
    if not given:
        missing("input")
    check_most(given, "input")
    turns: list[Turn] = []
    index = 0
    for items, pieces in read_in_slices(_items_decoder, _item_decoder, given, "input"):
        for item in items:
            turn = _read_item(item, f"input[{index}]", target)
            if turns and _continues(turns[-1], turn):
                turns[-1].parts += turn.parts
                check_parts(turns[-1].parts, f"input[{index}]")
            else:
                turns.append(turn)
            pieces += len(turn.parts) or 1
            index += 1
        yield pieces
    return turns


def _continues(turn: Turn, following: Turn) -> bool:
    # Interleaved, a model's words and calls would part calls from their results, which no provider takes.
    if following.role == "assistant":
        return turn.role == "assistant"
    return _is_result(turn) and _is_result(following)


def _is_result(turn: Turn) -> bool:
    return bool(turn.parts) and isinstance(turn.parts[-1], ToolResult)


def _read_item(item: Item, field: str, target: str) -> Turn:
    match item.type:
        case "message":
            return _read_message(item, field)
        case "reasoning":
            return Turn("assistant", [read_reasoning(item)], field=field)
        case "function_call":
            return Turn("assistant", [_read_call(item, field)], field=field)
        case "function_call_output":
            return Turn("user", [_read_result(item, field)], field=field)
        case "image_generation_call" if item.result:
            drawn = Image(Media(data=item.result, media_type=f"image/{item.output_format or 'png'}"))
            return Turn("assistant", [drawn], field=field)
        case None if item.role is not None:
            return _read_message(item, field)
        case None | "item_reference":
            raise InvalidRequest(f"Item with id '{item.id}' not found.", param=f"{field}.id")
        case other:
            if isinstance(judge_kind("input[]", other, field, target), Dropped):
                check_searcher(item.execution, field, target)
                return Turn("assistant", [], field=field)
            return invalid(field, f"an item of type '{other}' cannot be read without its result")


def _read_message(item: Item, field: str) -> Turn:
    role = _ROLES.get(item.role)
    if role is None:
        invalid(f"{field}.role", "expected user, assistant, system or developer")
    return Turn(role, read_content(item.content, f"{field}.content"), field=field)


def _read_call(item: Item, field: str) -> ToolCall:
    if not isinstance(item.arguments, str):
        invalid(f"{field}.arguments", "expected a string")
    name = one_name(item.namespace, _named(item.name, f"{field}.name"))
    return ToolCall(_named(item.call_id, f"{field}.call_id"), name, item.arguments or "{}")


def _read_result(item: Item, field: str) -> ToolResult:
    if isinstance(item.output, dict):
        invalid(f"{field}.output", "expected a string or an array")
    parts = [
        _result_part(part, f"{field}.output[{index}]")
        for index, part in enumerate(read_content(item.output, f"{field}.output"))
    ]
    name = one_name(item.namespace, item.name) if item.name else None
    return ToolResult(_named(item.call_id, f"{field}.call_id"), parts, name=name)


def _result_part(part: Part, field: str) -> Text | Image | Document:
    if isinstance(part, Text | Image | Document):
        return part
    return invalid(field, "a function's output is text, images and files")


def _named(value: str | None, field: str) -> str:
    if not value:
        missing(field)
    return value
