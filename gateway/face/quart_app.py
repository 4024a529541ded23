"""The Quart-Trio app behind the hot routes: every route of the API, and what Quart itself refuses.

Nothing of it is needed for a hot request's answer, and it takes a quarter of a start to import: see `App`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, cast

from quart import Response
from quart import request as quart_request
from quart.routing import QuartRule
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as QuartMethodNotAllowed
from werkzeug.exceptions import NotFound as QuartNotFound

from gateway.dialects.error_bodies import error_body_at
from gateway.errors import BodyTooLarge, GatewayError, InvalidRequest, MethodNotAllowed, NotFound
from gateway.exchange import Answer, Request
from gateway.face.api import ApiEndpoint, Serve
from gateway.face.asgi_exchange import AsgiApp, Scope
from gateway.face.quart_exchange import ClosingConnection, view_of
from gateway.face.record import OTHER_ENDPOINT, RequestRecord
from gateway.face.routes import Route
from gateway.face.services import Services


class _MatchedRule(QuartRule):
    """A rule that requests are matched with; no URL is ever made of one.

    The code that Werkzeug generates for making URLs took 30 ms of every start. The method is its own affair: one that
    goes by another name will cost that time again, and nothing else.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _make_no_url


def _make_no_url(*_args: object, **_values: object) -> NoReturn:
    raise NotImplementedError("no URL is made of a route of the API")


class _Quart(QuartTrio):
    url_rule_class = _MatchedRule  # type: ignore[assignment]  # Flask's annotation; Quart's own has the same ignore


def quart_app(services: Services, routes: Sequence[Route]) -> AsgiApp:
    """Quart with all `routes`."""
    app = _Quart(__name__, static_folder=None)
    _lift_limits(app, services)
    for route in routes:
        app.add_url_rule(
            route.rule,
            endpoint=f"{route.method} {route.rule}",
            view_func=view_of(route.handler, body_progress_s=services.body_progress_s),
            methods=[route.method],
            provide_automatic_options=False,
        )
    app.before_request(_refuse_other_spellings)
    _render_refusals(app, services, frozenset(route.rule for route in routes))
    return cast(AsgiApp, app)


def _lift_limits(app: QuartTrio, services: Services) -> None:
    """Quart's own limits would cut streams after a minute; ours stand in the engines, the ingress and the deadline."""
    app.config["RESPONSE_TIMEOUT"] = None
    app.config["BODY_TIMEOUT"] = None
    app.config["MAX_CONTENT_LENGTH"] = services.body_limit_bytes
    app.url_map.merge_slashes = False
    app.asgi_http_class = ClosingConnection


async def _refuse_other_spellings() -> None:
    """Werkzeug takes `//admin` for `/admin`, and an escape is undone before it looks: whoever keeps clients away from a
    path does not.
    """
    scope: Scope = quart_request.scope  # type: ignore[assignment]  # a TypedDict to Quart
    path = scope["path"]
    if path.startswith("//") or (path.startswith("/admin") and b"%" in scope["raw_path"]):
        raise QuartNotFound


def _render_refusals(app: QuartTrio, services: Services, paths: frozenset[str]) -> None:
    """What Quart itself refuses becomes an API request like any other: an id, a record, an error in its dialect."""
    reporting = services.models.reporting

    async def answer(serve: Serve) -> Response:
        render = error_body_at(quart_request.path.encode())
        endpoint = ApiEndpoint(OTHER_ENDPOINT, serve, reporting, render_error=render)
        return await view_of(endpoint, body_progress_s=services.body_progress_s)()

    async def refuse(error: HTTPException) -> Response:
        async def serve(request: Request, _record: RequestRecord) -> Answer:
            raise _as_ours(error, request, paths)

        response = await answer(serve)
        if isinstance(error, QuartMethodNotAllowed) and error.valid_methods:
            response.headers["allow"] = ", ".join(sorted(error.valid_methods))
        return response

    async def crash(error: Exception) -> Response:
        async def serve(_request: Request, _record: RequestRecord) -> Answer:
            raise error

        return await answer(serve)

    app.register_error_handler(HTTPException, refuse)
    app.register_error_handler(Exception, crash)


def _as_ours(error: HTTPException, asked: Request, paths: frozenset[str]) -> GatewayError:
    if isinstance(error, QuartNotFound):
        meant = _with_another_base(asked.path, paths)
        return NotFound(f"Invalid URL ({asked.method} {asked.path})" + (f"; did you mean {meant}?" if meant else "."))
    if isinstance(error, QuartMethodNotAllowed):
        return MethodNotAllowed(f"Not allowed to {asked.method} on {asked.path}.")
    if error.code == 413:
        return BodyTooLarge("The body of the request is too large.")
    return InvalidRequest("The request could not be understood.")


def _with_another_base(path: str, paths: frozenset[str]) -> str | None:
    """Which of `paths` a client meant whose base URL lacks the `/v1` or has one too many; None if that is not why."""
    meant = path.removeprefix("/v1") if path.startswith("/v1/") else f"/v1{path}"
    return meant if meant in paths else None
