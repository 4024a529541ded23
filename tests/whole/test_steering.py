"""What operators do to a whole gateway at work, over the wire."""

from __future__ import annotations

from trio.testing import MockClock

from tests.whole.gateways import running

OWN = {"x-gateway-admin": "1"}


async def test_the_settings_in_force_are_shown_without_a_single_secret(autojump_clock: MockClock) -> None:
    environ = {
        "LLM_GATEWAY_API_KEYS": "canary-client",
        "LLM_GATEWAY_ADMIN_TOKEN": "canary-admin",
        "ANTHROPIC_API_KEY": "canary-anthropic",
        "PROXY": "http://user:canary-proxy@proxy.test:3128",
        "METRICS": "canary-metrics",
    }
    settings = """
[metrics]
token_env = "METRICS"
[providers.anthropic]
upstream = { engine = "httpx", proxy_env = "PROXY" }
"""
    async with running(settings, environ=environ) as it:
        reply = await it.request("GET", "/admin/config", headers={"authorization": "Bearer canary-admin"})

        assert reply.status == 200
        assert b"canary" not in reply.body
        assert b"sk-openai" not in reply.body
        page = reply.json
        assert page["timeouts"]["total_s"] == 600
        assert page["models"]["backed"]["fallbacks"] == ["deepseek/deepseek-chat"]
        assert page["secrets"]["OPENAI_API_KEY"] == page["secrets"]["LLM_GATEWAY_ADMIN_TOKEN"] == "(set)"
        assert page["store_address"] == "memory "
