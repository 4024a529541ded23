"""Headers in the form of OTEL_EXPORTER_OTLP_HEADERS.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE = re.compile(r"[ -~]*").fullmatch


def read_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Names in lower case, with their values. Raises ValueError, which says nothing of what stood there."""
    headers: list[tuple[str, str]] = []
    for pair in filter(None, map(str.strip, text.split(","))):
        name, equals, value = pair.partition("=")
        name, value = unquote(name.strip()).lower(), unquote(value.strip())
        if not equals or not _NAME(name) or not _VALUE(value):
            raise ValueError("not a list of headers")
        headers.append((name, value))
    return tuple(headers)
