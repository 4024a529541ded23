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
from typing import Any, NamedTuple, TypeVar

import msgspec

from gateway.config.expectation import convert, expectation
from gateway.config.mistakes import Mistake, Path, dotted
from gateway.config.secrets import HIDDEN, looks_secret, names_secret
from gateway.config.toml_lines import nearest_line

S = TypeVar("S", bound=msgspec.Struct)

_LONGEST_SHOWN = 60


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
    """Reads one configuration; `mistakes` fills up on the way."""

    def __init__(self, source: str, lines: dict[Path, int], overlay: Mapping[Path, Override]) -> None:
        self.mistakes: list[Mistake] = []
        self._source = source
        self._lines = lines
        self._overlay = overlay
        self._noted: set[Path] = set()
        self._kept: dict[Path, list[int]] = {}

    def struct(self, kind: type[S], table: object, path: Path, base: S | None = None) -> S | None:
        """The table at `path` as `kind`, with what it leaves out from `base`, else the defaults.

        A wrong value is noted and its default taken; None where a setting without a default is wrong or missing.
        """
        if not isinstance(table, dict):
            self.note(path, "a table", table)
            return base
        fields, hints = _settings_of(kind)
        self.refuse_unknown(table, [field.encode_name for field in fields], path)
        values: dict[str, Any] = {}
        complete = True
        for field in fields:
            name = field.encode_name
            before = getattr(base, name, msgspec.UNSET) if base is not None else msgspec.UNSET
            value = self._field(hints[name], table.get(name, msgspec.UNSET), (*path, name), before)
            if value is not msgspec.UNSET:
                values[name] = value
            elif before is not msgspec.UNSET:
                values[name] = before
            elif field.required:
                complete = False
                if name not in table:
                    self.note((*path, name), expectation(hints[name]), msgspec.UNSET)
        return kind(**values) if complete else None

    def structs(self, kind: type[S], tables: object, path: Path) -> tuple[S, ...]:
        """A list of tables; those that cannot be read are noted and left out."""
        if not isinstance(tables, list):
            self.note(path, "a list of tables", tables)
            return ()
        read = {index: self.struct(kind, table, (*path, index)) for index, table in enumerate(tables)}
        self._kept[path] = [index for index, one in read.items() if one is not None]
        return tuple(one for one in read.values() if one is not None)

    def item(self, path: Path, position: int) -> Path:
        """Where in the file the struct stands that `structs` gave back at `position`."""
        return (*path, self._kept.get(path, range(position + 1))[position])

    def tables(self, table: object, path: Path) -> dict[str, Any]:
        """A table whose keys are names of the user's own."""
        if not isinstance(table, dict):
            self.note(path, "a table", table)
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
        """Notes a mistake unless there is one at `path` already."""
        if path not in self._noted:
            self._note_in_file(path, expected, shown)

    def is_wrong(self, path: Path) -> bool:
        """Whether there is a mistake at `path` or within it: what follows from that need not be told too."""
        return any(noted[: len(path)] == path for noted in self._noted)

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
            self._note_override(override, expected, told, hint)

    def _field(self, kind: Any, value: object, path: Path, before: object) -> Any:
        """One setting, or UNSET where nobody says anything usable."""
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            base = before if isinstance(before, kind) else None
            read = self.struct(kind, {} if value is msgspec.UNSET else value, path, base)
            return msgspec.UNSET if read is None else read
        if (item := _struct_item(kind)) is not None:
            return msgspec.UNSET if value is msgspec.UNSET else self.structs(item, value, path)
        if typing.get_origin(kind) is dict and value is not msgspec.UNSET:
            each = typing.get_args(kind)[1]
            values = {key: self._scalar(each, one, (*path, key)) for key, one in self.tables(value, path).items()}
            return {key: one for key, one in values.items() if one is not msgspec.UNSET}
        return self._scalar(kind, value, path)

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
                self._note_override(override, expectation(kind), show(override.text, path))
        return result

    def _note_in_file(self, path: Path, expected: str, told: str, hint: str = "") -> None:
        self._noted.add(path)
        self._add(self._source, dotted(path), expected, told, hint, nearest_line(self._lines, path))

    def _note_override(self, override: Override, expected: str, told: str, hint: str = "") -> None:
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
