"""What is written behind `llm-gateway keys create|rotate`, checked as settings are: in the same words, all of it."""

from __future__ import annotations

import json
import math
import time
from argparse import Namespace
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from gateway.config.client_keys import KeyTerms, Label
from gateway.config.mistakes import Mistake, Path
from gateway.config.reader import COMMAND_LINE, Override, Reader
from gateway.keys_command.options import TERMS, setting_of

_LABEL_IS: Final = "1 to 64 letters, digits, dots, - and _"


class WrongUsage(Exception):
    """What was written cannot be meant; the text tells of every mistake, one a line."""


def terms_of(given: Namespace) -> KeyTerms:
    """The terms that were written. Raises WrongUsage."""
    if given.action == "create":
        _check_label(given.label)
    reader, terms = _read(given)
    if reader.mistakes:
        raise WrongUsage("\n".join(map(_told, reader.mistakes)))
    if terms.expires is not None and terms.expires.timestamp() <= time.time():
        raise WrongUsage(f"--expires is a time to come, and {terms.expires.isoformat()} is past")
    return terms


def grace_of(given: Namespace) -> float:
    """For how long the secret before goes on opening. Raises WrongUsage."""
    try:
        grace_s = float(given.grace_s)
    except ValueError:
        grace_s = math.nan
    if not 0 <= grace_s < math.inf:
        raise WrongUsage(f"--grace-s: expected a number of seconds from 0 up, found {json.dumps(given.grace_s)}")
    return grace_s


def _read(given: Namespace) -> tuple[Reader, KeyTerms]:
    written = {option: getattr(given, setting_of(option)) for option, _ in TERMS if hasattr(given, setting_of(option))}
    overlay: dict[Path, Override] = {}
    table: dict[str, Any] = {}
    reader = Reader(COMMAND_LINE, {}, overlay)
    for option, value in written.items():
        name = setting_of(option)
        no_texts = [text for text in (value if isinstance(value, list) else [value]) if not _is_text(text)]
        if no_texts:
            for text in no_texts:
                reader.note((name,), "a text", None, shown=ascii(text))
        elif name == "tags":
            table[name] = _tags(value, reader)
        elif isinstance(value, list):
            table[name] = value
        else:
            overlay[name,] = Override(COMMAND_LINE, option, value)
    return reader, reader.struct(KeyTerms, table, ())


def _tags(pairs: Iterable[str], reader: Reader) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or name in tags:
            reader.note(("tags",), "NAME=TEXT, each name once", pair)
        tags[name] = text
    return tags


def _is_text(text: str) -> bool:
    """Not so what came in bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _told(mistake: Mistake) -> str:
    """By the option, whatever the setting behind it is called."""
    option = mistake.key if mistake.key.startswith("--") else "--" + mistake.key.replace("_", "-")
    return f"{option}: expected {mistake.expected}, found {mistake.found}"


def _check_label(label: str) -> None:
    try:
        msgspec.convert(label, Label)
    except msgspec.ValidationError:
        raise WrongUsage(f"a label is made of {_LABEL_IS}, and {label!r} is not") from None
