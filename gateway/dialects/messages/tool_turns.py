"""Messages: a conversation in which the gateway runs tools; see `gateway.dialects.tool_turns`.

The client sees one message: the blocks of all turns but for the calls of the gateway's tools, with the id of the first
turn and the usage of all. Calls are held until their turn is over: only then is it known whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.dialects.led_request import Form, LedRequest, Object, read_object, read_raws, shown_of
from gateway.dialects.messages.answer_stream import MESSAGE_STOP
from gateway.dialects.messages.told_blocks import CALL, ToldBlocks
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.dialects.tool_turns import Definition, WantedCall, add_usage

_encode: Final = msgspec.json.Encoder().encode
_CHOICE_FREE: Final = frozenset({"auto", "none"})
_CUT: Final = "max_tokens"
"""Why a message ended whose last turn still called tools of ours: the dialect has no word of its own for it."""


class MessagesToolTurns:
    """A `ToolTurns`. Raises InvalidRequest for what cannot be led so."""

    def __init__(self, body: bytes, definitions: Mapping[str, Definition]) -> None:
        self._request = LedRequest(body, definitions, _FORM)
        self._usage: Object = {}
        self._content: list[Object] = []
        """What the client has seen of the turns before this one."""
        self._first: Object = {}
        """What all turns have in common: the id of the first one."""
        self._stream = _Stream()

    def body(self, *, last: bool) -> bytes:
        return self._request.next_turn(last=last)

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        self._request.add_results(results)

    # Whole answers.

    def take(self, answer: bytes) -> list[WantedCall]:
        return self._take(read_object(answer))

    def whole(self, answer: bytes) -> bytes:
        message = read_object(answer)
        add_usage(self._usage, message.get("usage"))
        content: list[Object] = message["content"]
        own, ending = self._clients_own(content, message.get("stop_reason"))
        said = [block for block in content if block.get("type") != CALL or block in own]
        usage = {"usage": self._usage} if self._usage else {}
        return _encode({**message, **self._first, "content": [*self._content, *said], "stop_reason": ending, **usage})

    # Streams.

    def feed(self, data: bytes) -> bytes:
        return shown_of(self._stream.splitter, data, self._see)

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

    def _see(self, raw: bytes, _: bytes | None, event: Object | None) -> bytes:
        """What the client may see of an event now."""
        stream = self._stream
        if event is None:
            return raw
        match event.get("type"):
            case "message_start":
                stream.begin(event.get("message") or {})
                return raw if self._request.turn == 1 else b""
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
        if message.get("stop_reason") != CALL:
            return []
        calls = [block for block in content if block.get("type") == CALL]
        made = [WantedCall(str(call.get("id")), str(call.get("name")), _written(call.get("input"))) for call in calls]
        wanted = self._request.go_on([{"role": "assistant", "content": content}], made)
        if wanted:
            add_usage(self._usage, message.get("usage"))
            self._content += [block for block in content if block.get("type") != CALL]
        return wanted

    def _clients_own(self, content: Sequence[Object], ending: object) -> tuple[list[Object], object]:
        """The calls that the client gets, and why the answer ended."""
        calls = [block for block in content if block.get("type") == CALL]
        own, is_cut = self._request.clients_own(calls, _name_in)
        return own, _CUT if is_cut and ending == CALL else ending


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


def _function(tool: Definition) -> object:
    name, description, schema = tool
    return {"name": name, "description": description, "input_schema": schema}


def _name_in(tool: Object) -> object:
    return tool.get("name")


def _choice(name: str) -> object:
    return {"type": "tool", "name": name}


def _is_free(choice: msgspec.Raw) -> bool:
    try:
        return read_object(choice).get("type") in _CHOICE_FREE
    except (ValueError, RecursionError):
        return False


def _results(said: Mapping[str, str]) -> list[object]:
    blocks = [{"type": "tool_result", "tool_use_id": call, "content": result} for call, result in said.items()]
    return [{"role": "user", "content": blocks}]


_FORM: Final = Form(
    history="messages",
    read_history=read_raws,
    function=_function,
    name_in=_name_in,
    choice=_choice,
    no_choice=msgspec.Raw(b'{"type":"none"}'),
    is_free=_is_free,
    results=_results,
)


def _call_of(events: Sequence[Object]) -> Object:
    block: Object = events[0].get("content_block") or {}
    return block


def _written(arguments: object) -> str:
    return _encode({} if arguments is None else arguments).decode()


def _event(event: Object) -> bytes:
    return encode_event(_encode(event), str(event.get("type", "")).encode())
