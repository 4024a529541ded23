"""Responses: a conversation in which the gateway runs tools; see `gateway.dialects.tool_turns`.

The client sees one response: the items of all turns in its output but for the calls of the gateway's tools, with the id
of the first turn's, one row of sequence numbers and the usage of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.mistakes import unreadable
from gateway.dialects.responses.kept import items_of
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.dialects.tool_turns import DEFERRED, Definition, WantedCall, add_usage, check_names, gateway_tool

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_raws_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_object_decoder = msgspec.json.Decoder(dict[str, Any])
_encode: Final = msgspec.json.Encoder().encode
_NULL: Final = msgspec.Raw(b"null")
_BEGINNINGS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_CALL: Final = "function_call"
_CUT: Final = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
"""What a response is whose last turn still called tools of ours: the specification has no word of its own for it."""

Object = dict[str, Any]


class ResponsesToolTurns:
    """A `ToolTurns`. Raises InvalidRequest for what cannot be led so."""

    def __init__(self, body: bytes, definitions: Mapping[str, Definition]) -> None:
        try:
            self._members = _members_decoder.decode(body)
            self._input: list[object] = [*items_of(self._members.get("input", _NULL))]
            tools = _raws_decoder.decode(self._members["tools"])
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
        self._names = frozenset(definitions)
        self._members["tools"] = _raw([_function(tool, definitions) for tool in tools])
        check_names(self._names, (name for tool in tools if (name := _function_name(tool)) is not None))
        choice = self._members.get("tool_choice")
        if choice is not None and (forced := gateway_tool(choice)) is not None:
            self._members["tool_choice"] = _raw({"type": "function", "name": forced})
        self._turn = 0
        self._is_last = False
        self._usage: Object = {}
        self._output: list[Object] = []
        """What the client has seen of the turns before this one."""
        self._deferred: list[str] = []
        self._first: Object = {}
        """What all turns' responses have in common: the id and the time of the first one."""
        self._stream = _Stream()

    def body(self, *, last: bool) -> bytes:
        self._turn += 1
        self._is_last = last
        members = {**self._members, "input": _raw(self._input)}
        if last:
            members["tool_choice"] = msgspec.Raw(b'"none"')
        elif self._turn > 1 and members.get("tool_choice") not in (None, b'"auto"', b'"none"'):
            del members["tool_choice"]  # a call that was forced has been made
        return _encode(members)

    # Whole answers.

    def take(self, answer: bytes) -> list[WantedCall]:
        return self._take(_object_decoder.decode(answer))

    def whole(self, answer: bytes) -> bytes:
        return _encode(self._as_one(_object_decoder.decode(answer)))

    # Streams.

    def feed(self, data: bytes) -> bytes:
        return b"".join([self._see(raw, data) for raw, data, _ in self._stream.splitter.feed(data)])

    def end_turn(self) -> list[WantedCall]:
        stream = self._stream
        if stream.broken or stream.end is None:
            return []
        wanted = self._take(stream.end["response"])
        if wanted:
            stream.next_turn()
        return wanted

    def finish(self) -> bytes:
        stream = self._stream
        if stream.broken or stream.end is None:
            return b""
        response = self._as_one(stream.end["response"])
        kind = "response.incomplete" if response.get("status") == "incomplete" else stream.end["type"]
        pieces = []
        for events in stream.calls.values():
            if not self._is_ours(events):
                place = stream.place()
                pieces += [stream.say({**event, "output_index": place}) for event in events]
        return b"".join([*pieces, stream.say({**stream.end, "type": kind, "response": response}), stream.terminator])

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        said = {call.id: result for call, result in results} | dict.fromkeys(self._deferred, DEFERRED)
        self._input += [
            {"type": "function_call_output", "call_id": call_id, "output": output} for call_id, output in said.items()
        ]

    def _see(self, raw: bytes, data: bytes | None) -> bytes:
        """What the client may see of an event now."""
        stream = self._stream
        if data is None:
            return raw
        if data == b"[DONE]":
            stream.terminator = raw
            return b""
        try:
            event = _object_decoder.decode(data)
        except (ValueError, RecursionError):
            return raw
        kind = event.get("type")
        if kind in _ENDS:
            stream.end = event
            return b""
        if kind in _BEGINNINGS:
            if self._turn > 1:
                return b""
            event["response"] = self._framed(event.get("response") or {})
        elif kind == "error":
            stream.broken = True
        elif not stream.may_show(event):
            return b""
        return stream.say(event)

    # Both.

    def _take(self, response: Object) -> list[WantedCall]:
        self._framed(response)
        output: list[Object] = response.get("output") or []
        calls = [item for item in output if item.get("type") == _CALL]
        if response.get("status") != "completed" or self._is_last:
            return []
        made = [
            WantedCall(str(call.get("call_id")), str(call.get("name")), call.get("arguments") or "{}") for call in calls
        ]
        wanted = [call for call in made if call.name in self._names]
        if wanted:
            add_usage(self._usage, response.get("usage"))
            self._input += output
            self._output += [item for item in output if item.get("type") != _CALL]
            ours = {call.id for call in wanted}
            self._deferred = [call.id for call in made if call.id not in ours]
        return wanted

    def _as_one(self, response: Object) -> Object:
        """The final response, with what the client has seen before in it."""
        add_usage(self._usage, response.get("usage"))
        output: list[Object] = response.get("output") or []
        others = [item for item in output if item.get("type") != _CALL]
        own = [item for item in output if item.get("type") == _CALL and item.get("name") not in self._names]
        cut = _CUT if len(others) + len(own) < len(output) and not own and response.get("status") == "completed" else {}
        usage = {"usage": self._usage} if self._usage else {}
        return {**self._framed(response), "output": [*self._output, *others, *own], **usage, **cut}

    def _framed(self, response: Object) -> Object:
        """With the frame of the first turn."""
        if not self._first:
            self._first = {name: response[name] for name in ("id", "created_at") if name in response}
        return {**response, **self._first}

    def _is_ours(self, events: Sequence[Object]) -> bool:
        item: Object = events[0].get("item") or {}
        return item.get("name") in self._names


