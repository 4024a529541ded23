"""In which dialect a client hears of a failure, told from where it asks alone: before any handler has its request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gateway.dialects.messages.errors import error_body as messages_error
from gateway.dialects.openai_errors import error_body as openai_error
from gateway.errors import Description

_MESSAGES: Final = re.compile(rb"(?:https?://[^/]*)?/v1/messages(?![^/?])", re.IGNORECASE)
"""Whoever asks here or below speaks Anthropic's dialect. The whole address is a proxy's form of a target."""


def error_body_at(target: bytes) -> Callable[[Description], bytes]:
    """How an error's body is written for a client that asks at `target`, as much of it as is known."""
    return messages_error if _MESSAGES.match(target) else openai_error
