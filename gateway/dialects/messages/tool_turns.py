"""Messages: a conversation in which the gateway runs tools; see `gateway.dialects.tool_turns`.

The client sees one message: the blocks of all turns but for the calls of the gateway's tools, with the id of the first
turn and the usage of all. Calls are held until their turn is over: only then is it known whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.messages.answer_stream import MESSAGE_STOP
from gateway.dialects.messages.told_blocks import CALL, ToldBlocks
from gateway.dialects.mistakes import unreadable
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.dialects.tool_turns import DEFERRED, Definition, WantedCall, add_usage, check_names, gateway_tool

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_raws_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_object_decoder = msgspec.json.Decoder(dict[str, Any])
_encode: Final = msgspec.json.Encoder().encode
_CHOICE_FREE: Final = frozenset({"auto", "none"})
_CUT: Final = "max_tokens"
"""Why a message ended whose last turn still called tools of ours: the dialect has no word of its own for it."""

Object = dict[str, Any]


class MessagesToolTurns:
    """A `ToolTurns`. Raises InvalidRequest for what cannot be led so."""

    def __init__(self, body: bytes, definitions: Mapping[str, Definition]) -> None:
        try:
            self._members = _members_decoder.decode(body)
            self._messages: list[object] = [*_raws_decoder.decode(self._members["messages"])]
            tools = _raws_decoder.decode(self._members["tools"])
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
        self._names = frozenset(definitions)
        self._members["tools"] = _raw([_tool(tool, definitions) for tool in tools])
        check_names(self._names, (name for tool in tools if (name := _own_name(tool)) is not None))
        choice = self._members.get("tool_choice")
        if choice is not None and (forced := gateway_tool(choice)) is not None:
            self._members["tool_choice"] = _raw({"type": "tool", "name": forced})
        self._turn = 0
        self._is_last = False
        self._usage: Object = {}
        self._content: list[Object] = []
        """What the client has seen of the turns before this one."""
        self._deferred: list[str] = []
        self._first: Object = {}
        """What all turns have in common: the id of the first one."""
        self._stream = _Stream()

    def body(self, *, last: bool) -> bytes:
        self._turn += 1
        self._is_last = last
        members = {**self._members, "messages": _raw(self._messages)}
        if last:
            members["tool_choice"] = msgspec.Raw(b'{"type":"none"}')
        elif self._turn > 1 and _kind(members.get("tool_choice")) not in _CHOICE_FREE:
            members.pop("tool_choice", None)  # a call that was forced has been made
        return _encode(members)

    # Whole answers.

    def take(self, answer: bytes) -> list[WantedCall]:
        return self._take(_object_decoder.decode(answer))

    def whole(self, answer: bytes) -> bytes:
        message = _object_decoder.decode(answer)
        add_usage(self._usage, message.get("usage"))
        content: list[Object] = message["content"]
        own, ending = self._clients_own(content, message.get("stop_reason"))
        said = [block for block in content if block.get("type") != CALL or block in own]
        usage = {"usage": self._usage} if self._usage else {}
        return _encode({**message, **self._first, "content": [*self._content, *said], "stop_reason": ending, **usage})

    # Streams.

    def feed(self, data: bytes) -> bytes:
        return b"".join([self._see(raw, data) for raw, data, _ in self._stream.splitter.feed(data)])

    def end_turn(self) -> list[WantedCall]:
        stream = self._stream
        if stream.broken or stream.ending is None:
            return []
        wanted = self._take(stream.message())
        if wanted:
            stream.next_turn()
        return wanted

    def finish(self) -> bytes:
        stream = self._stream
        if stream.broken or stream.ending is None:
            return b""
        message = stream.message()
        add_usage(self._usage, message["usage"])
        own, ending = self._clients_own(message["content"], message["stop_reason"])
        ids = {block.get("id") for block in own}
        pieces = [stream.tell(events) for events in stream.told.held.values() if _call_of(events).get("id") in ids]
        delta = {**(stream.ending.get("delta") or {}), "stop_reason": ending}
        pieces.append(_event({**stream.ending, "delta": delta, "usage": self._usage}))
        return b"".join([*pieces, MESSAGE_STOP])

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        said = {call.id: result for call, result in results} | dict.fromkeys(self._deferred, DEFERRED)
        blocks = [{"type": "tool_result", "tool_use_id": call, "content": result} for call, result in said.items()]
        self._messages.append({"role": "user", "content": blocks})

    def _see(self, raw: bytes, data: bytes | None) -> bytes:
        """What the client may see of an event now."""
        stream = self._stream
        if data is None:
            return raw
        try:
            event = _object_decoder.decode(data)
        except (ValueError, RecursionError):
            return raw
        match event.get("type"):
            case "message_start":
                stream.begin(event.get("message") or {})
                return raw if self._turn == 1 else b""
            case "message_delta":
                stream.ending = event
                return b""
            case "message_stop":
                return b""
            case "error":
                stream.broken = True
        return raw if "index" not in event else stream.show(event)

    # Both.

    def _take(self, message: Object) -> list[WantedCall]:
        if not self._first and "id" in message:
            self._first = {"id": message["id"]}
        content: list[Object] = message.get("content") or []
        calls = [block for block in content if block.get("type") == CALL]
        if message.get("stop_reason") != CALL or self._is_last:
            return []
        made = [WantedCall(str(call.get("id")), str(call.get("name")), _written(call.get("input"))) for call in calls]
        wanted = [call for call in made if call.name in self._names]
        if wanted:
            add_usage(self._usage, message.get("usage"))
            self._messages.append({"role": "assistant", "content": content})
            self._content += [block for block in content if block.get("type") != CALL]
            ours = {call.id for call in wanted}
            self._deferred = [call.id for call in made if call.id not in ours]
        return wanted

    def _clients_own(self, content: Sequence[Object], ending: object) -> tuple[list[Object], object]:
        """The calls that the client gets, and why the answer ended: one of ours that nobody runs any more cuts it."""
        calls = [block for block in content if block.get("type") == CALL]
        own = [call for call in calls if call.get("name") not in self._names]
        return own, _CUT if calls and not own and ending == CALL else ending


class _Stream:
    """The streams of all turns as one: what the present one has said, and where its blocks stand in the client's."""

    def __init__(self) -> None:
        self._blocks = 0
        self.next_turn()

    def next_turn(self) -> None:
        """The next turn's events come by a stream of their own."""
        self.splitter = SseSplitter()
        self.told = ToldBlocks()
        self.ending: Object | None = None
        """The event that says why the turn ended."""
        self.broken = False
        self._head: Object = {}
        self._places: dict[object, int] = {}

    def begin(self, message: Object) -> None:
        self._head = message

    def message(self) -> Object:
        """The turn as a whole answer."""
        ending = self.ending or {}
        usage = {**(self._head.get("usage") or {}), **(ending.get("usage") or {})}
        delta = ending.get("delta") or {}
        return {**self._head, "content": self.told.content(), "stop_reason": delta.get("stop_reason"), "usage": usage}

    def show(self, event: Object) -> bytes:
        """An event of a block, in its place of the client's message; nothing where it is held."""
        index = event["index"]
        return self._placed(event) if self.told.see(index, event) else b""

    def tell(self, events: Sequence[Object]) -> bytes:
        """What was held, now."""
        return b"".join([self._placed(event) for event in events])

    def _placed(self, event: Object) -> bytes:
        index = event["index"]
        if index not in self._places:
            self._places[index] = self._blocks
            self._blocks += 1
        return _event({**event, "index": self._places[index]})


def _tool(tool: msgspec.Raw, definitions: Mapping[str, Definition]) -> object:
    name = gateway_tool(tool)
    if name is None:
        return tool
    _, description, schema = definitions[name]
    return {"name": name, "description": description, "input_schema": schema}


def _own_name(tool: msgspec.Raw) -> str | None:
    """Of a tool of the client's."""
    try:
        name = _object_decoder.decode(tool).get("name")
    except (ValueError, RecursionError):
        return None
    return name if isinstance(name, str) and gateway_tool(tool) is None else None


def _kind(choice: msgspec.Raw | None) -> object:
    if choice is None:
        return "auto"
    try:
        return _object_decoder.decode(choice).get("type")
    except (ValueError, RecursionError):
        return None


def _call_of(events: Sequence[Object]) -> Object:
    block: Object = events[0].get("content_block") or {}
    return block


def _written(arguments: object) -> str:
    return _encode({} if arguments is None else arguments).decode()


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def _event(event: Object) -> bytes:
    return encode_event(_encode(event), str(event.get("type", "")).encode())
