"""The fidelity tables as a part of ARCHITECTURE.md; `python -m tests.dialects.fidelity_page` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gateway.dialects.chat.fidelity import TABLE as CHAT
from gateway.dialects.chat.flavour import FLAVOURS
from gateway.dialects.embeddings.fidelity import TABLE as EMBEDDINGS
from gateway.dialects.fidelity import (
    AS_IT_IS,
    OPENAI_CHAT,
    OTHER_CHAT,
    SANDBOX,
    TARGET_NAMES,
    Dropped,
    Fate,
    Kept,
    Refused,
    Table,
)
from gateway.dialects.messages.fidelity import TABLE as MESSAGES
from gateway.dialects.responses.fidelity import TABLE as RESPONSES

PAGE = Path(__file__).parents[2] / "ARCHITECTURE.md"
BEGIN, END = "<!-- fidelity: begin -->\n", "<!-- fidelity: end -->\n"
TABLES = {"Chat completions": CHAT, "Responses": RESPONSES, "Messages": MESSAGES, "Embeddings": EMBEDDINGS}

_SHORT = {OPENAI_CHAT: "OpenAI", OTHER_CHAT: "others"}
"""Where the providers that speak chat completions stand side by side."""


def rendered() -> str:
    """All tables; a property that fares alike everywhere shares a row with its fellows."""
    return "\n".join(line for title, table in TABLES.items() for line in _section(title, table)) + "\n"


def with_tables(page: str) -> str:
    """The page with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{rendered()}\n{END}{after}"


def _section(title: str, table: Table) -> Iterator[str]:
    """Whoever takes every property as it was written is named above the table; those of a dialect share a column."""
    yield f"### {title}"
    yield ""
    targets = [target for target in TARGET_NAMES if target != SANDBOX and any(target in row for row in table.values())]
    passed = [column for column in _columns(targets) if any(row[column[0]] is AS_IT_IS for row in table.values())]
    yield f"As the client wrote it to {', '.join(map(_heading, passed))}; to the others as below."
    yield ""
    yield from _exceptions(table, [target for column in passed for target in column])
    columns = [column for column in _columns(targets) if column not in passed]
    yield "| property | " + " | ".join(map(_heading, columns)) + " |"
    yield "|---|" + "---|" * len(columns)
    for names, row in _merged(table):
        yield f"| {names} | " + " | ".join(_column(row, column) for column in columns) + " |"
    yield ""


def _exceptions(table: Table, passed: Sequence[str]) -> Iterator[str]:
    """What does not travel as it was written to those who speak the same dialect."""
    for name, row in sorted(table.items()):
        changed = [target for target in passed if row[target] is not AS_IT_IS]
        if changed:
            yield f"- `{name}` to {_listed(changed)}: {_column(row, changed)}"
            yield ""


def _columns(targets: Sequence[str]) -> Iterator[list[str]]:
    chats = [its.target for its in FLAVOURS if its.target != SANDBOX]
    yield chats
    yield from ([target] for target in targets if target not in chats)


def _merged(table: Table) -> Iterator[tuple[str, Mapping[str, Fate]]]:
    """The rows by name; those within one property that fare alike are one."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, row in sorted(table.items()):
        alike.setdefault((name.rpartition(".")[0] or name, repr(row)), []).append(name)
    for (place, _), (first, *more) in alike.items():
        yield ", ".join([f"`{first}`", *(f"`…{name.removeprefix(place)}`" for name in more)]), table[first]


def _column(row: Mapping[str, Fate], targets: Sequence[str]) -> str:
    """One cell; where those who share a column differ, each is named with its own."""
    by_cell: dict[str, list[str]] = {}
    for target in targets:
        by_cell.setdefault(_cell(row[target]), []).append(target)
    if len(by_cell) == 1:
        return next(iter(by_cell))
    return "<br>".join(f"{_listed(some)}: {cell}" for cell, some in by_cell.items())


def _heading(targets: Sequence[str]) -> str:
    return f"chat completions ({_listed(targets)})" if len(targets) > 1 else TARGET_NAMES[targets[0]]


def _listed(targets: Sequence[str]) -> str:
    return ", ".join(_SHORT.get(target, TARGET_NAMES[target]) for target in targets)


def _cell(fate: Fate) -> str:
    match fate:
        case Refused(reason=reason, idle=idle):
            unless = f" (but for {', '.join(f'`{value!r}`' for value in idle)})" if idle else ""
            return f"**400**{unless}: {_plain(reason)}"
        case Dropped(reason=reason):
            return f"dropped: {_plain(reason)}"
        case Kept(note=note):
            return f"seen to here: {_plain(note)}"
        case _:
            return _plain(fate.note) or "yes"


def _plain(text: str) -> str:
    return text.rstrip(".").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
