"""The app: the whole API, ready for either engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from gateway.exchange import Handler
from gateway.face.asgi_exchange import AsgiApp, HotRoutes, Receive, Scope, Send
from gateway.face.cross_origin import CrossOrigin
from gateway.face.routes import all_routes, hot_table
from gateway.face.services import Services
from gateway.face.turned_away import TurnedAway


class App:
    """The whole API as an ASGI app; an engine of ours asks `handler_of` first, and spares the hot routes ASGI too.

    It needs no lifespan: everything that lives is the wiring's. `turned_away` is told what an engine refuses by itself.
    """

    __slots__ = ("_asgi", "handler_of", "turned_away")

    def __init__(self, asgi: AsgiApp, hot: Mapping[tuple[str, str], Handler], turned_away: TurnedAway) -> None:
        self._asgi = asgi
        self.handler_of = hot.get
        """Who answers a hot request, by its method and path; None for all others."""
        self.turned_away = turned_away

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._asgi(scope, receive, send)


class _MadeWhenAsked:
    """An ASGI app that is made for its first request."""

    __slots__ = ("_app", "_make")

    def __init__(self, make: Callable[[], AsgiApp]) -> None:
        self._make = make
        self._app: AsgiApp | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if self._app is None:
            self._app = self._make()
        return self._app(scope, receive, send)


def create_app(services: Services) -> App:
    """Quart behind the hot routes, which do not wait for it."""
    routes = all_routes(services)

    def whole_api() -> AsgiApp:
        from gateway.face.quart_app import quart_app

        return quart_app(services, routes)

    table = hot_table(routes) if services.hot_routes else {}
    whole = HotRoutes(_MadeWhenAsked(whole_api), table, body_progress_s=services.body_progress_s)
    turned_away = TurnedAway(routes, services.models.reporting)
    if not services.cors_origins:
        return App(whole, table, turned_away)
    across = CrossOrigin(whole, services.cors_origins)
    return App(across, {asked: across.over(handler) for asked, handler in table.items()}, turned_away)
