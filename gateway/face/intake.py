"""Who asks, and all of what they sent: how every endpoint with a body begins."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.dialects.structure import MOST_VALUES, SURVEYED_BYTES
from gateway.exchange import Request
from gateway.face.auth import ClientKeys
from gateway.face.body_coding import CODING, decoded
from gateway.face.deadline import own_limit_s
from gateway.face.ingress import Ingress
from gateway.face.record import RequestRecord
from gateway.keys.caller import Caller


@dataclass(frozen=True, slots=True, eq=False)
class Intake:
    """The door and the scales; remembers with header fields for whom they keep nobody waiting."""

    keys: ClientKeys
    ingress: Ingress
    most_values: int = MOST_VALUES
    """How many a body may hold."""

    def receive_nowait(self, request: Request, record: RequestRecord) -> tuple[Caller, bytes] | None:
        """As `receive`, where there is nothing to wait for; None where there is."""
        caller, body = request.known.get(self), request.whole_body
        if caller is None or body is None or len(body) > SURVEYED_BYTES:
            return None
        record.client = caller.label
        self.ingress.check(body)
        return caller, body

    async def receive(self, request: Request, record: RequestRecord) -> tuple[Caller, bytes]:
        """Raises GatewayError. The bytes are the caller's to count from here on; see `Ingress.read`."""
        caller = self.keys.known(request) or await self.keys.admit(request)
        record.client = caller.label
        body = request.whole_body
        if body is None:
            body = await self.ingress.read(request, record.started_at + own_limit_s(request))
        else:
            self.ingress.check(body)
        if CODING in request.fields:
            body = await decoded(body, request.fields[CODING], self.ingress)
        elif self.keys.known(request) is caller:
            request.known[self] = caller
        if len(body) > SURVEYED_BYTES:
            await self.ingress.survey(body, self.most_values)
        return caller, body
