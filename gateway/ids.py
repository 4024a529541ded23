"""Identifiers that name the worker which made them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from itertools import count

_ID = re.compile(r"(?:[a-z]+[_-])?([0-9a-f]{4})[0-9a-f]{28}")


def new_ids(number: int = 0) -> Callable[[], str]:
    """A source of ids, 32 hexadecimal digits: four say which worker, the rest is random per process, then counted.

    So that one costs no system call, and no formatting but for each 256th.
    """
    return _ids(f"{number:04x}{secrets.randbits(48):012x}").__next__


def _ids(prefix: str) -> Iterator[str]:
    ends = [f"{end:02x}" for end in range(256)]
    for number in count(1 << 55 | secrets.randbits(54)):  # of fourteen digits, and so will be the next quadrillion
        begin = f"{prefix}{number:x}"
        for end in ends:
            yield begin + end


def worker_of(made: str) -> int | None:
    """The number of the worker that has made an id, with or without a prefix like `resp_`; None for others' ids."""
    found = _ID.fullmatch(made)
    return None if found is None else int(found[1], 16)
