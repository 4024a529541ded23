"""Parts that mingle on the wire, told one after the other.

The part that began first is told as it comes. A call of a function is whole when its arguments are; until then what
belongs to other parts waits. Everything else ends where the next part begins.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from gateway.dialects.answer_events import Added, Cited, Closed, Event, Opened, Signed
from gateway.dialects.conversation import Citation, Part, Text, ToolCall


class Slot:
    """A part that is being told, or waits for it."""

    __slots__ = ("_checked", "_pieces", "events", "key", "part")

    def __init__(self, key: Hashable, part: Part, choice: int) -> None:
        self.key = key
        self.part = part
        self.events: list[Event] = [Opened(part, choice)]
        """What waits to be told of it."""
        self._pieces: list[str] = []
        self._checked = 0

    @property
    def begun(self) -> bool:
        """Whether a call has any arguments."""
        return bool(self._pieces)

    def note(self, piece: str) -> None:
        """More of a call's arguments."""
        self._pieces.append(piece)

    def may_close(self) -> bool:
        """Whether another part may begin; arguments are looked at again only where there are more of them."""
        if not isinstance(self.part, ToolCall):
            return True
        if self._checked == len(self._pieces):
            return False
        self._checked = len(self._pieces)
        try:
            return isinstance(msgspec.json.decode("".join(self._pieces)), dict)
        except (ValueError, RecursionError):
            return False


class PartOrder:
    """The parts of one choice; every method appends the events that can be told to `told`."""

    __slots__ = ("_choice", "_slots")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._slots: list[Slot] = []
        """The one that is being told, then those that wait."""

    def find(self, key: Hashable) -> Slot | None:
        """The part that is still open under this key."""
        for slot in self._slots:
            if slot.key == key:
                return slot
        return None

    def open(self, key: Hashable, part: Part, told: list[Event]) -> Slot:
        """A part begins."""
        slot = Slot(key, part, self._choice)
        self._slots.append(slot)
        if len(self._slots) == 1:
            self._tell(slot, told)
        else:
            self._advance(told)
        return slot

    def add(self, slot: Slot, text: str, told: list[Event]) -> None:
        """More words of a part."""
        if isinstance(slot.part, ToolCall):
            slot.note(text)
        self._say(slot, Added(text, self._choice), told)

    def sign(self, slot: Slot, signature: str, told: list[Event]) -> None:
        """The signature of a reasoning, after which it has nothing more to say."""
        slot.key = None
        self._say(slot, Signed(signature, self._choice), told)

    def cite(self, citation: Citation, told: list[Event]) -> None:
        """A citation for the text that is open; else one without words carries it."""
        slot = next((slot for slot in self._slots if isinstance(slot.part, Text)), None)
        if slot is None:
            slot = self.open("text", Text(""), told)
        self._say(slot, Cited(citation, self._choice), told)

    def close_all(self, told: list[Event]) -> None:
        """The choice ends, and all its parts with it."""
        for slot in self._slots:
            self._tell(slot, told)
            self._close(slot, told)
        self._slots.clear()

    def _say(self, slot: Slot, event: Event, told: list[Event]) -> None:
        if slot is self._slots[0]:
            told.append(event)
        else:
            slot.events.append(event)
            self._advance(told)

    def _advance(self, told: list[Event]) -> None:
        while len(self._slots) > 1 and self._slots[0].may_close():
            self._close(self._slots.pop(0), told)
            self._tell(self._slots[0], told)

    def _tell(self, slot: Slot, told: list[Event]) -> None:
        told += slot.events
        slot.events.clear()

    def _close(self, slot: Slot, told: list[Event]) -> None:
        if isinstance(slot.part, ToolCall) and not slot.begun:
            told.append(Added("{}", self._choice))
        told.append(Closed(self._choice))
