"""Who may come in, asked over the wire."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import ENGINES, running

on_every_engine = pytest.mark.parametrize("engine", ENGINES)
KEYS = {"LLM_GATEWAY_API_KEYS": "sk-one,sk-two"}
FAR = "198.51.100.7"
"""A peer that is not on this machine (RFC 5737)."""


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@on_every_engine
async def test_with_keys_only_those_who_have_one_are_served(autojump_clock: MockClock, engine: str) -> None:
    """By any of the headers that clients send; the key itself goes no further, its label does."""
    async with running('[auth]\nmode = "keys"', environ=KEYS, engine=engine) as it:
        for headers in (
            {},
            bearer("sk-three"),
            bearer("sk-openai"),
            {"x-api-key": "wrong"},
            {"authorization": "sk-one"},
        ):
            refused = await it.ask(headers=headers)
            assert (refused.status, refused.error["code"]) == (401, "invalid_api_key")
        for headers in (bearer("sk-one"), bearer("sk-two"), {"x-api-key": "sk-one"}, {"api-key": "sk-two"}):
            assert (await it.ask(headers=headers)).status == 200

        assert [line["client"] for line in it.logged("request") if line["status"] == 200] == [
            "key-1",
            "key-2",
            "key-1",
            "key-2",
        ]
        assert {asked.header("authorization") for asked in it.openai.asked} == {"Bearer sk-openai"}
        assert all(asked.header("x-api-key") is None and asked.header("api-key") is None for asked in it.openai.asked)
        figures = await it.figures()
        assert figures("llm_request_total", provider="none", status="401") == 5
        assert not any("sk-" in line for line in it.lines)
        assert (await it.request("GET", "/v1/models")).status == 401
        assert (await it.request("GET", "/v1/models", headers=bearer("sk-one"))).status == 200
        assert (await it.request("GET", "/health", peer=FAR)).status == 200


@on_every_engine
async def test_a_refused_request_costs_no_bytes_and_no_connection(autojump_clock: MockClock, engine: str) -> None:
    """The same connection serves the same client once it shows its key."""
    async with running('[auth]\nmode = "keys"', environ=KEYS, engine=engine) as it:
        client = await it.connect()

        assert (await client.request("POST", "/v1/chat/completions", json_body={"model": "gpt-4o"})).status == 401
        assert it.gateway.ingress.used == 0
        again = await client.request("GET", "/v1/models", headers=bearer("sk-two"))

        assert again.status == 200
        client.leave()


@on_every_engine
async def test_without_a_token_the_admin_api_is_for_this_machine_only(autojump_clock: MockClock, engine: str) -> None:
    """A proxy on this machine makes everyone look local, and so does a web page that knows our address."""
    async with running(engine=engine) as it:
        strangers = [
            {"peer": FAR},
            {"headers": {"forwarded": "for=198.51.100.7"}},
            {"headers": {"x-forwarded-for": "198.51.100.7"}},
            {"headers": {"x-forwarded-host": "localhost"}},
            {"headers": {"x-real-ip": "127.0.0.1"}},
            {"headers": {"via": "1.1 proxy"}},
            {"headers": {"cf-connecting-ip": "198.51.100.7"}},
            {"headers": {"true-client-ip": "198.51.100.7"}},
            {"headers": {"x-client-ip": "198.51.100.7"}},
            {"host": "gateway.example"},
            {"host": "localhost.example"},
        ]
        for how in strangers:
            refused = await it.request("GET", "/admin/actors", **how)
            assert (refused.status, refused.error["code"]) == (403, "forbidden"), how
        for host in ("localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
            assert (await it.request("GET", "/admin/actors", host=host)).status == 200
        assert (await it.request("GET", "/admin/actors", peer="127.8.9.1")).status == 200


HOST_TRICKS: dict[str, set[int]] = {
    "GET /admin/actors HTTP/1.1\r\nHost: rebound.example\r\n": {403},
    "GET /admin/ HTTP/1.1\r\nHost: rebound.example:8080\r\n": {403},
    "GET http://rebound.example/admin/actors HTTP/1.1\r\nHost: localhost\r\n": {403},
    "GET http://u@localhost/admin/actors HTTP/1.1\r\nHost: localhost\r\n": {400},
    "GET /admin/actors HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n": {400},
    "GET /admin/actors HTTP/1.1\r\nHost: rebound.example\r\nHost: localhost\r\n": {400},
    "GET /admin/actors HTTP/1.1\r\nHost: localhost, rebound.example\r\n": {400, 403},
    "GET /admin/actors HTTP/1.1\r\nHost: localhost@rebound.example\r\n": {400, 403},
    "GET /admin/actors HTTP/1.1\r\nHost:\r\n": {400, 403},
    "GET /admin/actors HTTP/1.1\r\n": {400},
    "GET /admin/actors HTTP/1.0\r\n": {403},
    "GET /admin/actors HTTP/1.0\r\nHost: localhost\r\nHost: rebound.example\r\n": {400, 403},
    "GET /admin/actors HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: localhost\r\n": {403},
}


@on_every_engine
async def test_no_trick_with_the_host_makes_a_page_local(autojump_clock: MockClock, engine: str) -> None:
    """A name that leads to us (DNS rebinding), one in the target, several of which each part might take another."""
    async with running(engine=engine) as it:
        for trick, statuses in HOST_TRICKS.items():
            client = await it.connect()
            await client.send_raw(f"{trick}Connection: close\r\n\r\n".encode())
            answer = await client.read_raw()
            assert int(answer.split(b" ")[1]) in statuses, (trick, answer)
            client.leave()


@on_every_engine
async def test_with_a_token_the_admin_api_asks_everybody_for_it(autojump_clock: MockClock, engine: str) -> None:
    environ = {**KEYS, "LLM_GATEWAY_ADMIN_TOKEN": "admin-token"}
    async with running('[auth]\nmode = "keys"', environ=environ, engine=engine) as it:
        for headers in ({}, bearer("sk-one"), bearer("admin")):
            assert (await it.request("GET", "/admin/actors", headers=headers)).status == 401
        assert (await it.request("GET", "/admin/actors", headers=bearer("admin-token"), peer=FAR)).status == 200
        assert (await it.ask(headers=bearer("admin-token"))).status == 401


async def test_who_is_not_let_in_to_the_admin_api_is_told_but_not_in_a_flood(autojump_clock: MockClock) -> None:
    """One line in ten seconds says how many there were; the page, which knows no token before its operator gives it,
    knocks on nobody's nerves. Nothing that a stranger wrote is repeated.
    """
    async with running(environ={"LLM_GATEWAY_ADMIN_TOKEN": "admin-token"}) as it:
        assert (await it.request("GET", "/admin/events")).status == 401
        assert it.logged("admin refused") == []
        for _ in range(3):
            await it.request("DELETE", "/admin/requests/sk-guess", headers=bearer("sk-guess"), peer=FAR)
        await trio.sleep(10)
        foreign = {**bearer("admin-token"), "origin": "https://evil.example"}
        assert (await it.request("POST", "/admin/reload", headers=foreign)).status == 403
        assert [
            (line["level"], line["peer"], line["method"], line["path"], line["because"], line["times"])
            for line in it.logged("admin refused")
        ] == [
            ("warning", FAR, "DELETE", "/admin/requests", "unauthorized", 1),
            ("warning", "127.0.0.1", "POST", "/admin/reload", "forbidden", 3),
        ]
        assert (await it.figures())("llm_errors_total", provider="none", type="admin_refused") == 4
        seen = [one.what["peer"] for one in it.gateway.console.feed.own_since(0) if one.kind == "refused"]
        assert seen == [FAR, "127.0.0.1"]
        assert not any("guess" in line or "evil" in line for line in it.lines)


@on_every_engine
async def test_metrics_ask_for_their_token_where_one_is_set(autojump_clock: MockClock, engine: str) -> None:
    settings = '[metrics]\ntoken_env = "METRICS_TOKEN"'
    async with running(settings, environ={"METRICS_TOKEN": "m-token"}, engine=engine) as it:
        assert (await it.request("GET", "/metrics")).status == 401
        assert (await it.request("GET", "/metrics", headers=bearer("m-token"), peer=FAR)).status == 200


@on_every_engine
async def test_a_clients_own_key_goes_up_only_where_that_is_configured(autojump_clock: MockClock, engine: str) -> None:
    """The gateway's key comes in another header then, and never goes up."""
    settings = '[auth]\nmode = "keys"\n[providers.openai]\nauth = "passthrough"\napi_key_env = []'
    async with running(settings, environ=KEYS, engine=engine) as it:
        assert (await it.ask(headers={**bearer("sk-mine"), "x-api-key": "sk-one"})).status == 200
        assert (await it.ask(headers=bearer("sk-one"))).status == 200
        assert [asked.header("authorization") for asked in it.openai.asked] == ["Bearer sk-mine", None]


@on_every_engine
async def test_a_client_has_limits_of_its_own(autojump_clock: MockClock, engine: str) -> None:
    settings = '[auth]\nmode = "keys"\n[[auth.keys]]\nlabel = "slow"\nenv = "SLOW_KEY"\nrequests_per_minute = 2'
    async with running(settings, environ={**KEYS, "SLOW_KEY": "sk-slow"}, engine=engine) as it:
        statuses = [(await it.ask(headers=bearer("sk-slow"))).status for _ in range(3)]

        assert statuses == [200, 200, 429]
        assert (await it.ask(headers=bearer("sk-one"))).status == 200
        assert (await it.actors())["router"]["detail"]["clients"]["slow"]["requests"] == 0
        assert len(it.openai.asked) == 3


@on_every_engine
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"])
async def test_a_body_of_too_many_values_is_refused_before_it_is_decoded(
    autojump_clock: MockClock, engine: str, path: str
) -> None:
    """Decoding it would hold everybody up."""
    async with running(engine=engine) as it:
        body = b'{"model":"gpt-4o","tools":[' + b"0," * 1_200_000 + b"0]}"
        reply = await it.request("POST", path, body=body)
        assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")
        assert "values" in reply.json["error"]["message"]
        assert it.openai.asked == []
