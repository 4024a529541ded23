"""A supervisor's children: their order, their names, and who of them can be found. Nothing here waits or decides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from actors.life import Life, Member
from actors.supervision import Child, ChildSpec, NameTaken, NoSuchChild, Strategy


class Roster:
    """The children in the order of their start, and behind them those that leave. Raises NameTaken for a name twice."""

    def __init__(self, name: str, specs: Sequence[ChildSpec]) -> None:
        self._name = name
        self.members: list[Member] = []
        self.leaving: list[Member] = []
        """They have been replaced or retired: nobody finds them, and nobody starts them again."""
        self._departures = 0
        self._current: dict[str, Child] = {}
        for spec in specs:
            self.add(spec)

    def __iter__(self) -> Iterator[Member]:
        return iter((*self.members, *self.leaving))

    def current(self, name: str) -> Child | None:
        """The ready object that runs under `name` now, if there is one."""
        return self._current.get(name)

    def find(self, name: str) -> Member:
        """Raises NoSuchChild."""
        for member in self.members:
            if member.spec.name == name:
                return member
        raise NoSuchChild(f"{self._name} has no child named {name}")

    def add(self, spec: ChildSpec) -> Member:
        """One more behind the others. Raises NameTaken."""
        if any(member.spec.name == spec.name for member in self.members):
            raise NameTaken(f"{self._name} has a child named {spec.name}")
        member = Member(spec)
        self.members.append(member)
        return member

    def succeed(self, before: Member, spec: ChildSpec) -> Member:
        """A successor in the place of `before`: found first while it starts, and ended last."""
        member = Member(spec)
        member.restarts, member.last_error = before.restarts, before.last_error
        self.members.insert(self.members.index(before), member)
        return member

    def remove(self, member: Member) -> None:
        """Forgets it."""
        self.members.remove(member)

    def see_off(self, member: Member) -> Life | None:
        """It is found no more, and listed under another name for as long as its present life lasts."""
        self.members.remove(member)
        member.due = None
        if member.life is not None:
            self.is_gone(member, member.life)
            self._departures += 1
            member.spec = replace(member.spec, name=f"{member.spec.name}~{self._departures}")
            self.leaving.append(member)
        return member.life

    def companions(self, member: Member, strategy: Strategy) -> list[Member]:
        """The siblings that share its fate and run, or are to run again, in the order of their start."""
        if strategy is Strategy.ONE_FOR_ONE:
            return []
        first = 0 if strategy is Strategy.ONE_FOR_ALL else self.members.index(member)
        return [other for other in self.members[first:] if other is not member and other.wanted]

    def next_due(self) -> float:
        """When somebody is to be started again; infinity where nobody is."""
        return min((member.due for member in self.members if member.due is not None), default=math.inf)

    def is_ready(self, member: Member, child: Child) -> None:
        """It is found from now on."""
        self._current[member.spec.name] = child

    def is_gone(self, member: Member, life: Life) -> None:
        """Nobody finds this object any more; a successor may have taken its place before."""
        if life.child is not None and self._current.get(member.spec.name) is life.child:
            del self._current[member.spec.name]
