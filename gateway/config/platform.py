"""Settings of the services beside the gateway: one frozen struct a section, as in settings.py."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from gateway.config.section import Count, OptionalVariable, Seconds, Section, Text, Tokens

OWN_TOOLS: Final = ("compute_similarity", "extract_keywords", "generate_embeddings")
"""Names of tools that are always there."""

REDIS: Final = "redis"
CMS: Final = "cms"
CODE_ORCHESTRATOR: Final = "code_orchestrator"
"""What the gateway may be unable to do without, beside providers."""

Tier = Annotated[int, msgspec.Meta(ge=0, le=4)]
Pause = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
"""Seconds; 0 is never."""


class Service(Section, frozen=True, kw_only=True):
    """What every service has."""

    url: str = ""
    """Empty: at its usual place, where it is asked when somebody wants something of it, and not watched."""
    timeout_s: Seconds = 5.0
    max_concurrent: Count = 16
    check_s: Pause = 15.0
    """Between two looks at its health, where somebody said where it is or cannot do without it."""


class Cms(Service, frozen=True, kw_only=True):
    """The Context Management Service, and what is told of context windows with or without it."""

    enabled: Literal["auto", "on", "off"] = "auto"
    """"auto": asked for exact counts where it has a `url`; "off": nothing is told, and nobody asked."""
    propagate: tuple[Text, ...] = ("*",)
    """The providers that are told too; "*" is all of them."""
    default_window: Tokens = 128_000
    """For a model whose window nobody knows."""
    wait_s: Seconds = 1.0
    """The most that a request waits for an exact count."""
    deadline_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    """Of a request's time, that this may take."""
    require_tier: Tier = 0
    """From this tier on nothing is answered without the service; 0: never."""

    @property
    def address(self) -> str:
        return self.url or "http://localhost:8086"

    @property
    def counts(self) -> bool:
        """Whether it is asked for exact counts without being told to by the client."""
        return self.enabled == "on" or (self.enabled == "auto" and bool(self.url))

    def reaches(self, provider: str) -> bool:
        """Whether this provider is told how full the window is."""
        return self.enabled != "off" and ("*" in self.propagate or provider in self.propagate)


class Health(Section, frozen=True, kw_only=True):
    """What the gateway cannot do without."""

    required: tuple[Text, ...] = ()
    """Of redis, cms, code_orchestrator and the providers' names: without them it is not ready."""


class CodeOrchestrator(Service, frozen=True, kw_only=True):
    """The Code Orchestrator Service, which has the gateway's own tools."""

    texts_at_once: Count = 64
    """That it is asked to embed in one question."""

    @property
    def address(self) -> str:
        return self.url or "http://localhost:8083"


class Tools(Section, frozen=True, kw_only=True):
    """How tools are run for models that call them."""

    max_turns: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    """How often a model is asked at most; the last time it may call nothing."""
    max_result_bytes: Count = 65_536


class HttpTool(Section, frozen=True, kw_only=True):
    """A tool of the operator's own, at a fixed address."""

    url: Text
    method: Literal["POST", "GET"] = "POST"
    """POST sends the arguments as JSON, GET as a query."""
    description: str = ""
    token_env: OptionalVariable = ""
    """The variable with the token that it is sent as a Bearer."""
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object"})
    """Of its arguments: a JSON Schema."""
    timeout_s: Seconds = 10.0
    max_concurrent: Count = 8
