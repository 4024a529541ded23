"""What a gateway without any setting is built with is what its parts are made for."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from actors.admission import ProviderSettings
from actors.letters import DEFAULT_TIMEOUTS
from actors.router import RouterSettings
from gateway.assembly.actor_settings import provider_settings, router_settings
from gateway.assembly.front import Door, engine_of
from gateway.config import Config, load
from gateway.edge.limits import ServerLimits
from gateway.edge.server import EdgeServer
from tests.memory_network import MemoryNetwork
from tests.whole.gateways import ADDRESS, Running


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return load(None, {})


async def test_settings_and_parts_have_the_same_defaults(config: Config, autojump_clock: MockClock) -> None:
    gateway = Running(config, MemoryNetwork(), ADDRESS, seed=0).gateway

    assert router_settings(gateway.config) == RouterSettings()
    assert provider_settings(gateway.config, gateway.catalog, "sandbox") == ProviderSettings(
        name="sandbox", keys=("none",)
    )
    assert gateway.catalog.resolve("sandbox/echo")[0].timeouts == DEFAULT_TIMEOUTS
    engine = engine_of(config.server, gateway.world, Door(lambda: gateway.settled.app), None, lambda _bug, _scope: None)
    assert isinstance(engine, EdgeServer)
    assert engine._service.limits == ServerLimits()
