"""Decodes tables into structs and keeps going: every mistake is noted, none hides another.

Where the environment or the command line has a say, the overlay's text takes the place of the file's value, and both
are checked.
"""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

from gateway.config.expectation import convert, expectation
from gateway.config.mistakes import Mistake, Path, dotted
from gateway.config.secrets import HIDDEN, looks_secret, names_secret
from gateway.config.toml_lines import nearest_line

S = TypeVar("S", bound=msgspec.Struct)

_LONGEST_SHOWN = 60

STAND_IN: Final = ""
"""In place of a setting that is wrong and has no default, or of a list's wrong item: all of these are texts."""


ENVIRONMENT = "environment"
COMMAND_LINE = "command line"


class Override(NamedTuple):
    """A setting from outside the file."""

    source: str
    """ENVIRONMENT or COMMAND_LINE."""
    name: str
    """The variable or the option."""
    text: str


class Reader:
    """Reads one configuration; `mistakes` fills up on the way.

    Whatever is wrong, something of its type stands in for it, so that all that is beside it can be looked at too. Who
    judges one setting by another asks `is_wrong` of that one first: what follows from a mistake is not told.
    """

    def __init__(self, source: str, lines: dict[Path, int], overlay: Mapping[Path, Override]) -> None:
        self.mistakes: list[Mistake] = []
        self._source = source
        self._lines = lines
        self._overlay = overlay
        self._wrong: set[Path] = set()
        self._wrong_in_file: set[Path] = set()
        self._unread: set[Path] = set()

    def struct(self, kind: type[S], table: object, path: Path, base: S | None = None) -> S:
        """The table at `path` as `kind`, with what it leaves out from `base`, else the defaults."""
        given = self.tables(table, path)
        fields, hints = _settings_of(kind)
        self.refuse_unknown(given, [field.encode_name for field in fields], path)
        values: dict[str, Any] = {}
        for field in fields:
            name = field.encode_name
            before = getattr(base, name, msgspec.UNSET) if base is not None else msgspec.UNSET
            value = self._field(hints[name], given.get(name, msgspec.UNSET), (*path, name), before)
            if value is msgspec.UNSET:
                value = before
            if value is msgspec.UNSET and field.required:
                if not self.is_wrong((*path, name)):
                    self.note((*path, name), expectation(hints[name]), msgspec.UNSET)
                value = STAND_IN
            if value is not msgspec.UNSET:
                values[name] = value
        return kind(**values)

    def structs(self, kind: type[S], tables: object, path: Path) -> tuple[S, ...]:
        """A list of tables."""
        if not isinstance(tables, list):
            self._note_unread(path, "a list of tables", tables)
            return ()
        return tuple(self.struct(kind, table, (*path, index)) for index, table in enumerate(tables))

    def tables(self, table: object, path: Path) -> dict[str, Any]:
        """A table whose keys are names of the user's own."""
        if not isinstance(table, dict):
            self._note_unread(path, "a table", table)
            return {}
        return table

    def refuse_unknown(self, table: Mapping[str, Any], known: Iterable[str], path: Path) -> None:
        """Notes each key that is not a setting, with the nearest one that is."""
        names = list(known)
        for key in table:
            if key not in names:
                found = json.dumps(key, ensure_ascii=False)
                self.note((*path, key), "a known setting", None, _hint(key, names), shown=found)

    def suggest(self, path: Path, expected: str, found: str, known: Iterable[str]) -> None:
        """Notes a name that nobody knows, with the nearest one that somebody does."""
        near = difflib.get_close_matches(found, [name for name in known if name != found], n=1)
        self.note(path, expected, found, f"did you mean {json.dumps(near[0])}?" if near else "")

    def note_once(self, path: Path, expected: str, shown: str) -> None:
        """Notes a mistake in the file unless there is one at `path` or within it already."""
        if not any(noted[: len(path)] == path for noted in self._wrong_in_file):
            self._note_in_file(path, expected, shown)

    def is_wrong(self, *paths: Path) -> bool:
        """Whether there is a mistake at one of `paths` or within it, or nothing there could be read."""
        within = any(noted[: len(path)] == path for noted in self._wrong for path in paths)
        return within or any(self.is_unread(path) for path in paths)

    def is_unread(self, path: Path) -> bool:
        """Whether what stands at `path` or around it is no table, or no list, although it has to be one."""
        return any(path[:length] in self._unread for length in range(1, len(path) + 1))

    def note_variable(self, variable: str, expected: str, shown: str, hint: str = "") -> None:
        """Notes a mistake in a variable that is no setting's override."""
        self._add(ENVIRONMENT, variable, expected, shown, hint)

    def note(self, path: Path, expected: str, found: object, hint: str = "", *, shown: str | None = None) -> None:
        """Notes a mistake at `path`, on whoever has the last word there."""
        told = shown if shown is not None else show(found, path)
        override = self._overlay.get(path)
        if override is None:
            self._note_in_file(path, expected, told, hint)
        else:
            self._note_override(override, path, expected, told, hint)

    def _field(self, kind: Any, value: object, path: Path, before: object) -> Any:
        """One setting, or UNSET where nobody says anything usable."""
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            base = before if isinstance(before, kind) else None
            return self.struct(kind, {} if value is msgspec.UNSET else value, path, base)
        if (item := _struct_item(kind)) is not None:
            return msgspec.UNSET if value is msgspec.UNSET else self.structs(item, value, path)
        within = self._within(kind, value, path)
        # A wrong item has been told of by itself; a list or a table that is wrong as a whole has not.
        return self._scalar(kind, value, path) if within is None else within

    def _within(self, kind: Any, value: object, path: Path) -> Any:
        """A list or a table of single values, where one of them is wrong; None where none is."""
        bare = typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind
        read: Any = None
        if typing.get_origin(bare) is dict and isinstance(value, dict):
            each = typing.get_args(bare)[1]
            values = {key: self._scalar(each, one, (*path, key)) for key, one in value.items()}
            read = {key: one for key, one in values.items() if one is not msgspec.UNSET}
        elif typing.get_origin(bare) in (tuple, list) and isinstance(value, list):
            each = typing.get_args(bare)[0]
            items = [self._scalar(each, one, (*path, index)) for index, one in enumerate(value)]
            read = tuple(STAND_IN if one is msgspec.UNSET else one for one in items)
        return read if self.is_wrong(path) else None

    def _scalar(self, kind: Any, value: object, path: Path) -> Any:
        result: Any = msgspec.UNSET
        if value is not msgspec.UNSET:
            try:
                result = convert(value, kind, from_text=False)
            except msgspec.ValidationError:
                self._note_in_file(path, expectation(kind), show(value, path))
        if (override := self._overlay.get(path)) is not None:
            try:
                result = convert(override.text, kind, from_text=True)
            except msgspec.ValidationError:
                self._note_override(override, path, expectation(kind), show(override.text, path))
        return result

    def _note_unread(self, path: Path, expected: str, found: object) -> None:
        self._unread.add(path)
        self._note_in_file(path, expected, show(found, path))

    def _note_in_file(self, path: Path, expected: str, told: str, hint: str = "") -> None:
        self._wrong.add(path)
        self._wrong_in_file.add(path)
        self._add(self._source, dotted(path), expected, told, hint, nearest_line(self._lines, path))

    def _note_override(self, override: Override, path: Path, expected: str, told: str, hint: str = "") -> None:
        self._wrong.add(path)
        self._add(override.source, override.name, expected, told, hint)

    def _add(self, source: str, key: str, expected: str, told: str, hint: str, line: int | None = None) -> None:
        # Whatever way a key came into a setting, it is not repeated.
        found = HIDDEN if looks_secret(told) else told
        mistake = Mistake(source=source, key=key, expected=expected, found=found, line=line, hint=hint)
        self.mistakes.append(mistake)


