"""A model as the catalogue has it, whoever's clients it is listed for."""

from __future__ import annotations

from typing import Protocol

from gateway.providers.prices import Prices


class Listed(Protocol):
    """A model that can be asked for."""

    @property
    def id(self) -> str: ...
    @property
    def provider(self) -> str:
        """Who is asked first for it."""
        ...

    @property
    def created(self) -> int:
        """Seconds since the epoch; 0 where nobody says."""
        ...

    @property
    def context_window(self) -> int | None: ...
    @property
    def max_output_tokens(self) -> int | None: ...
    @property
    def prices(self) -> Prices | None: ...
