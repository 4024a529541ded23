"""Chat completions: a conversation in which the gateway runs tools; see `gateway.dialects.tool_turns`.

What the model says in earlier turns the client sees too, as paragraphs of one message. Calls are held until their turn
is over: only then is it known whether they are the client's to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.chat.told_turn import ToldTurn
from gateway.dialects.mistakes import unreadable
from gateway.dialects.openai_stream import DONE
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.dialects.tool_turns import DEFERRED, Definition, WantedCall, add_usage, check_names, gateway_tool
from gateway.errors import InvalidRequest

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_raws_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_object_decoder = msgspec.json.Decoder(dict[str, Any])
_encode: Final = msgspec.json.Encoder().encode
_RUNS_AFTER: Final = frozenset({"tool_calls", "stop"})
"""After any other finish the calls may be cut."""
_PARAGRAPH: Final = "\n\n"
_CUT: Final = "length"

Object = dict[str, Any]


class ChatToolTurns:
    """A `ToolTurns`. Raises InvalidRequest for what cannot be led so."""

    def __init__(self, body: bytes, definitions: Mapping[str, Definition]) -> None:
        try:
            self._members = _members_decoder.decode(body)
            self._messages = _raws_decoder.decode(self._members["messages"])
            tools = _raws_decoder.decode(self._members["tools"])
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
        if self._members.get("n", b"1") not in (b"1", b"null"):
            raise InvalidRequest("Invalid 'n': with tools of the gateway there is one answer.", param="n")
        self._names = frozenset(definitions)
        self._members["tools"] = msgspec.Raw(_encode([_function(tool, definitions) for tool in tools]))
        check_names(self._names, (name for tool in tools if (name := _function_name(tool)) is not None))
        self._choose_functions()
        self._texts: list[str] = []
        self._usage: Object = {}
        self._turn = 0
        self._is_last = False
        self._pending: list[WantedCall] = []
        self._deferred: list[str] = []
        self._splitter = SseSplitter()
        self._told = ToldTurn()
        self._first: Object = {}
        """What every chunk has in common: the id and the time of the first one."""
        self._said_before = False
        self._broken = False

    def body(self, *, last: bool) -> bytes:
        self._turn += 1
        self._is_last = last
        members = {**self._members, "messages": msgspec.Raw(_encode(self._messages))}
        if last:
            members["tool_choice"] = msgspec.Raw(b'"none"')
        elif self._turn > 1 and members.get("tool_choice") not in (None, b'"auto"', b'"none"'):
            del members["tool_choice"]  # a call that was forced has been made
        return _encode(members)

    # Whole answers.

    def take(self, answer: bytes) -> list[WantedCall]:
        reply = _object_decoder.decode(answer)
        choice = _first_choice(reply)
        message = choice.get("message") or {}
        wanted = self._wanted(message.get("tool_calls") or [], choice.get("finish_reason"))
        if wanted:
            add_usage(self._usage, reply.get("usage"))
            if text := message.get("content"):
                self._texts.append(text)
            self._go_on(message, wanted)
        return wanted

    def whole(self, answer: bytes) -> bytes:
        reply = _object_decoder.decode(answer)
        add_usage(self._usage, reply.get("usage"))
        if self._usage:
            reply["usage"] = self._usage
        choice = _first_choice(reply)
        message = choice.get("message") or {}
        if self._texts:
            message["content"] = _PARAGRAPH.join([*self._texts, *filter(None, [message.get("content")])])
        if calls := message.pop("tool_calls", None):
            choice["finish_reason"], calls = self._clients_own(calls, choice.get("finish_reason"))
            if calls:
                message["tool_calls"] = calls
        return _encode(reply)

    # Streams.

    def feed(self, data: bytes) -> bytes:
        return b"".join([self._see(raw, data) for raw, data, _ in self._splitter.feed(data)])

    def end_turn(self) -> list[WantedCall]:
        told = self._told
        add_usage(self._usage, told.usage)
        wanted = [] if self._broken else self._wanted(told.calls, told.finish_reason)
        if wanted:
            self._said_before = self._said_before or told.has_text
            self._go_on(told.message(), wanted)
            self._told = ToldTurn()
            self._splitter = SseSplitter()
        return wanted

    def finish(self) -> bytes:
        told = self._told
        if self._broken or told.last is None:
            return b""
        finish, calls = self._clients_own(told.calls, told.finish_reason)
        pieces = [self._chunk({"tool_calls": [{"index": index, **call}]}) for index, call in enumerate(calls)]
        pieces.append(self._chunk({}, finish))
        if told.usage_chunk is not None:
            pieces.append(_event({**told.usage_chunk, **self._first, "usage": self._usage}))
        return b"".join([*pieces, DONE])

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        said = {call.id: result for call, result in results} | dict.fromkeys(self._deferred, DEFERRED)
        for call_id, content in said.items():
            self._messages.append(_raw({"role": "tool", "tool_call_id": call_id, "content": content}))

    def _see(self, raw: bytes, data: bytes | None) -> bytes:
        """What the client may see of an event now."""
        if data is None:
            return raw
        if data == b"[DONE]":
            return b""
        try:
            chunk = _object_decoder.decode(data)
        except (ValueError, RecursionError):
            return raw
        if "error" in chunk:
            self._broken = True
            return raw
        if not self._first:
            self._first = {name: chunk[name] for name in ("id", "created") if name in chunk}
        delta = self._told.see(chunk)
        if delta is None:
            return b""
        if self._turn > 1:
            delta.pop("role", None)
            delta = {name: value for name, value in delta.items() if value is not None and value != ""}
            if not delta:
                return b""
            if self._said_before and delta.get("content"):
                delta["content"] = _PARAGRAPH + delta["content"]
                self._said_before = False
        return self._chunk(delta, like=chunk)

    def _chunk(self, delta: Object, finish: str | None = None, like: Object | None = None) -> bytes:
        chunk = {**(like or self._told.last or {}), **self._first}
        choice = {**(_first_choice(chunk) if like is not None else {"index": 0}), "delta": delta}
        return _event({**chunk, "choices": [{**choice, "finish_reason": finish}]})

    # Both.

    def _wanted(self, calls: Sequence[Object], finish: object) -> list[WantedCall]:
        if finish not in _RUNS_AFTER or self._is_last:
            return []
        made = [WantedCall(str(call.get("id")), *_called(call)) for call in calls]
        return [call for call in made if call.name in self._names]

    def _go_on(self, message: Object, wanted: Sequence[WantedCall]) -> None:
        """The message stands in the conversation as the model wrote it, and each of its calls gets a result."""
        ours = {call.id for call in wanted}
        self._deferred = [str(call.get("id")) for call in message["tool_calls"] if str(call.get("id")) not in ours]
        self._messages.append(_raw({**message, "role": "assistant"}))

    def _clients_own(self, calls: Sequence[Object], finish: str | None) -> tuple[str | None, list[Object]]:
        """The calls that the client gets, and why the answer ended: one of ours that nobody runs any more cuts it."""
        own = [call for call in calls if _called(call)[0] not in self._names]
        return (_CUT if calls and not own and finish in _RUNS_AFTER else finish), own

    def _choose_functions(self) -> None:
        """A tool of ours that the client forces is a function to the model."""
        choice = self._members.get("tool_choice")
        name = None if choice is None else gateway_tool(choice)
        if name is not None:
            self._members["tool_choice"] = _raw({"type": "function", "function": {"name": name}})


def _function(tool: msgspec.Raw, definitions: Mapping[str, Definition]) -> object:
    name = gateway_tool(tool)
    if name is None:
        return tool
    _, description, schema = definitions[name]
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _function_name(tool: msgspec.Raw) -> str | None:
    try:
        function = _object_decoder.decode(tool).get("function")
    except (ValueError, RecursionError):
        return None
    return function.get("name") if isinstance(function, dict) else None


def _called(call: Object) -> tuple[str, str]:
    function = call.get("function") or {}
    return str(function.get("name")), str(function.get("arguments") or "{}")


def _first_choice(reply: Object) -> Object:
    choices = reply.get("choices") or [{}]
    return choices[0] if isinstance(choices[0], dict) else {}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def _event(chunk: Object) -> bytes:
    return encode_event(_encode(chunk))