class _Stream:
    """The streams of all turns as one: whose events have been seen, and how they are numbered."""

    def __init__(self) -> None:
        self._sequence = 0
        self._items = 0
        self.next_turn()
        self.broken = False

    def next_turn(self) -> None:
        """The next turn's events come by a stream of their own."""
        self.splitter = SseSplitter()
        self.calls: dict[object, list[Object]] = {}
        """The events of each call, by its place in the turn's output: held until the turn is over."""
        self.end: Object | None = None
        """The turn's last event, with its whole response."""
        self.terminator = b""
        self._places: dict[object, int] = {}

    def place(self) -> int:
        """In the client's output, for an item that begins."""
        self._items += 1
        return self._items - 1

    def say(self, event: Object) -> bytes:
        """The event with the next number."""
        event["sequence_number"] = self._sequence
        self._sequence += 1
        return encode_event(_encode(event), str(event.get("type", "")).encode())

    def may_show(self, event: Object) -> bool:
        """Whether the client may see the event now; then its item's place is set."""
        index = event.get("output_index")
        if index is None:
            return True
        if index in self.calls or (event.get("item") or {}).get("type") == _CALL:
            self.calls.setdefault(index, []).append(event)
            return False
        if index not in self._places:
            self._places[index] = self.place()
        event["output_index"] = self._places[index]
        return True


def _function(tool: msgspec.Raw, definitions: Mapping[str, Definition]) -> object:
    name = gateway_tool(tool)
    if name is None:
        return tool
    _, description, schema = definitions[name]
    return {"type": "function", "name": name, "description": description, "parameters": schema, "strict": False}


def _function_name(tool: msgspec.Raw) -> str | None:
    try:
        name = _object_decoder.decode(tool).get("name")
    except (ValueError, RecursionError):
        return None
    return name if isinstance(name, str) and gateway_tool(tool) is None else None


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
