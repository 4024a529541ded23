"""What can be written behind `llm-gateway keys`; imports next to nothing, since every command reads it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Final

_GRACE_S: Final = "86400"
_LIST: Final = {"nargs": "+", "action": "extend"}
"""Said twice, it is both."""

TERMS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("--models", {**_LIST, "metavar": "PATTERN", "help": "those that it may ask for; * stands for any text"}),
    ("--providers", {**_LIST, "metavar": "PATTERN", "help": "those that it may ask"}),
    ("--requests-per-minute", {"metavar": "N"}),
    ("--tokens-per-minute", {"metavar": "N"}),
    ("--max-concurrent", {"metavar": "N", "help": "calls at a time"}),
    ("--max-priority", {"metavar": "low|normal|high"}),
    ("--budget-usd-per-day", {"metavar": "USD", "help": "in UTC"}),
    ("--budget-usd-per-month", {"metavar": "USD"}),
    ("--budget-edge", {"metavar": "hard|soft", "help": "refuse beyond it (default), or only warn"}),
    ("--expires", {"metavar": "TIME", "help": "like 2027-01-31T00:00:00Z"}),
    ("--tags", {**_LIST, "metavar": "NAME=TEXT", "help": "notes of your own"}),
)

Run = Callable[[argparse.Namespace, Mapping[str, str]], int]


def add_keys(commands: Any, run: Run) -> list[argparse.ArgumentParser]:
    """Adds `keys` with its own commands, each of which sets `action`, and returns those."""
    keys = commands.add_parser("keys", help="make and take back client keys")
    keys.set_defaults(command=run, action=None, print_help=keys.print_help)
    actions = keys.add_subparsers(title="commands", metavar="{create,list,rotate,revoke}")
    # The label comes first: lists of patterns would take it for one more.
    create = actions.add_parser(
        "create",
        usage="%(prog)s label [options]",
        help="make a key; it is written to standard output, this once",
    )
    create.add_argument("label", help="how logs and metrics call its owner")
    for name, options in TERMS:
        create.add_argument(name, default=argparse.SUPPRESS, **options)
    listing = actions.add_parser("list", help="all keys, without what opens them")
    rotate = actions.add_parser("rotate", help="another secret for a key; the one before it goes on for a while")
    rotate.add_argument("label")
    rotate.add_argument(
        "--grace-s", default=_GRACE_S, metavar="SECONDS", help="how long (default: a day; 0: not at all)"
    )
    revoke = actions.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("label")
    made = {"create": create, "list": listing, "rotate": rotate, "revoke": revoke}
    for name, parser in made.items():
        parser.set_defaults(action=name)
    return list(made.values())


def setting_of(option: str) -> str:
    """What gateway.toml calls it."""
    return option.removeprefix("--").replace("-", "_")
