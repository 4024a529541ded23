"""Accounts of client keys that the router's settings do not know: each call brings its key's limits along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from actors.client_account import ClientAccount, ClientLimits
from actors.policy.bucket import NewBucket

IDLE_S: Final = 3600.0
"""After this an account is forgotten. Its buckets have long been full again, so that nothing is lost."""
LOOK_EVERY_S: Final = 60.0

ForgetClient = Callable[[str], None]
"""Nobody draws from the buckets of this client any more; must not raise."""


class _Guest:
    __slots__ = ("account", "limits", "used_at")

    def __init__(self, account: ClientAccount, limits: ClientLimits, now: float) -> None:
        self.account = account
        self.limits = limits
        self.used_at = now


class Guests:
    """As many accounts as there are such keys in use."""

    def __init__(self, new_bucket: NewBucket, forget: ForgetClient) -> None:
        self._new_bucket = new_bucket
        self._forget = forget
        self._guests: dict[str, _Guest] = {}
        self._looked_at = 0.0

    def account(self, label: str, limits: ClientLimits, now: float) -> ClientAccount:
        """The key's; a new one where its limits have changed."""
        if now - self._looked_at > LOOK_EVERY_S:
            self._look_for_idle(now)
        guest = self._guests.get(label)
        if guest is None or guest.limits != limits:
            account = ClientAccount(label, limits, now, self._new_bucket)
            guest = self._guests[label] = _Guest(account, limits, now)
        guest.used_at = now
        return guest.account

    def view(self, now: float) -> dict[str, Any]:
        return {label: guest.account.view(now) for label, guest in self._guests.items()}

    def _look_for_idle(self, now: float) -> None:
        self._looked_at = now
        for label, guest in [*self._guests.items()]:
            if now - guest.used_at > IDLE_S and not guest.account.calls:
                del self._guests[label]
                self._forget(label)


def nobody_minds(_label: str) -> None:
    """Buckets of this process's own go with whoever held them."""
