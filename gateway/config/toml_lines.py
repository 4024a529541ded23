"""In which line of a TOML text a key stands. tomli does not say, and a person wants to know.

Good enough to point at a mistake, not a parser: a line within a multi-line string may be taken for a key.
"""

from __future__ import annotations

import re

from gateway.config.mistakes import Path

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_KEY})\s*=")
_PARTS = re.compile(_PART)


def lines_of(text: str) -> dict[Path, int]:
    """Every key path and table header of `text` with its line, counted from 1; the first one counts."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _within_lists(_split(header[2]), counts, opens=header[1] == "[[")
            found.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            found.setdefault((*table, *_split(assignment[1])), number)
    return found


def nearest_line(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the closest table or list around it."""
    for length in range(len(path), 0, -1):
        if (line := lines.get(path[:length])) is not None:
            return line
    return None


def _split(key: str) -> Path:
    return tuple(part.strip("\"'") for part in _PARTS.findall(key))


def _within_lists(name: Path, counts: dict[Path, int], *, opens: bool) -> Path:
    """The header's path with the positions of the lists of tables it lies in."""
    if opens:
        counts[name] = counts.get(name, -1) + 1
    path: Path = ()
    for length in range(1, len(name) + 1):
        path = (*path, name[length - 1])
        if name[:length] in counts:
            path = (*path, counts[name[:length]])
    return path
