"""Chat completions: a conversation in which the gateway runs tools; see `gateway.dialects.tool_turns`.

What the model says in earlier turns the client sees too, as paragraphs of one message. Calls are held until their turn
is over: only then is it known whether they are the client's to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.chat.told_turn import ToldTurn
from gateway.dialects.led_request import Form, LedRequest, Object, is_plainly_free, read_object, read_raws, shown_of
from gateway.dialects.openai_stream import DONE
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.dialects.tool_turns import Definition, WantedCall, add_usage
from gateway.errors import InvalidRequest

_encode: Final = msgspec.json.Encoder().encode
_RUNS_AFTER: Final = frozenset({"tool_calls", "stop"})
"""After any other finish the calls may be cut."""
_PARAGRAPH: Final = "\n\n"
_CUT: Final = "length"


class ChatToolTurns:
    """A `ToolTurns`. Raises InvalidRequest for what cannot be led so."""

    def __init__(self, body: bytes, definitions: Mapping[str, Definition]) -> None:
        self._request = LedRequest(body, definitions, _FORM)
        if self._request.members.get("n", b"1") not in (b"1", b"null"):
            raise InvalidRequest("Invalid 'n': with tools of the gateway there is one answer.", param="n")
        self._texts: list[str] = []
        self._usage: Object = {}
        self._splitter = SseSplitter()
        self._told = ToldTurn()
        self._first: Object = {}
        """What every chunk has in common: the id and the time of the first one."""
        self._said_before = False
        self._broken = False

    def body(self, *, last: bool) -> bytes:
        return self._request.next_turn(last=last)

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        self._request.add_results(results)

    # Whole answers.

    def take(self, answer: bytes) -> list[WantedCall]:
        reply = read_object(answer)
        choice = _first_choice(reply)
        message = choice.get("message") or {}
        wanted = self._go_on(message, message.get("tool_calls") or [], choice.get("finish_reason"))
        if wanted:
            add_usage(self._usage, reply.get("usage"))
            if text := message.get("content"):
                self._texts.append(text)
        return wanted

    def whole(self, answer: bytes) -> bytes:
        reply = read_object(answer)
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
        return shown_of(self._splitter, data, self._see)

    def end_turn(self) -> list[WantedCall]:
        told = self._told
        add_usage(self._usage, told.usage)
        wanted = [] if self._broken else self._go_on(told.message(), told.calls, told.finish_reason)
        if wanted:
            self._said_before = self._said_before or told.has_text
            self._told = ToldTurn()
            self._splitter = SseSplitter()
        return wanted

    def finish(self) -> bytes:
        told = self._told
        if self._broken or told.last is None:
            return b""
        finish, calls = self._clients_own(told.calls, told.finish_reason)
        pieces = [self._chunk({"tool_calls": [{"index": index, **call}]}) for index, call in enumerate(calls)]
        usage_beside = {} if told.usage is None or told.usage_chunk is not None else {"usage": self._usage}
        pieces.append(self._chunk({}, finish, **usage_beside))
        if told.usage_chunk is not None:
            pieces.append(_event({**told.usage_chunk, **self._first, "usage": self._usage}))
        return b"".join([*pieces, DONE])

    def _see(self, raw: bytes, data: bytes | None, chunk: Object | None) -> bytes:
        """What the client may see of an event now."""
        if chunk is None:
            return b"" if data == b"[DONE]" else raw
        if "error" in chunk:
            self._broken = True
            return raw
        if not self._first:
            self._first = {name: chunk[name] for name in ("id", "created") if name in chunk}
        delta = self._told.see(chunk)
        if delta is None:
            return b""
        if self._request.turn > 1:
            delta.pop("role", None)
            delta = {name: value for name, value in delta.items() if value is not None and value != ""}
            if not delta:
                return b""
            if self._said_before and delta.get("content"):
                delta["content"] = _PARAGRAPH + delta["content"]
                self._said_before = False
        return self._chunk(delta, like=chunk)

    def _chunk(self, delta: Object, finish: str | None = None, like: Object | None = None, **members: Any) -> bytes:
        chunk = {**(like or self._told.last or {}), **self._first}
        choice = {**(_first_choice(chunk) if like is not None else {"index": 0}), "delta": delta}
        return _event({**chunk, "choices": [{**choice, "finish_reason": finish}], **members})

    # Both.

    def _go_on(self, message: Object, calls: Sequence[Object], finish: object) -> list[WantedCall]:
        """The message stands in the conversation as the model wrote it."""
        if finish not in _RUNS_AFTER:
            return []
        made = [WantedCall(str(call.get("id")), *_called(call)) for call in calls]
        return self._request.go_on([{**message, "role": "assistant"}], made)

    def _clients_own(self, calls: Sequence[Object], finish: str | None) -> tuple[str | None, list[Object]]:
        """Why the answer ended, and the calls that the client gets."""
        own, is_cut = self._request.clients_own(calls, lambda call: _called(call)[0])
        return _CUT if is_cut and finish in _RUNS_AFTER else finish, own


def _function(tool: Definition) -> object:
    name, description, schema = tool
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _name_in(tool: Object) -> object:
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else None


def _choice(name: str) -> object:
    return {"type": "function", "function": {"name": name}}


def _results(said: Mapping[str, str]) -> list[object]:
    return [{"role": "tool", "tool_call_id": call_id, "content": content} for call_id, content in said.items()]


_FORM: Final = Form(
    history="messages",
    read_history=read_raws,
    function=_function,
    name_in=_name_in,
    choice=_choice,
    no_choice=msgspec.Raw(b'"none"'),
    is_free=is_plainly_free,
    results=_results,
)


def _called(call: Object) -> tuple[str, str]:
    function = call.get("function") or {}
    return str(function.get("name")), str(function.get("arguments") or "{}")


def _first_choice(reply: Object) -> Object:
    choices = reply.get("choices") or [{}]
    return choices[0] if isinstance(choices[0], dict) else {}


def _event(chunk: Object) -> bytes:
    return encode_event(_encode(chunk))
