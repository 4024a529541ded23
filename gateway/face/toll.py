"""Requests that ask no model are among those that their client's key may make in a minute, like all others."""

from __future__ import annotations

from math import inf

from actors.letters import Call, Clock
from gateway.exchange import Headers
from gateway.face.rate_limit_headers import rate_limit_headers
from gateway.face.record import RequestRecord
from gateway.face.router import Router
from gateway.keys.caller import Caller


class Toll:
    """Taken where a service is asked on a client's behalf; the router has the books."""

    def __init__(self, router: Router, clock: Clock) -> None:
        self._router = router
        self._clock = clock

    def take(self, caller: Caller, record: RequestRecord) -> Headers:
        """How the key's limits stand afterwards, for the answer; nothing where it has none. Raises RateLimited."""
        call = Call(
            id=record.id,
            arrived_at=record.started_at,
            deadline=inf,
            model="",
            payload=None,
            client=caller.label,
        )
        call.limits = caller.limits
        record.call = call  # a refusal tells of its account
        self._router.charge(call)
        record.call = None
        return [] if call.account is None else rate_limit_headers(call.account.standings(self._clock()))
