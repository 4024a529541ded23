"""Client keys and money, put together: what is spent, by whom, and who may still spend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from actors.supervisor import ChildSpec
from gateway.admin.client_keys import ClientKeysDesk, Note
from gateway.admin.spend import SpendPage
from gateway.config import Config
from gateway.exchange import AdminEndpoint, Answer, Request
from gateway.keys.budget_rule import Shortage
from gateway.keys.key_book import KeyBook
from gateway.keys.ledger import Ledger
from gateway.keys.pricing import Pricer
from gateway.keys.purse import Purses
from gateway.keys.registry import Registry
from gateway.keys.shared_book import SharedBook
from gateway.keys.spend import SpendDesk
from gateway.money import NANO
from gateway.providers.prices import Prices
from gateway.siblings import SPENT, Siblings
from gateway.store.line import Mode, StoreLine
from gateway.telemetry.logs import Logs
from gateway.world import World

SPEND, KEYS = "spend", "keys"


class Accounting:
    """Everything of one gateway's that knows of money; it outlives the children that `children` names."""

    def __init__(
        self,
        world: World,
        line: StoreLine,
        *,
        prefix: str,
        has_lasting_store: bool,
        workers: int,
        prices: Callable[[str, str], Prices | None],
        output_limit: Callable[[str, str], int | None],
        siblings: Siblings | None,
        logs: Logs,
    ) -> None:
        """`prices` are those of now, by provider and its own name of a model; so is `output_limit`, the most tokens
        that it can answer. `prefix` is what the store's keys begin with. A store that does not last, if there is one,
        ends with this gateway.
        """
        self._world = world
        self._line = line
        self._has_lasting_store = has_lasting_store
        self.key_book = KeyBook(line, prefix=prefix, clock=world.clock)
        self._registry = Registry(line.ask, prefix=prefix, wall_clock=world.wall_clock)
        self._logs = logs
        self._output_limit = output_limit
        self._told: set[tuple[str, ...]] = set()
        self.watch: Callable[[str, dict[str, Any]], None] = _nobody_watches
        """Is told what those who watch the gateway want to hear of: a kind, and what happened."""
        self.pricer = Pricer(prices, world.wall_clock)
        self.ledger = Ledger(self.pricer.nano_usd, world.wall_clock)
        self.spend = SpendDesk(
            self.ledger,
            line,
            SharedBook(line, prefix=prefix, clock=world.clock, new_id=world.new_id),
            workers=workers,
            wall_clock=world.wall_clock,
        )
        self._siblings = siblings
        self._spend_page = SpendPage(self.spend, None if siblings is None else self._ask_siblings)

    def children(self) -> list[ChildSpec]:
        return [
            ChildSpec(SPEND, lambda: self.spend, kind="books"),
            ChildSpec(KEYS, lambda: self.key_book, kind="keys"),
        ]

    def purses(self, *, refuse_unpriced: bool) -> Purses:
        """For keys with a budget; `refuse_unpriced`: one with a hard edge pays for no model of unknown price."""
        return Purses(
            spend=self.spend,
            prices=self.pricer.of,
            output_limit=self._output_limit,
            refuse_unpriced=refuse_unpriced,
            on_passed=self._tell_passed,
            on_too_large=self._tell_too_large,
        )

    def _tell_passed(self, client: str, period: str, edge: str) -> None:
        """One line for each budget and each day on which it is found to be used up."""
        day = self.ledger.day
        if self._is_news(day, client, period):
            what = {"client": client, "period": period, "edge": edge, "day": day}
            self._logs.get(__name__).warning("budget used up", **what)
            self.watch("budget", what)

    def _tell_too_large(self, client: str, lack: Shortage, amount: int) -> None:
        """One line, and another one each time that half of what was left then is gone."""
        day = self.ledger.day
        if self._is_news(day, client, lack.period, f"{lack.left.bit_length()}"):
            left, most = lack.left / NANO, amount / NANO
            what = {"client": client, "period": lack.period, "day": day, "left_usd": left, "call_usd": most}
            self._logs.get(__name__).warning("call too large for its budget", **what)
            self.watch("budget", what)

    def _is_news(self, day: str, *told: str) -> bool:
        if (day, *told) in self._told:
            return False
        self._told = {other for other in self._told if other[0] == day} | {(day, *told)}
        return True

    def endpoints(self, config: Config, note: Note) -> Sequence[AdminEndpoint]:
        """What operators may ask and do; `note` is told what they did."""
        desk = ClientKeysDesk(
            self._registry,
            config.client_keys,
            lasts=lambda: self._has_lasting_store and self._line.mode is not Mode.MEMORY,
            wall_clock=self._world.wall_clock,
            note=note,
        )
        return [
            AdminEndpoint("GET", "/admin/spend", self._spend_page.show),
            AdminEndpoint("GET", "/admin/keys", desk.show_all),
            AdminEndpoint("POST", "/admin/keys", desk.create),
            AdminEndpoint("PATCH", "/admin/keys/<label>", desk.amend),
            AdminEndpoint("DELETE", "/admin/keys/<label>", desk.revoke),
            AdminEndpoint("POST", "/admin/keys/<label>/rotate", desk.rotate),
        ]

    def show_own_spend(self, request: Request) -> Awaitable[Answer]:
        """For siblings."""
        return self._spend_page.show_own(request)

    async def _ask_siblings(self, query: str) -> Mapping[str, bytes | None]:
        assert self._siblings is not None, "nobody else has siblings to ask"
        return await self._siblings.ask_all(f"{SPENT}?{query}")


def _nobody_watches(_kind: str, _what: dict[str, Any]) -> None:
    """Before anybody does."""
