"""Settings of the services beside the gateway: one frozen struct a section, as in settings.py."""

from __future__ import annotations

from typing import Literal

from gateway.config.section import Section, Text, Tokens


class Cms(Section, frozen=True, kw_only=True):
    """The Context Management Service, and what is told of context windows with or without it."""

    enabled: Literal["auto", "on", "off"] = "auto"
    """"off": nothing is told and nobody asked."""
    propagate: tuple[Text, ...] = ("*",)
    """The providers that are told too; "*" is all of them."""
    default_window: Tokens = 128_000
    """For a model whose window nobody knows."""

    def reaches(self, provider: str) -> bool:
        """Whether this provider is told how full the window is."""
        return self.enabled != "off" and ("*" in self.propagate or provider in self.propagate)
