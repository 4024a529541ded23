"""What commands print. Their reader may leave (`check | head`), and a full disk takes nothing."""

from __future__ import annotations

import os
import sys


class Unprinted(Exception):
    """Standard output takes no more; the text says why, and is empty where its reader has left."""


def put_out(text: str) -> None:
    """Prints `text` as it is. Raises Unprinted; after that nobody hears what is printed."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as problem:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # what is buffered goes there, when the process ends
        os.close(nowhere)
        raise Unprinted("" if isinstance(problem, BrokenPipeError) else problem.strerror) from problem
