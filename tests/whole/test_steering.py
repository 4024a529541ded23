"""What operators do to a whole gateway at work, over the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.admin.reload import Reloaded
from gateway.face.openapi.admin_operations import ADMIN_OPERATIONS
from tests.face.http_client import Reply
from tests.store.fake_redis import FakeServer
from tests.whole.gateways import CHAT, QUESTION, STREAMED, Running, running
from tests.whole.upstream import answers, streams

OWN = {"x-gateway-admin": "1"}


async def test_the_settings_in_force_are_shown_without_a_single_secret(autojump_clock: MockClock) -> None:
    environ = {
        "LLM_GATEWAY_API_KEYS": "canary-client",
        "LLM_GATEWAY_ADMIN_TOKEN": "canary-admin",
        "ANTHROPIC_API_KEY": "canary-anthropic",
        "PROXY": "http://user:canary-proxy@proxy.test:3128",
        "METRICS": "canary-metrics",
    }
    digest = sha256(b"another client's key").hexdigest()
    settings = f"""
[[auth.keys]]
label = "digested"
sha256 = "{digest}"
[metrics]
token_env = "METRICS"
[providers.anthropic]
upstream = {{ engine = "httpx", proxy_env = "PROXY" }}
"""
    async with running(settings, environ=environ) as it:
        reply = await it.request("GET", "/admin/config", headers={"authorization": "Bearer canary-admin"})

        assert reply.status == 200
        assert b"canary" not in reply.body
        assert b"sk-openai" not in reply.body
        assert digest.encode() not in reply.body
        page = reply.json
        assert page["timeouts"]["total_s"] == 600
        assert page["models"]["backed"]["fallbacks"] == ["deepseek/deepseek-chat"]
        assert page["secrets"]["OPENAI_API_KEY"] == page["secrets"]["LLM_GATEWAY_ADMIN_TOKEN"] == "(set)"
        assert page["store_address"] == "memory "


async def give(it: Running, method: str, path: str, body: Any = None, **options: Any) -> Reply:
    """An order, from somebody at this machine."""
    return await it.request(method, f"/admin/{path}", json_body=body, headers=OWN, **options)


async def states(it: Running, name: str) -> str:
    state: str = (await it.actors())[name]["state"]
    return state


async def test_a_breaker_is_opened_and_shut_by_hand(autojump_clock: MockClock) -> None:
    """Open, it stays so until it is shut; the call goes to the fallback meanwhile."""
    async with running() as it:
        it.openai.plays(answers("Here I am."))
        it.deepseek.plays(answers("I stand in."))
        ordered = await give(it, "POST", "providers/openai/breaker", {"action": "open", "model": "gpt-4o"})
        assert (ordered.status, ordered.json["workers"]) == (200, {"0": "done"})
        assert (await it.actors())["openai"]["detail"]["breakers"]["gpt-4o"] == {
            "state": "open",
            "failures": 0,
            "opens_in_s": None,
        }
        assert (await it.figures())("circuit_breaker_state", provider="openai", model="gpt-4o") == 2

        await trio.sleep(1000)
        refused = await it.ask()
        assert (refused.status, refused.error["code"], refused.header("retry-after")) == (
            503,
            "provider_unavailable",
            "60",
        )
        backed = await it.ask({**QUESTION, "model": "backed"})
        assert backed.json["choices"][0]["message"]["content"] == "I stand in."

        await give(it, "POST", "providers/openai/breaker", {"action": "close", "model": "gpt-4o"})
        assert (await it.ask()).json["choices"][0]["message"]["content"] == "Here I am."
        it.assert_at_rest()


async def test_a_breaker_opened_for_a_while_probes_afterwards(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(answers())
        await give(it, "POST", "providers/openai/breaker", {"action": "open", "for_s": 40})
        assert (await it.ask()).header("retry-after") == "40"
        await trio.sleep(40)
        assert (await it.ask()).status == 200
        moves = [line["after"] for line in it.logged("breaker moved")]
        assert moves == ["open", "half_open", "closed"]


async def test_a_reset_shuts_every_breaker_of_a_provider(autojump_clock: MockClock) -> None:
    async with running() as it:
        for model in ("*", "gpt-4o", "o3"):
            await give(it, "POST", "providers/openai/breaker", {"action": "open", "model": model})
        await give(it, "POST", "providers/openai/breaker", {"action": "reset"})
        breakers = (await it.actors())["openai"]["detail"]["breakers"]
        assert {model: breaker["state"] for model, breaker in breakers.items()} == dict.fromkeys(
            ("*", "gpt-4o", "o3"), "closed"
        )


async def test_a_paused_provider_lets_calls_wait_and_a_drained_one_sends_them_elsewhere(
    autojump_clock: MockClock,
) -> None:
    async with running() as it, trio.open_nursery() as nursery:
        it.openai.plays(answers("At work.", after_s=5), answers("Waited."))
        it.deepseek.plays(answers("Elsewhere."))
        said: list[tuple[str, float]] = []

        async def ask() -> None:
            reply = await it.ask({**QUESTION, "model": "backed"})
            said.append((reply.json["choices"][0]["message"]["content"], trio.current_time()))

        nursery.start_soon(ask)
        await trio.sleep(1)
        assert (await give(it, "POST", "providers/openai/pause")).json["intake"] == "paused"
        assert await states(it, "openai") == "paused"
        nursery.start_soon(ask)
        await trio.sleep(6)
        assert said == [("At work.", 5)], "who was at work goes on, who came later waits"
        await give(it, "POST", "providers/openai/resume")
        await trio.sleep(1)
        assert said[1:] == [("Waited.", 7)]

        await give(it, "POST", "providers/openai/drain")
        assert await states(it, "openai") == "draining"
        await ask()
        assert said[2:] == [("Elsewhere.", 8)]
        await give(it, "POST", "providers/openai/resume")
        assert await states(it, "openai") == "running"
        it.assert_at_rest()


@pytest.mark.parametrize(("order", "state"), [("pause", "paused"), ("drain", "draining")])
async def test_what_an_operator_has_closed_stays_so_over_restarts_and_reloads(
    autojump_clock: MockClock, order: str, state: str
) -> None:
    async with running() as it:
        await give(it, "POST", f"providers/openai/{order}")
        before = it.provider("openai")
        assert (await give(it, "POST", "actors/openai/restart")).status == 200
        assert it.provider("openai") is not before
        await trio.sleep(0.1)
        assert await states(it, "openai") == state
        await it.gateway.reload(it.gateway.config)
        assert await states(it, "openai") == state
        intake = (await it.request("GET", "/admin/config")).json["changed"]["intakes"]
        assert intake == {"openai": {"pause": "paused", "drain": "drained"}[order]}


async def test_limits_change_at_once_and_until_the_settings_are_read_again(autojump_clock: MockClock) -> None:
    settings = "[providers.openai]\nrequests_per_minute = 1\ntokens_per_minute = 0\n"
    async with running(settings) as it:
        it.openai.plays(*[answers()] * 4)
        assert [(await it.ask()).status for _ in range(2)] == [200, 429]

        await give(it, "PATCH", "providers/openai/limits", {"requests_per_minute": 3, "max_concurrent": 7})
        limits = (await it.actors())["openai"]["detail"]["limits"]
        assert (limits["requests_per_minute"], limits["max_concurrent"]) == (3, 7)
        assert (await it.ask()).status == 429, "a larger limit is no fresh minute"
        await trio.sleep(20)
        assert (await it.ask()).status == 200

        await give(it, "PATCH", "providers/openai/limits", {"requests_per_minute": 0})
        assert [(await it.ask()).status for _ in range(2)] == [200, 200]
        await give(it, "POST", "actors/openai/restart")
        assert (await it.actors())["openai"]["detail"]["limits"]["max_concurrent"] == 7

        await it.gateway.reload(it.gateway.config)
        assert (await it.actors())["openai"]["detail"]["limits"] == {
            "requests_per_minute": 1,
            "tokens_per_minute": None,
            "max_concurrent": 256,
            "models": {},
        }


async def test_a_models_limit_holds_for_that_model_alone(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(*[answers()] * 3)
        await give(it, "PATCH", "providers/openai/limits", {"model": "gpt-4o", "requests_per_minute": 1})
        assert [(await it.ask()).status for _ in range(2)] == [200, 429]
        assert (await it.ask({**QUESTION, "model": "gpt-4.1"})).status == 200
        await give(it, "PATCH", "providers/openai/limits", {"model": "gpt-4o", "requests_per_minute": 0})
        assert (await it.ask()).status == 200


async def test_requests_in_flight_are_listed_and_one_is_cancelled(autojump_clock: MockClock) -> None:
    async with running() as it, trio.open_nursery() as nursery:
        it.openai.plays(answers(after_s=100), answers(after_s=100))
        replies: list[tuple[Reply, float]] = []

        async def ask(id: str) -> None:
            reply = await it.ask(headers={"x-request-id": id})
            replies.append((reply, trio.current_time()))

        nursery.start_soon(ask, "the-first")
        await trio.sleep(1)
        nursery.start_soon(ask, "the-second")
        await trio.sleep(2)
        page = (await it.request("GET", "/admin/requests")).json
        assert page["total"] == 2
        first, second = page["requests"]
        assert {**first, "id": "", "attempts": []} == {
            "id": "",
            "request_id": "the-first",
            "worker": "0",
            "endpoint": "chat/completions",
            "model": "gpt-4o",
            "provider": "openai",
            "stage": "awaiting",
            "client": "",
            "priority": "normal",
            "stream": False,
            "age_s": 3,
            "deadline_in_s": 597,
            "attempts": [],
        }
        assert first["attempts"][0]["operation"] == "first"

        assert (await give(it, "DELETE", f"requests/{second['id']}")).status == 200

        await trio.testing.wait_all_tasks_blocked()
        ((reply, at),) = replies
        assert (reply.status, reply.error["code"], at) == (503, "request_cancelled", 3)
        assert reply.header("x-should-retry") == "false"
        assert it.provider("openai").in_flight == 1
        assert (await give(it, "DELETE", f"requests/{second['id']}")).status == 404
        await give(it, "DELETE", f"requests/{first['id']}")
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()


async def test_a_cancelled_stream_ends_with_an_error_and_frees_everything_at_once(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(streams(*["word "] * 50, every_s=1))
        client = await it.connect()
        await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
        await client.read_head()
        await trio.sleep(4)
        (row,) = (await it.request("GET", "/admin/requests")).json["requests"]
        assert (row["stage"], row["stream"]) == ("streaming", True)
        began_at = trio.current_time()

        await give(it, "DELETE", f"requests/{row['id']}")

        body = b""
        while (piece := await client.read_piece()) is not None:
            body += piece
        assert trio.current_time() == began_at
        assert b"request_cancelled" in body
        assert b"[DONE]" not in body
        it.assert_at_rest()


async def test_a_call_that_waits_or_backs_off_is_cancelled_too(autojump_clock: MockClock) -> None:
    async with running("[providers.openai]\nmax_concurrent = 1\n") as it, trio.open_nursery() as nursery:
        it.openai.plays(answers(after_s=5), answers())
        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await it.ask()).status)

        for _ in range(2):
            nursery.start_soon(ask)
            await trio.sleep(1)
        rows = (await it.request("GET", "/admin/requests")).json["requests"]
        assert [row["stage"] for row in rows] == ["awaiting", "waiting"]
        await give(it, "DELETE", f"requests/{rows[1]['id']}")
        await trio.testing.wait_all_tasks_blocked()
        assert statuses == [503]
        await trio.sleep(10)
        assert statuses == [503, 200]
        it.assert_at_rest()


async def test_log_levels_change_per_module_until_the_settings_are_read_again(autojump_clock: MockClock) -> None:
    async with running() as it:
        echo = {**QUESTION, "model": "sandbox/echo"}
        await it.ask(echo)
        assert len(it.logged("request")) == 1
        await give(it, "PATCH", "log-levels", {"levels": {"gateway.face": "error"}})
        await it.ask(echo)
        assert len(it.logged("request")) == 1
        levels = (await it.request("GET", "/admin/log-levels")).json
        assert levels == {"level": "info", "levels": {"gateway.face": "error"}}
        await give(it, "PATCH", "log-levels", {"levels": {"gateway.face": None}})
        await it.ask(echo)
        assert len(it.logged("request")) == 2
        await give(it, "PATCH", "log-levels", {"level": "critical"})
        await it.gateway.reload(it.gateway.config)
        await it.ask(echo)
        assert len(it.logged("request")) == 3


async def test_an_actor_is_restarted_but_not_what_carries_the_request(autojump_clock: MockClock) -> None:
    async with running() as it:
        router = it.gateway.actors.router()
        assert (await give(it, "POST", "actors/router/restart")).status == 200
        assert it.gateway.actors.router() is not router
        assert (await it.actors())["router"]["restarts"] == 1
        for name in ("root", "face"):
            refused = await give(it, "POST", f"actors/{name}/restart")
            assert (refused.status, refused.error["code"]) == (409, "conflict")
        assert (await it.ask({**QUESTION, "model": "sandbox/echo"})).status == 200


ORDERS: dict[str, Any] = {
    "POST /admin/actors/{name}/restart": {},
    "DELETE /admin/requests/{id}": {},
    "POST /admin/providers/{name}/pause": {},
    "POST /admin/providers/{name}/drain": {},
    "POST /admin/providers/{name}/resume": {},
    "POST /admin/providers/{name}/breaker": {"action": "open"},
    "PATCH /admin/providers/{name}/limits": {"max_concurrent": 7},
    "PATCH /admin/log-levels": {"level": "warning"},
    "POST /admin/reload": {},
    "POST /admin/keys": {"label": "team"},
    "PATCH /admin/keys/{label}": {"max_concurrent": 7},
    "POST /admin/keys/{label}/rotate": {},
    "DELETE /admin/keys/{label}": {},
}
"""Whatever changes anything, in an order in which all of it can be done."""


async def test_every_order_is_logged_with_who_gave_it_and_what_it_was(autojump_clock: MockClock) -> None:
    """Those that are refused too."""
    assert set(ORDERS) == {name for name in ADMIN_OPERATIONS if not name.startswith("GET ")}
    headers = {**OWN, "x-gateway-operator": "ada"}
    async with running(environ={"REDIS_URL": "redis://store.test"}, open_redis=FakeServer().open) as it:
        it.gateway.console.reload_settings = nothing_changes
        it.openai.plays(answers(after_s=100))
        client = await it.connect()
        await client.send("POST", CHAT, json_body=QUESTION)
        await trio.sleep(1)
        (waiting,) = (await it.request("GET", "/admin/requests")).json["requests"]
        names = {"name": "deepseek", "id": waiting["id"], "label": "team"}
        for order, body in ORDERS.items():
            method, path = order.split(" ")
            before = len(it.logged("operator's order"))
            reply = await it.request(method, path.format(**names), json_body=body, headers=headers)
            assert reply.status in (200, 201), (order, reply.body)
            (line,) = it.logged("operator's order")[before:]
            assert line["by"] == "ada@127.0.0.1"
            assert line["what"]["order"], order
            told = json.dumps(line["what"])
            assert all(names[name] in told for name in re.findall(r"{(\w+)}", path)), (order, told)

        await it.request("POST", "/admin/actors/face/restart", headers=headers)
        last = it.logged("operator's order")[-1]
        assert (last["by"], last["what"]["order"], "refused" in last["what"]) == ("ada@127.0.0.1", "restart", True)


async def nothing_changes() -> Reloaded:
    return Reloaded()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "param"),
    [
        ("POST", "providers/nobody/drain", None, 404, None),
        ("POST", "providers/nobody/breaker", {"action": "open"}, 404, None),
        ("PATCH", "providers/nobody/limits", {}, 404, None),
        ("POST", "actors/nobody/restart", None, 404, None),
        ("DELETE", "requests/nothing", None, 404, None),
        ("DELETE", "requests/00070000000000000000000000000001", None, 404, None),
        ("POST", "providers/openai/explode", None, 404, None),
        ("POST", "providers/openai/breaker", {}, 400, "action"),
        ("POST", "providers/openai/breaker", {"action": "smash"}, 400, "action"),
        ("POST", "providers/openai/breaker", {"action": "open", "for_s": -1}, 400, "for_s"),
        ("POST", "providers/openai/breaker", {"action": "open", "provider": "deepseek"}, 400, "provider"),
        ("POST", "providers/openai/breaker", ["open"], 400, None),
        ("POST", "providers/openai/drain", {"now": True}, 400, "now"),
        ("PATCH", "providers/openai/limits", {"max_concurrent": 0}, 400, "max_concurrent"),
        ("PATCH", "providers/openai/limits", {"requests_per_minute": "many"}, 400, "requests_per_minute"),
        ("PATCH", "providers/openai/limits", {"model": "gpt-4o", "max_concurrent": 3}, 400, "max_concurrent"),
        ("PATCH", "log-levels", {"level": "loud"}, 400, "level"),
        ("PATCH", "log-levels", {"levels": {"a": "loud"}}, 400, "levels[...]"),
        ("GET", "providers/openai/drain", None, 405, None),
    ],
)
async def test_orders_that_make_no_sense_are_told_so(
    autojump_clock: MockClock, method: str, path: str, body: Any, status: int, param: str | None
) -> None:
    async with running() as it:
        before = await it.actors()
        refused = await give(it, method, path, body)
        assert (refused.status, refused.error["param"]) == (status, param)
        assert {name: actor["state"] for name, actor in (await it.actors()).items()} == {
            name: actor["state"] for name, actor in before.items()
        }


async def test_nothing_changes_without_the_header_that_no_foreign_page_can_send(autojump_clock: MockClock) -> None:
    async with running() as it:
        foreign: list[Mapping[str, str]] = [{}, {**OWN, "origin": "https://evil.example"}]
        for headers in foreign:
            reply = await it.request("POST", "/admin/providers/openai/drain", headers=dict(headers))
            assert reply.status == 403
        reply = await it.request("POST", "/admin/providers/openai/drain", headers=OWN, peer="203.0.113.9")
        assert reply.status == 403
        assert await states(it, "openai") == "running"
