"""What a request may cost its key: held before anybody is asked where the budget's edge is hard, told in any case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from actors.letters import Candidate
from gateway.config.client_keys import KeyTerms
from gateway.dialects.envelope import Usage
from gateway.errors import InsufficientQuota, KeyLimited, ModelForbidden
from gateway.keys.budget_rule import Shortage, Standing, budget_of, remaining, shortage
from gateway.keys.caller import Caller
from gateway.money import decimal_usd
from gateway.providers.prices import PriceList

REMAINING: Final = b"x-gateway-budget-remaining-usd"
WARNING: Final = b"x-gateway-budget-warning"
_BOUND_IT: Final = " A limit of tokens for its answer would make that less."
HOLD_BEYOND_S: Final = 60.0
"""A hold outlasts its call's deadline by so much before it lapses by itself."""

OnPassed = Callable[[str, str, str], None]
"""Told of each time that a budget is found to be used up: (client key's label, `day` or `month`, edge)."""

OnTooLarge = Callable[[str, Shortage, int], None]
"""Told of each call that is too large for what is left: (client key's label, why, what it may cost in nano-USD)."""


UNKNOWN_OUTPUT: Final = 16_384
"""Tokens that an answer may have where neither its client nor its model's data says how many: as most of today's."""


class LargestCall(NamedTuple):
    """What a request may come to, in tokens."""

    prompt: int
    output: int
    """Of answers whose length is bounded."""
    unbounded: int = 0
    """How many answers may be as long as their model can make them."""


class Spend(Protocol):
    """See `gateway.keys.spend.SpendDesk`."""

    def today(self) -> str: ...
    def standing(self, client: str) -> Standing: ...
    def share_of(self, terms: KeyTerms) -> float: ...
    async def reserve(
        self, client: str, id: str, amount: int, terms: KeyTerms, hold_s: float
    ) -> tuple[bool, Standing]: ...
    def release(self, client: str, id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Purses:
    """Opens a purse for a request whose key has a budget."""

    spend: Spend
    prices: Callable[[str, str], PriceList | None]
    """By provider and its own name of a model."""
    output_limit: Callable[[str, str], int | None]
    """The most tokens that such a model can answer; None where nobody knows."""
    refuse_unpriced: bool
    """Models whose prices nobody knows are not asked for keys with a hard budget."""
    on_passed: OnPassed
    on_too_large: OnTooLarge

    def open(self, caller: Caller, candidates: Sequence[Candidate], largest: LargestCall) -> Purse:
        """For a call that is no larger. Raises ModelForbidden."""
        terms = caller.budget
        assert terms is not None, "whoever has no budget needs no purse"
        priced = [(candidate, self.prices(candidate.provider, candidate.model)) for candidate in candidates]
        if terms.budget_edge == "hard" and self.refuse_unpriced:
            priced = [(candidate, prices) for candidate, prices in priced if prices is not None]
            if not priced:
                raise ModelForbidden(
                    f"Nobody knows the price of '{candidates[0].model}', and this key has a hard budget.", param="model"
                )
        costs = (prices.nano_usd(self._usage(candidate, largest)) for candidate, prices in priced if prices is not None)
        amount = max(costs, default=0)
        return Purse(self, caller.label, terms, [candidate for candidate, _ in priced], amount, bool(largest.unbounded))

    def _usage(self, candidate: Candidate, largest: LargestCall) -> Usage:
        output = largest.output
        if largest.unbounded:
            output += largest.unbounded * (self.output_limit(candidate.provider, candidate.model) or UNKNOWN_OUTPUT)
        return Usage(prompt=largest.prompt, completion=output)


class Purse:
    """One request's."""

    __slots__ = ("_amount", "_client", "_purses", "_spend", "_terms", "_unbounded", "candidates")

    def __init__(
        self,
        purses: Purses,
        client: str,
        terms: KeyTerms,
        candidates: Sequence[Candidate],
        amount: int,
        unbounded: bool,
    ) -> None:
        """`amount` is what it may cost at most; `unbounded`: it is so much since the client bounds no answer."""
        self._purses = purses
        self._spend = purses.spend
        self._client = client
        self._terms = terms
        self._amount = amount
        self._unbounded = unbounded
        self.candidates = candidates
        """Those that may be asked."""

    @property
    def is_hard(self) -> bool:
        return self._terms.budget_edge == "hard"

    async def reserve(self, id: str, for_s: float) -> None:
        """Holds what the call may cost until `release`. Raises InsufficientQuota, KeyLimited, StoreUnavailable."""
        granted, standing = await self._spend.reserve(
            self._client, id, self._amount, self._terms, for_s + HOLD_BEYOND_S
        )
        if granted:
            return
        budget = budget_of(self._terms, share=self._spend.share_of(self._terms))
        lack = shortage(budget, standing, self._amount)
        assert lack is not None, "whoever refuses goes by the same rule"
        told = _told(lack, self._amount) + (_BOUND_IT if self._unbounded else "")
        if lack.passes:
            raise KeyLimited(f"{told} Other calls of this key hold the rest.", retry_after=1.0)
        if lack.is_the_end:
            self._purses.on_passed(self._client, lack.period, "hard")
        else:
            self._purses.on_too_large(self._client, lack, self._amount)
        raise InsufficientQuota(told)

    def release(self, id: str) -> None:
        self._spend.release(self._client, id)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What is left, as far as it is known here; below zero where a soft budget is passed, and a warning then."""
        budget = budget_of(self._terms, share=self._spend.share_of(self._terms))
        period, left = remaining(budget, self._spend.standing(self._client))
        headers = [(REMAINING, decimal_usd(left))]
        if left < 0 and not self.is_hard:
            self._purses.on_passed(self._client, period, "soft")
            headers.append((WARNING, b"the budget of this %b is used up" % period.encode()))
        return headers


def _told(lack: Shortage, amount: int) -> str:
    limit, spent, most = (decimal_usd(nano).decode() for nano in (lack.limit, lack.spent, amount))
    return (
        f"You exceeded your current quota: of this key's {limit} USD a {lack.period} {spent} are spent, "
        f"and this call may cost {most}."
    )
