"""Failures by a short stable name, as a label and in log lines: a message may quote anybody, a kind quotes nobody."""

from __future__ import annotations

import re
from functools import cache

from actors.errors import Failure
from gateway.errors import UpstreamError


def kind_of(failure: Failure) -> str:
    """`timed_out`, `upstream_reset`, ...; a provider's own error answer is named by its status: `upstream_429`."""
    if isinstance(failure, UpstreamError):
        return f"upstream_{failure.status}"
    return _snake_case(type(failure).__name__)


@cache
def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
