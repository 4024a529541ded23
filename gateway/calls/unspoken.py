"""The work of a provider whose wire format the gateway does not speak."""

from __future__ import annotations

from typing import NoReturn

from actors.letters import Attempt
from gateway.errors import ProviderMissing


class UnspokenCalls:
    """Refuses every attempt, and says why; nothing is sent. An `actors.letters.Work`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    async def __call__(self, attempt: Attempt) -> NoReturn:
        raise ProviderMissing(
            f"The model `{attempt.candidate.model}` belongs to {attempt.candidate.provider}, and the gateway does not "
            f"speak the {self._kind} wire format in this version.",
            param="model",
        )
