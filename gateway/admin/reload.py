"""POST /admin/reload: the settings are read again, as SIGHUP has them read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from gateway.admin.asking import json_answer, operator_of
from gateway.errors import Conflict
from gateway.exchange import Answer, Request


class Reloaded(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of it."""

    refused: list[str] = []
    """Every mistake in the settings, or why they could not be taken over: nothing has changed then."""
    rolled_for: list[str] = []
    """Sections for which the workers are being replaced, one after the other."""
    waiting_for_restart: list[str] = []
    """Sections that take a new process."""


ReloadSettings = Callable[[], Awaitable[Reloaded]]


class ReloadEndpoint:
    """The handler; `reload` is None where nobody has said how."""

    def __init__(
        self, reload: Callable[[], ReloadSettings | None], note: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._reload = reload
        self._note = note

    async def __call__(self, request: Request) -> Answer:
        """Raises Conflict, which names the mistakes."""
        by, reload = operator_of(request), self._reload()
        if reload is None:
            raise Conflict("This gateway was not started from settings that can be read again.")
        outcome = await reload()
        self._note(by, {"order": "reload", **msgspec.to_builtins(outcome)})
        if outcome.refused:
            raise Conflict("The configuration was refused, and nothing has changed:\n" + "\n".join(outcome.refused))
        return json_answer(
            {
                "order": "reload",
                "by": by,
                "rolled_for": outcome.rolled_for,
                "waiting_for_restart": outcome.waiting_for_restart,
            }
        )
