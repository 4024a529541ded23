"""One upstream and one gateway for all tests here that do not need one of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.sockets.asks import Clients
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Upstream

SETTINGS = """
[retry]
budget_start = 100            # no test's retries are at the cost of another's
[memory]
ingress_mb = 8
[cms]
url = "{beside}"
default_window = 1000000000   # nobody's prompt is counted without being told to
check_s = 0
[code_orchestrator]
url = "{beside}"
check_s = 0
[providers.openai]
requests_per_minute = 0       # some tests are floods
tokens_per_minute = 0
[providers.azure]
kind = "openai"
base_url = "{azure}"
api_key_env = "AZURE_API_KEY"
[providers.elsewhere]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "KEY_THAT_NOBODY_HAS"
"""
HASTY = """
[retry]
budget_start = 100
budget_cap = 1000
backoff_base_s = 0.001
"""


@pytest.fixture(scope="package")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="package")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """As it comes, with the upstream for its five providers. What it has said by the end must be good."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = SETTINGS.format(azure=upstream.url("/azure/openai/v1"), beside=upstream.url("/beside"))
    with running(folder, settings=settings, environ=upstream.environ) as gateway:
        gateway.warm_up()
        yield gateway


@pytest.fixture(scope="package")
def client(gateway: GatewayProcess) -> Iterator[OpenAI]:
    """The official client with its usual settings."""
    with OpenAI(base_url=f"{gateway.url}/v1", api_key="the-clients-own-key") as client:
        yield client


@pytest.fixture(scope="package")
def anthropic_client(gateway: GatewayProcess) -> Iterator[Anthropic]:
    """Anthropic's official client with its usual settings."""
    with Anthropic(base_url=gateway.url, api_key="the-clients-own-key") as client:
        yield client


@pytest.fixture(scope="package")
def hasty(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Clients of a gateway that tries again without delay. They ask once: what is tried again is its doing."""
    with (
        running(tmp_path_factory.mktemp("hasty"), settings=HASTY, environ=upstream.environ) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0) as openai_client,
        Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as anthropic_client,
    ):
        yield Clients(openai_client, anthropic_client)
