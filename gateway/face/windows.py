"""How full a request makes its model's context window, as clients and providers are told; counted exactly where asked.

A count is the Context Management Service's. It may take a small share of the request's time; without it the estimate
holds, and the headers say so. The service is never asked to change anything on this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from actors.errors import Failure
from gateway.context.client import ContextClient
from gateway.context.filling import Filling
from gateway.context.tiers import Mode, read_mode
from gateway.dialects.codec import Steps
from gateway.errors import ContextUnavailable
from gateway.neighbour import Behalf
from gateway.unhurried import unhurried

MODE_HEADER: Final = b"x-cms-mode"
AUTO_TIER: Final = 2
"""From here on an exact count is worth asking for."""
_MOST_SHOWN: Final = 40
_MOST_ODD_MODES: Final = 32
"""Words that are warned of; nobody wants a line for each that a client makes up."""


def unknown_mode(fields: Mapping[bytes, bytes]) -> bytes | None:
    """What a client is told whose X-CMS-Mode is none; None where there is nothing to tell."""
    value = fields.get(MODE_HEADER)
    if value is None or not value.strip() or read_mode(value) is not None:
        return None
    return b"X-CMS-Mode is none of %b: it counts as auto" % b", ".join(mode.value for mode in Mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRules:
    """What the operator wants; times in seconds."""

    default_window: int
    """Of models whose window nobody knows."""
    counts: bool = False
    """Whether the service is asked without a client's wish."""
    require_tier: int = 0
    """From this tier on nothing goes without the service; 0: never."""
    wait_s: float = 1.0
    deadline_share: float = 0.1


class WindowReader:
    """Measures prompts against the windows of those who are asked; what follows from it goes by who is asked first."""

    __slots__ = ("_asks_unasked", "_client", "_clock", "_odd_modes", "_rules", "_warn", "default_window")

    def __init__(
        self, rules: WindowRules, client: ContextClient, *, clock: Callable[[], float], warn: Callable[[str], None]
    ) -> None:
        """`warn` is told of an X-CMS-Mode that is none, once for each."""
        self._rules = rules
        self.default_window = rules.default_window
        self._asks_unasked = bool(rules.counts or rules.require_tier)
        self._client = client
        self._clock = clock
        self._warn = warn
        self._odd_modes: set[bytes] = set()

    def wants_count(self, filling: Filling) -> bool:
        """Whether the service is to count before this request goes on."""
        value = filling.mode
        if value is None and not self._asks_unasked:
            return False
        rules, tier = self._rules, filling.reading(filling.candidate).tier
        if rules.require_tier and tier >= rules.require_tier:
            return True
        unasked = rules.counts and tier >= AUTO_TIER
        if value is None:
            return unasked
        mode = self._mode(value)
        return mode is Mode.VALIDATE or (mode is Mode.AUTO and unasked)

    async def count(self, filling: Filling, text: Steps[str], behalf: Behalf) -> None:
        """The exact count, else the estimate stays. Raises ContextUnavailable where the operator will not have that."""
        rules, now, first = self._rules, self._clock(), filling.candidate
        tier, model = filling.reading(first).tier, first.model
        share_s = (behalf.deadline - now) * rules.deadline_share
        try:
            hurried = behalf._replace(deadline=now + share_s)
            count = await self._client.validate(await unhurried(text), model, hurried, wait_s=rules.wait_s)
        except Failure as failure:
            if rules.require_tier and tier >= rules.require_tier:
                raise ContextUnavailable(
                    f"A conversation of tier {tier} is not answered unless the Context Management Service has "
                    f"counted it: {failure.message}",
                    retry_after=failure.retry_after,
                ) from failure
            return
        filling.count(count.token_count, count.context_limit)

    def _mode(self, value: bytes) -> Mode:
        mode = read_mode(value)
        if mode is not None:
            return mode
        word = value.strip().lower()[:_MOST_SHOWN]
        if word and word not in self._odd_modes and len(self._odd_modes) < _MOST_ODD_MODES:
            self._odd_modes.add(word)
            self._warn(word.decode("latin-1"))
        return Mode.AUTO
