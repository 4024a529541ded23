"""What the app is built from; the wiring hands it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.context.client import ContextClient
from gateway.exchange import AdminEndpoint
from gateway.face.admin_door import AdminDoor
from gateway.face.auth import TokenDoor
from gateway.face.background import BackgroundResponses
from gateway.face.health import NeighbourHealth, Vitals
from gateway.face.metrics_route import Scrape
from gateway.face.model_calls import ModelServices
from gateway.face.models import Catalogue, ListedProvider
from gateway.face.response_life import ResponseLife
from gateway.face.tool_services import ToolServices


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that the endpoints need."""

    models: ModelServices
    counts: Callable[[str, str], bool]
    """Whether the provider of a model counts tokens for those who ask in a dialect. Raises GatewayError."""
    response_life: ResponseLife
    background: BackgroundResponses
    catalogue: Catalogue
    providers: Callable[[], Sequence[ListedProvider]]
    vitals: Vitals
    scrape: Scrape
    wall_clock: Callable[[], float]
    metrics_door: TokenDoor
    admin_door: AdminDoor
    admin: Sequence[AdminEndpoint]
    """The admin API; the door is kept here."""
    body_limit_bytes: int
    body_progress_s: float
    context: ContextClient | None = None
    """None: it is switched off."""
    tools: ToolServices | None = None
    neighbours: Callable[[], Sequence[NeighbourHealth]] = tuple
    """Everybody whom the gateway asks."""
    cors_origins: Sequence[str] = ()
    """Whose pages may be clients; "*": everybody's."""
    hot_routes: bool = True
    """False sends every request through Quart."""
