"""ARCHITECTURE.md's list of threats names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| (?P<threat>[^|]+) \| [^|]+ \| (?P<tests>[^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>\w+)`")
THREATS = (
    "smuggled",
    "the Host field",
    "the admin API from outside",
    "by accident",
    "how long a comparison takes",
    "keys and words in logs, metrics, traces, admin pages and errors",
    "whom the gateway connects to",
    "a web page that has an operator's browser act",
    "paths and names that lead the live page elsewhere",
    "JSON of a million brackets",
    "a small body that unpacks to a large one",
    "patterns in routes that take exponential time",
    "a provider's answer that writes header lines",
    "a client's words that write header lines",
    "a request that has a provider ask other models",
    "names with control characters",
    "names without end",
    "the admin token guessed",
    "a package put in the place of one",
    "a slow, stalled or endless client",
)
"""Each named by words that tell it from the others: none may go, and another one belongs here too."""


def test_every_threat_is_tried_by_a_test_that_exists() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    section = page.partition("\n## Threats\n")[2].partition("\n## ")[0]
    rows = [row for row in ROW.finditer(section) if row["threat"] not in ("threat", "---")]
    assert all(name in row["threat"] for name, row in zip(THREATS, rows, strict=True))
    for row in rows:
        tests = TEST.findall(row["tests"])
        assert tests, row["threat"]
        for file, name in tests:
            functions = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if _is_function(node)}
            assert name in functions, (row["threat"], file, name)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
