"""The accounts of all client keys: of those that the settings name, and of guests that bring their limits along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.client_account import ClientAccount, ClientLimits
from actors.guests import ForgetClient, Guests
from actors.letters import Call
from actors.policy.bucket import NewBucket


class Clients:
    """A client without limits has no account, and most have none."""

    def __init__(
        self, limits: Mapping[str, ClientLimits], now: float, new_bucket: NewBucket, forget: ForgetClient
    ) -> None:
        self._limits = limits
        self._new_bucket = new_bucket
        self._guests = Guests(new_bucket, forget)
        self._accounts: dict[str, ClientAccount] = {}
        self.configure(limits, now)

    def configure(self, limits: Mapping[str, ClientLimits], now: float) -> None:
        """From here on these hold; a client whose limits stay as they are keeps its account."""
        kept = {label: account for label, account in self._accounts.items() if limits.get(label) == self._limits[label]}
        self._accounts = {
            label: kept.get(label) or ClientAccount(label, of_client, now, self._new_bucket)
            for label, of_client in limits.items()
            if of_client != ClientLimits()
        }
        self._limits = limits

    def admit(self, call: Call, now: float) -> ClientAccount | None:
        """Takes what `call` needs from its client's account, where it has one. Raises RateLimited."""
        if call.limits is None and call.client not in self._accounts:
            return None
        account = self._account_of(call, now)
        if account is not None:
            account.take(call.tokens, now)
        return account

    def charge(self, call: Call, now: float) -> None:
        """An answer that asks nobody is one of its client's requests all the same. Raises RateLimited."""
        account = self._account_of(call, now)
        if account is not None:
            account.count_request(now)

    def _account_of(self, call: Call, now: float) -> ClientAccount | None:
        account = self._accounts.get(call.client)
        if account is None:
            if call.limits is None:
                return None
            account = self._guests.account(call.client, call.limits, now)
        call.account = account
        return account

    def view(self, now: float) -> dict[str, Any]:
        """Those that have limits, as /admin/actors shows them."""
        return {
            **{label: account.view(now) for label, account in self._accounts.items()},
            **self._guests.view(now),
        }
