"""The route table: every endpoint with its method, its path and its handler.

It feeds Quart, which serves all of it and knows what is missing (404) or meant otherwise (405), and the middleware
that takes the hot ones past Quart. HEAD works wherever GET does. A new endpoint is a line in its family below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.dialects.chat.tool_turns import ChatToolTurns
from gateway.dialects.messages.tool_turns import MessagesToolTurns
from gateway.exchange import Answer, Handler, Request
from gateway.face.api import ApiEndpoint, Reporting, Serve
from gateway.face.chat import ChatCompletions
from gateway.face.client_dialect import ClientDialect
from gateway.face.context_calls import OPERATIONS, ContextCalls
from gateway.face.embeddings import Embeddings
from gateway.face.health import Health
from gateway.face.intake import Intake
from gateway.face.led_calls import LedCalls, NewTurns
from gateway.face.messages import Messages
from gateway.face.metrics_route import MetricsPage
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.models import MODELS_PATH, Models
from gateway.face.openapi.page import OpenApiPage
from gateway.face.record import RequestRecord
from gateway.face.response_calls import ResponseCalls
from gateway.face.responses import RESPONSES_PATH, Responses
from gateway.face.services import Services
from gateway.face.token_counts import CountInputTokens, CountTokens
from gateway.face.toll import Toll
from gateway.face.tools import TOOLS_PATH, ToolCalls


class Route(NamedTuple):
    """One endpoint."""

    method: str
    rule: str
    """A path in Quart's notation; what stands in <> the handler reads from the path itself."""
    handler: Handler
    hot: bool = False
    """May be served past Quart; the rule is a plain path then."""


def all_routes(services: Services) -> list[Route]:
    routes = [
        *model_routes(services),
        *response_routes(services),
        *context_routes(services),
        *tool_routes(services),
        *catalogue_routes(services),
        *operator_routes(services),
        *admin_routes(services),
    ]
    return [*routes, *page_routes(services), description_route(services, routes)]


def model_routes(services: Services) -> list[Route]:
    """The endpoints that ask models."""
    response_calls = ResponseCalls(
        services.models, services.response_life, services.background, services.wall_clock, services.tools
    )
    return [
        Route("POST", "/v1/chat/completions", _led(ChatCompletions(), ChatToolTurns, services), hot=True),
        Route("POST", RESPONSES_PATH, response_calls.endpoint(), hot=True),
        Route("POST", "/v1/messages", _led(Messages(), MessagesToolTurns, services), hot=True),
        Route(
            "POST",
            "/v1/messages/count_tokens",
            CountTokens(services.models, services.counts, services.tools).endpoint(),
        ),
        Route("POST", "/v1/embeddings", ModelCalls(Embeddings(), services.models).endpoint(), hot=True),
    ]


def _led(dialect: ClientDialect, turns: NewTurns, services: Services) -> ApiEndpoint:
    if services.tools is None:
        return ModelCalls(dialect, services.models).endpoint()
    return LedCalls(dialect, turns, services.models, services.tools).endpoint()


def response_routes(services: Services) -> list[Route]:
    """What can be done with responses that have been made."""
    models, life = services.models, services.response_life
    responses = Responses(life, services.background, models.client_keys, models.reporting.clock)
    counting = CountInputTokens(models, services.counts, life, services.tools)

    def endpoint(serve: Serve) -> ApiEndpoint:
        return ApiEndpoint("responses", serve, models.reporting)

    one = f"{RESPONSES_PATH}/<id>"
    return [
        Route("POST", f"{RESPONSES_PATH}/input_tokens", counting.endpoint()),
        Route("GET", one, endpoint(responses.show)),
        Route("DELETE", one, endpoint(responses.delete)),
        Route("POST", f"{one}/cancel", endpoint(responses.cancel)),
        Route("GET", f"{one}/input_items", endpoint(responses.list_input_items)),
    ]


