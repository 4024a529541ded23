"""Pages of other origins as clients (https://fetch.spec.whatwg.org/#http-cors-protocol): off unless origins are listed.

Around the whole app and around each handler that an engine calls past it, so that it is the same on every engine, for
streams and for errors; it is not there at all where no origin is listed. Only the API is open to pages, never /admin or
/metrics, and never with cookies.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from gateway.exchange import Answer, Handler, Headers, Request
from gateway.face.asgi_exchange import AsgiApp, Message, Receive, Scope, Send
from gateway.face.auth import ANY_ORIGIN

_OPEN: Final = ("/v1/", "/health")
_METHODS: Final = b"GET, POST, DELETE"
_USUAL_FIELDS: Final = b"authorization, content-type"
_MAX_AGE_S: Final = b"600"
_EXPOSED: Final = (
    b"x-request-id, x-upstream-request-id, x-should-retry, retry-after, retry-after-ms, "
    b"x-gateway-provider, x-gateway-model, x-gateway-attempts, x-gateway-warning, "
    b"x-gateway-cost-usd, x-gateway-budget-remaining-usd, x-gateway-budget-warning, x-gateway-cache, "
    b"x-cms-routed, x-cms-tier, x-token-count, x-token-limit, x-headroom-pct, "
    b"x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)
"""What a page may read of an answer's headers beside the few that it always may."""


class CrossOrigin:
    """Lets pages of `origins` ("*": of any) read what `app` answers, and asks nobody else's leave for them."""

    def __init__(self, app: AsgiApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)
        self._any = ANY_ORIGIN in origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_OPEN):
            await self._app(scope, receive, send)
            return
        fields = dict(scope["headers"])
        leave = self._leave(fields.get(b"origin"))
        wanted = fields.get(b"access-control-request-method")
        if scope["method"] == "OPTIONS" and wanted is not None and leave:
            await _answer_preflight([*leave, *_terms(fields.get(b"access-control-request-headers"))], send)
            return
        await self._app(scope, receive, _adding(send, self._added(leave)))

    def over(self, handler: Handler) -> Handler:
        """`handler`, of a path that is open to pages and not asked for by OPTIONS, with the same for its answers."""

        async def handle(request: Request) -> Answer:
            answer = await handler(request)
            answer.headers = [*answer.headers, *self._added(self._leave(request.fields.get(b"origin")))]
            return answer

        return handle

    def _added(self, leave: Headers) -> Headers:
        """What each answer says beside its own headers."""
        added = leave if self._any else [*leave, (b"vary", b"Origin")]
        return [*added, (b"access-control-expose-headers", _EXPOSED)] if leave else added

    def _leave(self, origin: bytes | None) -> Headers:
        if origin is None or not (self._any or origin in self._origins):
            return []
        return [(b"access-control-allow-origin", b"*" if self._any else origin)]


def _terms(wanted_fields: bytes | None) -> Headers:
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", wanted_fields or _USUAL_FIELDS),
        (b"access-control-max-age", _MAX_AGE_S),
        (b"vary", b"Origin, Access-Control-Request-Headers"),
    ]


async def _answer_preflight(headers: Headers, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _adding(send: Send, added: Headers) -> Send:
    async def add_and_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return add_and_send
