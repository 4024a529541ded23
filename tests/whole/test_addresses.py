"""No client chooses whom the gateway connects to, by whatever it writes into a request."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.whole.gateways import CHAT, QUESTION, running
from tests.whole.upstream import fails

ELSEWHERE = "http://169.254.169.254/latest/meta-data"
NAMES = (
    ELSEWHERE,
    f"openai/{ELSEWHERE}",
    "openai/../../admin",
    "openai/x?y#z",
    "openai/x\r\nhost: evil.test",
    "//evil.test/x",
)
MEMBERS = ("base_url", "api_base", "api_url", "url", "endpoint", "host", "proxy", "callback_url")
FIELDS = {
    "host": "169.254.169.254",
    "x-forwarded-host": "evil.test",
    "x-base-url": ELSEWHERE,
    "x-upstream-url": ELSEWHERE,
    "helicone-target-url": ELSEWHERE,
    "x-portkey-custom-host": ELSEWHERE,
}


@pytest.mark.parametrize("model", NAMES)
async def test_a_model_that_looks_like_an_address_is_only_a_name(autojump_clock: MockClock, model: str) -> None:
    async with running() as it:
        reply = await it.ask({**QUESTION, "model": model})
        assert {host for host, _ in it.network.connects} <= {it.address[0], "openai.test"}
        for asked in it.openai.asked:
            assert asked.target == CHAT.encode()
            assert asked.header("host") == "openai.test"
        assert reply.status in (200, 404)


async def test_members_and_fields_that_name_an_address_lead_nowhere(autojump_clock: MockClock) -> None:
    """The members go up as any that we do not know, to the one address that the operator configured."""
    question = {**QUESTION, **dict.fromkeys(MEMBERS, ELSEWHERE)}
    async with running() as it:
        client = await it.connect(host=FIELDS["host"])
        reply = await client.request(
            "POST", CHAT, json_body=question, headers={name: value for name, value in FIELDS.items() if name != "host"}
        )
        client.leave()
        assert reply.status == 200
        assert {host for host, _ in it.network.connects} == {it.address[0], "openai.test"}
        (asked,) = it.openai.asked
        assert (asked.target, asked.header("host")) == (CHAT.encode(), "openai.test")
        assert asked.header("x-forwarded-host") is None


@pytest.mark.parametrize("place", ["https://evil.test/a", "//evil.test/b", "/elsewhere"])
async def test_a_provider_that_points_elsewhere_is_not_followed(autojump_clock: MockClock, place: str) -> None:
    """A redirect is a mistake in the configuration: told as that, once, and the key goes nowhere else."""
    async with running() as it:
        it.openai.plays(fails(307, b"location: " + place.encode()))
        reply = await it.ask()
        assert {asked.header("host") for asked in it.openai.asked} == {"openai.test"}
        assert {host for host, _ in it.network.connects} == {it.address[0], "openai.test"}
        assert (reply.status, reply.error["code"], len(it.openai.asked)) == (502, "upstream_error", 1)
        assert "status 307" in reply.error["message"]
        assert "evil.test" not in reply.error["message"]
        assert "location" not in dict(reply.fields)
        for _ in range(6):
            it.openai.plays(fails(308, b"location: " + place.encode()))
            assert (await it.ask({**QUESTION, "model": "backed"})).header("x-gateway-provider") == "deepseek"
        assert (await it.ask()).status == 502, "no breaker makes a riddle of it"
