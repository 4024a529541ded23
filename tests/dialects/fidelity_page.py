"""The fidelity tables as a part of ARCHITECTURE.md; `python -m tests.dialects.fidelity_page` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.dialects.chat.fidelity import TABLE as CHAT
from gateway.dialects.embeddings.fidelity import TABLE as EMBEDDINGS
from gateway.dialects.fidelity import TARGET_NAMES, Dropped, Fate, Refused, Table
from gateway.dialects.messages.fidelity import TABLE as MESSAGES
from gateway.dialects.responses.fidelity import TABLE as RESPONSES

PAGE = Path(__file__).parents[2] / "ARCHITECTURE.md"
BEGIN, END = "<!-- fidelity: begin -->\n", "<!-- fidelity: end -->\n"
TABLES = {"Chat completions": CHAT, "Responses": RESPONSES, "Messages": MESSAGES, "Embeddings": EMBEDDINGS}


def rendered() -> str:
    """All tables; a property that fares alike everywhere shares a row with its fellows."""
    return "\n".join(line for title, table in TABLES.items() for line in _section(title, table)) + "\n"


def with_tables(page: str) -> str:
    """The page with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{rendered()}\n{END}{after}"


def _section(title: str, table: Table) -> Iterator[str]:
    targets = [target for target in TARGET_NAMES if any(target in row for row in table.values())]
    yield f"### {title}"
    yield ""
    yield "| property | " + " | ".join(TARGET_NAMES[target] for target in targets) + " |"
    yield "|---|" + "---|" * len(targets)
    for name, row in sorted(table.items()):
        yield f"| `{name}` | " + " | ".join(_cell(row[target]) for target in targets) + " |"
    yield ""


def _cell(fate: Fate) -> str:
    match fate:
        case Refused(reason=reason, idle=idle):
            unless = f" (but for {', '.join(f'`{value!r}`' for value in idle)})" if idle else ""
            return f"**400**{unless}: {_plain(reason)}"
        case Dropped(reason=reason):
            return f"dropped: {_plain(reason)}"
        case _:
            return _plain(fate.note) or "yes"


def _plain(text: str) -> str:
    return text.rstrip(".").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
