"""What usage costs at the prices of now; a price list is looked up once a minute, since some change with the hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.dialects.envelope import Usage
from gateway.providers.prices import PriceList, Prices, price_list

LOOK_EVERY_S: Final = 60.0
MOST: Final = 4096
"""Models whose prices are remembered; clients make up names."""


class Pricer:
    """Prices answers. `prices` gives a provider's for what it calls a model, None where nobody knows."""

    __slots__ = ("_from", "_known", "_prices", "_until", "_wall_clock")

    def __init__(self, prices: Callable[[str, str], Prices | None], wall_clock: Callable[[], float]) -> None:
        self._prices = prices
        self._wall_clock = wall_clock
        self._known: dict[tuple[str, str], PriceList | None] = {}
        self._from = self._until = 0.0
        """The minute for which they are known; a clock that is set back leaves it as well."""

    def nano_usd(self, provider: str, model: str, usage: Usage) -> int | None:
        """What this usage costs, in nano-USD; None where nobody knows the model's prices."""
        if self._from <= self._wall_clock() < self._until and (known := self._known.get((provider, model))) is not None:
            return known.nano_usd(usage)
        prices = self.of(provider, model)
        return None if prices is None else prices.nano_usd(usage)

    def of(self, provider: str, model: str) -> PriceList | None:
        """The prices of now."""
        now = self._wall_clock()
        if not self._from <= now < self._until or len(self._known) >= MOST:
            self.forget()
            self._from = now - now % LOOK_EVERY_S
            self._until = self._from + LOOK_EVERY_S
        place = (provider, model)
        try:
            return self._known[place]
        except KeyError:
            found = self._known[place] = price_list(self._prices(provider, model))
            return found

    def forget(self) -> None:
        """The configuration or a list of models is new."""
        self._known.clear()
