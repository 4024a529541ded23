"""Responses: a conversation in which the gateway runs tools; see `gateway.dialects.tool_turns`.

The client sees one response: the items of all turns in its output but for the calls of the gateway's tools, with the id
of the first turn's, one row of sequence numbers and the usage of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.dialects.led_request import Form, LedRequest, Object, is_plainly_free, read_object, shown_of
from gateway.dialects.responses.kept import items_of
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.dialects.tool_turns import Definition, WantedCall, add_usage

_encode: Final = msgspec.json.Encoder().encode
_BEGINNINGS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_CALL: Final = "function_call"
_CUT: Final = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
"""What a response is whose last turn still called tools of ours: the specification has no word of its own for it."""


class ResponsesToolTurns:
    """A `ToolTurns`. Raises InvalidRequest for what cannot be led so."""

    def __init__(self, body: bytes, definitions: Mapping[str, Definition]) -> None:
        self._request = LedRequest(body, definitions, _FORM)
        self._usage: Object = {}
        self._output: list[Object] = []
        """What the client has seen of the turns before this one."""
        self._first: Object = {}
        """What all turns' responses have in common: the id and the time of the first one."""
        self._ending: list[Object] = []
        """What the client has of the last turn."""
        self._stream = _Stream()

    def follows(self) -> list[msgspec.Raw]:
        """What stands for the output where the response is continued: the calls that the gateway has run, and their
        results, where they were made. Nothing where there were none.
        """
        worked = self._request.worked
        return [msgspec.Raw(_encode(item)) for item in (*worked, *self._ending)] if worked and self._ending else []

    def body(self, *, last: bool) -> bytes:
        return self._request.next_turn(last=last)

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        self._request.add_results(results)

    # Whole answers.

    def take(self, answer: bytes) -> list[WantedCall]:
        return self._take(read_object(answer))

    def whole(self, answer: bytes) -> bytes:
        return _encode(self._as_one(read_object(answer)))

    # Streams.

    def feed(self, data: bytes) -> bytes:
        return shown_of(self._stream.splitter, data, self._see)

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

    def _see(self, raw: bytes, data: bytes | None, event: Object | None) -> bytes:
        """What the client may see of an event now."""
        stream = self._stream
        if data == b"[DONE]":
            stream.terminator = raw
            return b""
        if event is None:
            return raw
        kind = event.get("type")
        if kind in _ENDS:
            stream.end = event
            return b""
        if kind in _BEGINNINGS:
            if self._request.turn > 1:
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
        if response.get("status") != "completed":
            return []
        calls = [item for item in output if item.get("type") == _CALL]
        made = [
            WantedCall(str(call.get("call_id")), str(call.get("name")), call.get("arguments") or "{}") for call in calls
        ]
        wanted = self._request.go_on(output, made)
        if wanted:
            add_usage(self._usage, response.get("usage"))
            self._output += [item for item in output if item.get("type") != _CALL]
        return wanted

    def _as_one(self, response: Object) -> Object:
        """The final response, with what the client has seen before in it."""
        add_usage(self._usage, response.get("usage"))
        output: list[Object] = response.get("output") or []
        others = [item for item in output if item.get("type") != _CALL]
        own, is_cut = self._request.clients_own([item for item in output if item.get("type") == _CALL], _name_in)
        cut = _CUT if is_cut and response.get("status") == "completed" else {}
        usage = {"usage": self._usage} if self._usage else {}
        self._ending = [*others, *own]
        return {**self._framed(response), "output": [*self._output, *self._ending], **usage, **cut}

    def _framed(self, response: Object) -> Object:
        """With the frame of the first turn."""
        if not self._first:
            self._first = {name: response[name] for name in ("id", "created_at") if name in response}
        return {**response, **self._first}

    def _is_ours(self, events: Sequence[Object]) -> bool:
        item: Object = events[0].get("item") or {}
        return self._request.is_ours(item.get("name"))


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


def _function(tool: Definition) -> object:
    name, description, schema = tool
    return {"type": "function", "name": name, "description": description, "parameters": schema, "strict": False}


def _name_in(tool: Object) -> object:
    return tool.get("name")


def _choice(name: str) -> object:
    return {"type": "function", "name": name}


def _results(said: Mapping[str, str]) -> list[object]:
    return [{"type": "function_call_output", "call_id": call_id, "output": output} for call_id, output in said.items()]


_FORM: Final = Form(
    history="input",
    read_history=items_of,
    function=_function,
    name_in=_name_in,
    choice=_choice,
    no_choice=msgspec.Raw(b'"none"'),
    is_free=is_plainly_free,
    results=_results,
)