@cache
def _settings_of(kind: type[msgspec.Struct]) -> tuple[tuple[msgspec.structs.FieldInfo, ...], dict[str, Any]]:
    """The fields of `kind` and their types, which take a while to work out and are asked for at every table."""
    return msgspec.structs.fields(kind), typing.get_type_hints(kind, include_extras=True)


def show(value: object, path: Path = ()) -> str:
    """`value` as it stands in TOML, shortened; nothing of what may be a secret."""
    if value is msgspec.UNSET:
        return "nothing"
    if _may_hold_secret(path) and not isinstance(value, int | float):
        return HIDDEN
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float | bool) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _hint(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    if names_secret(key) and (not near or near[0].endswith("env")):
        where = f" in {json.dumps(near[0])}" if near else ""
        return f"secrets never stand in this file: name the variable that holds it{where}"
    return f"did you mean {json.dumps(near[0])}?" if near else f"known here: {', '.join(sorted(known))}"


def _may_hold_secret(path: Path) -> bool:
    """Whether people may have put a key itself at `path`, as where its variable's name belongs."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    return names_secret(name) or name == "env" or name.endswith("_env")


def _struct_item(kind: Any) -> type[msgspec.Struct] | None:
    """The struct of which `kind` is a list, else None."""
    if typing.get_origin(kind) is not tuple:
        return None
    item = typing.get_args(kind)[0]
    return item if isinstance(item, type) and issubclass(item, msgspec.Struct) else None
