"""The services beside the gateway, put together from one configuration: their clients, and the actors that ask them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from actors.events import Observe
from actors.service import ServiceActor, ServiceSettings
from gateway.config import Config
from gateway.config.platform import Service
from gateway.config.settings import Transport
from gateway.context.client import NAME as CMS
from gateway.context.client import TITLE as CMS_TITLE
from gateway.context.client import ContextClient
from gateway.face.windows import WindowReader, WindowRules
from gateway.neighbour import LazyClient, Neighbour
from gateway.tree import ActorTree
from gateway.upstream_clients import UpstreamClients
from gateway.world import World


class Platform:
    """Clients that outlive their actors; an actor is made afresh for every start."""

    def __init__(
        self, config: Config, world: World, actors: ActorTree, upstream: UpstreamClients, *, user_agent: str
    ) -> None:
        self._config = config
        self._world = world
        # Made when somebody asks: most gateways have no such neighbours.
        client = LazyClient(lambda: upstream.of(Transport(engine="httpx")))
        self.context = ContextClient(
            Neighbour(CMS_TITLE, config.cms.address, client, user_agent=user_agent), lambda: actors.service(CMS)
        )

    @property
    def offered_context(self) -> ContextClient | None:
        """None where it is switched off."""
        return None if self._config.cms.enabled == "off" else self.context

    def windows(self, warn: Callable[[str], None]) -> WindowReader | None:
        """Tells how full context windows are; `warn` hears of modes that are none. None where it is switched off."""
        cms = self._config.cms
        if cms.enabled == "off":
            return None
        rules = WindowRules(
            default_window=cms.default_window,
            counts=cms.counts,
            require_tier=cms.require_tier,
            wait_s=cms.wait_s,
            deadline_share=cms.deadline_share,
        )
        return WindowReader(rules, self.context, clock=self._world.clock, warn=warn)

    def context_actor(self, observe: Observe) -> ServiceActor:
        """Asks the Context Management Service."""
        return self._actor(CMS, self._config.cms, self.context.check, observe)

    def _actor(
        self, name: str, service: Service, check: Callable[[], Awaitable[object]], observe: Observe
    ) -> ServiceActor:
        settings = ServiceSettings(
            name=name,
            timeout_s=service.timeout_s,
            max_concurrent=service.max_concurrent,
            check_every_s=service.check_every_s,
        )
        return ServiceActor(settings, clock=self._world.clock, random=self._world.random, observe=observe, check=check)
