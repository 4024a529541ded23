"""The request of a conversation in which the gateway runs tools, and how it grows: the same in every client dialect.

A `Form` says how a dialect writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from gateway.dialects.mistakes import unreadable
from gateway.dialects.sse import SseSplitter
from gateway.dialects.tool_turns import DEFERRED, Definition, WantedCall, check_names, gateway_tool

T = TypeVar("T")
Object = dict[str, Any]

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
read_raws: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
read_object: Final = msgspec.json.Decoder(Object).decode
"""Raises ValueError, RecursionError for what is none."""
_encode: Final = msgspec.json.Encoder().encode
_NULL: Final = msgspec.Raw(b"null")


ODD: Final = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What reading raises where a provider's answer has a shape that nobody knows."""
See = Callable[[bytes, bytes | None, Object | None], bytes]
"""What the client may see of an event: as it came, its data, and the object that it is, if so."""


class Form(NamedTuple):
    """How a client dialect writes what such a request has."""

    history: str
    """The member that grows with every turn."""
    read_history: Callable[[msgspec.Raw], Sequence[object]]
    """Its members so far. Raises ValueError, RecursionError."""
    function: Callable[[Definition], object]
    """A tool of ours as the model sees it."""
    name_in: Callable[[Object], object]
    """The name of a function of the client's."""
    choice: Callable[[str], object]
    """The model has to call this function."""
    no_choice: msgspec.Raw
    """It may call none."""
    is_free: Callable[[msgspec.Raw], bool]
    """Whether a choice leaves it to the model to call something, or forbids it."""
    results: Callable[[Mapping[str, str]], Sequence[object]]
    """What the calls of a turn have come to, by their ids, as members of the history."""


class LedRequest:
    """One of them, over all its turns."""

    def __init__(self, body: bytes, definitions: Mapping[str, Definition], form: Form) -> None:
        """Raises InvalidRequest for what cannot be led so."""
        try:
            self.members = _members_decoder.decode(body)
            self._history = [*form.read_history(self.members.get(form.history, _NULL))]
            self._begun = len(self._history)
            tools = read_raws(self.members["tools"])
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
        self._form = form
        self._names = frozenset(definitions)
        self._deferred: list[str] = []
        self.turn = 0
        """The present one; the first is 1."""
        self._is_last = False
        """Nothing that this turn calls is run."""
        ours = [gateway_tool(tool) for tool in tools]
        seen = [
            tool if name is None else form.function(definitions[name]) for tool, name in zip(tools, ours, strict=True)
        ]
        self._set("tools", seen)
        check_names(self._names, self._names_of([tool for tool, name in zip(tools, ours, strict=True) if name is None]))
        choice = self.members.get("tool_choice")
        if choice is not None and (forced := gateway_tool(choice)) is not None:
            self._set("tool_choice", form.choice(forced))

    @property
    def worked(self) -> Sequence[object]:
        """What the history has grown by: what was said in turns that are over, and what came of their calls."""
        return self._history[self._begun :]

    def next_turn(self, *, last: bool) -> bytes:
        """The body of the next turn: a call that was forced is forced once, and in the last turn there is none."""
        self.turn += 1
        self._is_last = last
        members = {**self.members, self._form.history: _raw(self._history)}
        choice = members.get("tool_choice")
        if last:
            members["tool_choice"] = self._form.no_choice
        elif self.turn > 1 and choice is not None and not self._form.is_free(choice):
            del members["tool_choice"]
        return _encode(members)

    def is_ours(self, name: object) -> bool:
        """Whether it is a tool that the gateway runs here."""
        return name in self._names

    def go_on(self, said: Sequence[object], made: Sequence[WantedCall]) -> list[WantedCall]:
        """What the gateway runs of the calls that a turn has made; where that is something, the conversation goes on
        after what the turn has said, and each of its calls gets a result.
        """
        wanted = [] if self._is_last else [call for call in made if call.name in self._names]
        if wanted:
            self._history += said
            self._deferred = [call.id for call in made if call.name not in self._names]
        return wanted

    def add_results(self, results: Sequence[tuple[WantedCall, str]]) -> None:
        """What became of the calls that were run; the client's own are put off."""
        said = {call.id: result for call, result in results} | dict.fromkeys(self._deferred, DEFERRED)
        self._history += self._form.results(said)

    def clients_own(self, calls: Sequence[Object], name_in: Callable[[Object], object]) -> tuple[list[Object], bool]:
        """The calls of a final turn that the client gets, and whether ours, which nobody runs any more, are all there
        were: that cuts the answer.
        """
        own = [call for call in calls if name_in(call) not in self._names]
        return own, bool(calls) and not own

    def _names_of(self, tools: Sequence[msgspec.Raw]) -> Iterator[str]:
        """Of the client's own, as far as they have any."""
        for tool in tools:
            with suppress(ValueError, RecursionError):
                name = self._form.name_in(read_object(tool))
                if isinstance(name, str):
                    yield name

    def _set(self, member: str, value: object) -> None:
        self.members[member] = _raw(value)


def shown_of(splitter: SseSplitter, data: bytes, see: See) -> bytes:
    """What the client may see of the events that a piece of a turn's stream ends.

    One of a shape that nobody knows it gets as it came.
    """
    shown = []
    for raw, said, _ in splitter.feed(data):
        try:
            event = None if said is None else read_object(said)
        except (ValueError, RecursionError):
            event = None
        try:
            shown.append(see(raw, said, event))
        except ODD:
            shown.append(raw)
    return b"".join(shown)


def is_plainly_free(choice: msgspec.Raw) -> bool:
    """`Form.is_free` of OpenAI's dialects."""
    return choice in (b'"auto"', b'"none"')


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
