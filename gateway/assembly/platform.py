"""The services beside the gateway, put together from one configuration: their clients, and the actors that ask them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from actors.events import Observe
from actors.service import ServiceActor, ServiceSettings
from actors.standing import OFF
from actors.supervisor import ChildSpec, Supervisor
from gateway.assembly.degradation import Degradation
from gateway.assembly.sharing import STORE
from gateway.assembly.tree import TOOLS, ActorTree
from gateway.assembly.upstream_clients import UpstreamClients
from gateway.config import Config
from gateway.config.platform import REDIS, Service
from gateway.config.settings import Transport
from gateway.context.client import NAME as CMS
from gateway.context.client import TITLE as CMS_TITLE
from gateway.context.client import ContextClient
from gateway.face.health import NeighbourHealth
from gateway.face.windows import WindowReader, WindowRules
from gateway.neighbour import LazyClient, Neighbour
from gateway.orchestrator.client import NAME as ORCHESTRATOR
from gateway.orchestrator.client import TITLE as ORCHESTRATOR_TITLE
from gateway.orchestrator.client import Orchestrator
from gateway.orchestrator.http_tool import HttpTool, title_of
from gateway.orchestrator.own_tools import orchestrator_tools
from gateway.orchestrator.tools import ToolBox
from gateway.world import World

TOOL_PREFIX: Final = "tool."
"""Before the name of a tool's actor, so that it is nobody else's."""


class Platform:
    """Clients that outlive their actors; an actor is made afresh for every start."""

    def __init__(
        self,
        config: Config,
        world: World,
        actors: ActorTree,
        upstream: UpstreamClients,
        degradation: Degradation,
        *,
        user_agent: str,
    ) -> None:
        self._config = config
        self._world = world
        self._actors = actors
        # Made when somebody asks: most gateways have no such neighbours.
        client = LazyClient(lambda: upstream.of(Transport(engine="httpx")))
        self.context = ContextClient(
            Neighbour(CMS_TITLE, config.cms.address, client, user_agent=user_agent), lambda: actors.service(CMS)
        )

        orchestrator = config.code_orchestrator
        self.orchestrator = Orchestrator(
            Neighbour(ORCHESTRATOR_TITLE, orchestrator.address, client, user_agent=user_agent),
            lambda: actors.service(ORCHESTRATOR),
            lambda: degradation.texts_at_once(orchestrator.texts_at_once),
        )
        own = [
            HttpTool(
                name,
                tool.url,
                tool.method,
                client,
                partial(actors.service, TOOL_PREFIX + name),
                user_agent=user_agent,
                token=config.secrets.get(tool.token_env),
            ).tool(tool.description, tool.schema)
            for name, tool in config.http_tools.items()
        ]
        self.tools = ToolBox([*orchestrator_tools(self.orchestrator), *own])

    @property
    def offered_context(self) -> ContextClient | None:
        """None where it is switched off."""
        return None if self._config.is_off(CMS) else self.context

    def windows(self, warn: Callable[[str], None]) -> WindowReader | None:
        """Tells how full context windows are; `warn` hears of modes that are none. None where it is switched off."""
        cms = self._config.cms
        if self._config.is_off(CMS):
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
        return self._actor(CMS, CMS_TITLE, self._config.cms, self.context.check, observe)

    def neighbours(self) -> list[NeighbourHealth]:
        """How everybody is whom the gateway asks, the store first."""
        config, tree = self._config, self._actors
        services = [
            NeighbourHealth(name, OFF if config.is_off(name) else tree.standing(actor), name in config.health.required)
            for name, actor in ((REDIS, STORE), (CMS, CMS), (ORCHESTRATOR, ORCHESTRATOR))
        ]
        providers = [
            NeighbourHealth(
                name, OFF if lacking else tree.provider_standing(name), name in config.health.required, lacking
            )
            for name in config.providers
            for lacking in [config.missing_keys(name)]
        ]
        return [*services, *providers]

    def tools_supervisor(self, observe: Observe) -> Supervisor:
        """The Code Orchestrator Service, and each tool of the operator's, with a breaker of its own."""
        config = self._config
        check = self.orchestrator.check
        own = partial(self._actor, ORCHESTRATOR, ORCHESTRATOR_TITLE, config.code_orchestrator, check, observe)
        children = [ChildSpec(ORCHESTRATOR, own, kind="service")]
        for name, tool in config.http_tools.items():
            settings = ServiceSettings(
                name=TOOL_PREFIX + name,
                title=title_of(name),
                timeout_s=tool.timeout_s,
                max_concurrent=tool.max_concurrent,
            )
            children.append(ChildSpec(settings.name, partial(self._new, settings, observe), kind="service"))
        return Supervisor(TOOLS, children, clock=self._world.clock, random=self._world.random, observe=observe)

    def _actor(
        self, name: str, title: str, service: Service, check: Callable[[], Awaitable[object]], observe: Observe
    ) -> ServiceActor:
        settings = ServiceSettings(
            name=name,
            title=title,
            timeout_s=service.timeout_s,
            max_concurrent=service.max_concurrent,
            check_every_s=self._config.check_every_s(name),
        )
        return self._new(settings, observe, check)

    def _new(
        self, settings: ServiceSettings, observe: Observe, check: Callable[[], Awaitable[object]] | None = None
    ) -> ServiceActor:
        world = self._world
        return ServiceActor(settings, clock=world.clock, random=world.random, observe=observe, check=check)


def tool_actors(config: Config) -> object:
    """What the actors of tools are made from: whoever compares it knows whether they are others."""
    return config.code_orchestrator, config.check_every_s(ORCHESTRATOR), dict(config.http_tools)
