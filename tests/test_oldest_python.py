"""What the oldest Pythons that are served do otherwise, told from the source: most machines have a newer one."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_nothing_is_raised_in_a_clause_for_groups() -> None:
    """Before 3.11.4 (Debian 12 has 3.11.2) it would leave as a group, and nobody would catch it by its name."""
    files = [file for package in ("actors", "gateway") for file in (ROOT / package).rglob("*.py")]
    clauses = [
        (file.name, clause)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.TryStar)
        for clause in node.handlers
    ]
    assert clauses, "there is none any more: so goes this test"
    raised = [
        f"{name}:{node.lineno}"
        for name, clause in clauses
        for node in ast.walk(clause)
        if isinstance(node, ast.Raise) and node.exc is not None
    ]
    assert raised == []