def context_routes(services: Services) -> list[Route]:
    """The Context Management Service."""
    models = services.models
    calls = ContextCalls(services.context, Intake(models.client_keys, models.ingress), _toll(models))
    return [
        Route("POST", f"/v1/context/{operation}", calls.endpoint(operation, models.reporting))
        for operation in OPERATIONS
    ]


def tool_routes(services: Services) -> list[Route]:
    """The tools that the gateway has."""
    if services.tools is None:
        return []
    models = services.models
    reporting = models.reporting
    calls = ToolCalls(services.tools, Intake(models.client_keys, models.ingress), _toll(models), reporting)
    return [
        Route("GET", TOOLS_PATH, ApiEndpoint("tools", calls.list_tools, reporting)),
        Route("POST", f"{TOOLS_PATH}/execute", ApiEndpoint("tools/execute", calls.execute, reporting)),
    ]


def _toll(models: ModelServices) -> Toll:
    return Toll(models.router, models.reporting.clock)


def catalogue_routes(services: Services) -> list[Route]:
    """What can be asked here."""
    reporting = services.models.reporting
    models = Models(services.catalogue, services.providers, services.models.client_keys)
    return [
        Route("GET", MODELS_PATH, ApiEndpoint("models", models.list_models, reporting)),
        Route("GET", f"{MODELS_PATH}/<path:id>", ApiEndpoint("models", models.show_model, reporting)),
        Route("GET", "/v1/providers", ApiEndpoint("providers", models.list_providers, reporting)),
    ]


def operator_routes(services: Services) -> list[Route]:
    """For those who run the gateway: not API requests, so they leave no records."""
    reporting = quiet(services.models.reporting)
    health = Health(services.vitals, services.neighbours)
    metrics = MetricsPage(services.scrape, services.metrics_door)
    return [
        # Hot not for their number: load balancers ask them of a gateway that has just started, ahead of Quart.
        Route("GET", "/health", ApiEndpoint("health", health.show, reporting), hot=True),
        Route("GET", "/health/ready", ApiEndpoint("health", health.show_ready, reporting), hot=True),
        Route("GET", "/health/detailed", ApiEndpoint("health", health.show_detailed, reporting)),
        Route("GET", "/metrics", ApiEndpoint("metrics", metrics.show, reporting)),
    ]


def admin_routes(services: Services) -> list[Route]:
    """The admin API behind its door."""
    reporting, check = quiet(services.models.reporting), services.admin_door.check
    return [
        Route(method, rule, ApiEndpoint("admin", _behind(check, handler), reporting))
        for method, rule, handler, is_file in services.admin
        if not is_file
    ]


def page_routes(services: Services) -> list[Route]:
    """The files of the live page: for browsers, and no part of the API."""
    reporting, check = quiet(services.models.reporting), services.admin_door.check_files
    return [
        Route(method, rule, ApiEndpoint("admin", _behind(check, handler), reporting))
        for method, rule, handler, is_file in services.admin
        if is_file
    ]


def description_route(services: Services, routes: Sequence[Route]) -> Route:
    """The description of the API, and of itself."""
    own = ("GET", "/openapi.json")
    page = OpenApiPage([*((route.method, route.rule) for route in routes), own], services.vitals.version)
    return Route(*own, ApiEndpoint("openapi", page.show, quiet(services.models.reporting)))


def hot_table(routes: Iterable[Route]) -> dict[tuple[str, str], Handler]:
    """The hot routes as the middleware looks them up; a method is called at half the price of its object."""
    return {(route.method, route.rule): _called(route.handler) for route in routes if route.hot}


def _called(handler: Handler) -> Handler:
    return handler.__call__ if isinstance(handler, ApiEndpoint) else handler


def quiet(reporting: Reporting) -> Reporting:
    """The same without records and traces."""
    return replace(reporting, on_finished=_untold, traces=None)


def _behind(check: Callable[[Request], None], handler: Handler) -> Serve:
    async def serve(request: Request, _record: RequestRecord) -> Answer:
        check(request)
        return await handler(request)

    return serve


def _untold(record: RequestRecord) -> None:
    """Nobody wants a record of this."""
