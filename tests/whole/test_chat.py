"""One chat request through everything: what the client gets, what the provider saw, what was logged and counted."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

from gateway import __version__
from tests.whole.gateways import ADDRESS, CHAT, ENGINES, MEGABYTE, QUESTION, STREAMED, data_of, running
from tests.whole.upstream import answers, fails, is_cut, resets, stalls, streams, texts_of

TREE = [
    ("root", "supervisor", None),
    ("memory", "monitor", "root"),
    ("store", "store", "root"),
    ("leases", "limits", "root"),
    ("hints", "breakers", "root"),
    ("spend", "books", "root"),
    ("keys", "keys", "root"),
    ("upstream", "client", "root"),
    ("cms", "service", "root"),
    ("tools", "supervisor", "root"),
    ("code_orchestrator", "service", "tools"),
    ("providers", "supervisor", "root"),
    ("openai", "provider", "providers"),
    ("anthropic", "provider", "providers"),
    ("google", "provider", "providers"),
    ("deepseek", "provider", "providers"),
    ("openrouter", "provider", "providers"),
    ("sandbox", "provider", "providers"),
    ("router", "router", "root"),
    ("responses", "background", "root"),
    ("face", "server", "root"),
]
"""Who is there, with kind and parent, in the order of their start."""

on_every_engine = pytest.mark.parametrize("engine", ENGINES)


@on_every_engine
async def test_a_plain_question_is_answered_logged_and_counted(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(answers("Hello.", after_s=2))

        reply = await it.ask(headers={"x-request-id": "mine"})

        assert trio.current_time() == 2
        assert reply.status == 200
        assert reply.json["choices"][0]["message"]["content"] == "Hello."
        assert reply.header("x-request-id") == "mine"
        assert reply.header("x-gateway-provider") == "openai"
        assert reply.header("x-gateway-attempts") == "1"
        (asked,) = it.openai.asked
        assert (asked.at, asked.target, asked.json) == (0, b"/v1/chat/completions", QUESTION)
        assert asked.header("authorization") == "Bearer sk-openai"
        assert asked.header("x-request-id") == "mine"

        assert it.logged("request") == [
            {
                "level": "info",
                "timestamp": "2023-11-14T22:13:22.000Z",
                "logger": "gateway.face",
                "event": "request",
                "correlation_id": "mine",
                "endpoint": "chat/completions",
                "status": 200,
                "outcome": "ok",
                "error": None,
                "provider": "openai",
                "model": "gpt-4o",
                "attempts": 1,
                "operation": "first",
                "stream": False,
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "cached_tokens": 0,
                "reasoning_tokens": 0,
                "cost_usd": 5.25e-05,
                "queue_s": 0,
                "connect_s": 0,
                "first_token_s": None,
                "total_s": 2,
                "overhead_s": 0,
                "client": "",
            }
        ]
        figures = await it.figures()
        whose = {"provider": "openai", "model": "gpt-4o"}
        assert figures("llm_request_total", **whose, endpoint="chat/completions", status="200") == 1
        assert figures("llm_request_total") == 1
        assert figures("llm_request_duration_seconds_sum", **whose, stream="false") == 2
        assert figures("llm_tokens_total", **whose, type="prompt") == 9
        assert figures("llm_tokens_total", **whose, type="completion") == 3
        assert figures("llm_errors_total") == 0
        assert figures("gateway_in_flight", actor="openai") == 0
        it.assert_at_rest()


@on_every_engine
async def test_a_stream_arrives_piece_by_piece_is_logged_and_counted(autojump_clock: MockClock, engine: str) -> None:
    """Head and first piece wait for the first content; usage is asked for, counted, and hidden again."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("Hel", "lo", ".", every_s=2))
        client = await it.connect()
        await client.send("POST", CHAT, json_body=STREAMED)

        head = await client.read_head()
        came = [trio.current_time()]
        body = b""
        while (piece := await client.read_piece()) is not None:
            body += piece
            came.append(trio.current_time())

        assert head.status == 200
        assert head.header("content-type") == "text/event-stream; charset=utf-8"
        assert sorted(set(came)) == [2, 4, 6]
        *events, done = data_of(body)
        assert texts_of(events) == "Hello."
        assert done == "[DONE]"
        assert all("usage" not in event for event in events)
        await trio.testing.wait_all_tasks_blocked()
        assert it.openai.asked[0].json == {**STREAMED, "stream_options": {"include_usage": True}}

        (line,) = it.logged("request")
        assert (line["status"], line["outcome"], line["stream"]) == (200, "ok", True)
        assert (line["first_token_s"], line["total_s"], line["overhead_s"]) == (2, 6, 0)
        assert (line["prompt_tokens"], line["completion_tokens"]) == (9, 3)
        figures = await it.figures()
        assert figures("llm_request_duration_seconds_sum", stream="true") == 6
        assert figures("llm_time_to_first_token_seconds_sum", provider="openai") == 2
        assert figures("llm_tokens_total", type="completion") == 3
        client.leave()
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()
        it.assert_nobody_is_connected()


@on_every_engine
async def test_an_error_of_the_provider_reaches_the_client_and_is_counted(
    autojump_clock: MockClock, engine: str
) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(fails(400, after_s=1))

        reply = await it.ask()

        assert (reply.status, reply.error["message"]) == (400, "no: 400")
        (line,) = it.logged("request")
        assert (line["status"], line["outcome"], line["error"], line["attempts"]) == (400, "error", "upstream_400", 1)
        figures = await it.figures()
        assert figures("llm_request_total", provider="openai", status="400") == 1
        assert figures("llm_errors_total", provider="openai", type="upstream_400") == 1
        assert figures("circuit_breaker_failures_total") == 0
        it.assert_at_rest()


@on_every_engine
async def test_the_sandbox_answers_without_any_provider(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        reply = await it.ask({**QUESTION, "model": "sandbox/echo"})

        assert reply.json["choices"][0]["message"]["content"] == "Say hello."
        assert it.network.connects == [ADDRESS]
        assert it.logged("request")[0]["provider"] == "sandbox"
        it.assert_at_rest()


@on_every_engine
async def test_calls_in_flight_are_seen_with_their_ages(autojump_clock: MockClock, engine: str) -> None:
    """One unary call at t = 0, one stream at t = 1, and a look at t = 3."""
    async with running(engine=engine) as it, trio.open_nursery() as clients:
        it.openai.plays(stalls)
        clients.start_soon(it.ask)
        await trio.sleep(1)
        clients.start_soon(it.ask, STREAMED)
        await trio.sleep(2)

        page = (await it.request("GET", "/admin/actors")).json

        assert list(page) == ["actors", "worker", "version"]
        assert (page["worker"], page["version"]) == ("0", __version__)
        assert [(actor["name"], actor["kind"], actor["parent"]) for actor in page["actors"]] == TREE
        actors = {actor["name"]: actor for actor in page["actors"]}
        sizes = sum(len(asked_of(question)) for question in (QUESTION, STREAMED))
        assert actors["openai"] == {
            "name": "openai",
            "kind": "provider",
            "parent": "providers",
            "state": "running",
            "restarts": 0,
            "last_error": None,
            "uptime_s": 3,
            "mailbox": {"depth": 0, "capacity": 4096, "bytes": 0, "oldest_s": 0, "processed": 2, "refused": 0},
            "detail": {
                "breakers": {
                    "*": {"state": "closed", "failures": 0, "opens_in_s": 0},
                    "gpt-4o": {"state": "closed", "failures": 0, "opens_in_s": 0},
                },
                "tokens": 2_000_000,
                "requests": 10_000,
                "memory": {"used": sizes + 40 * 1024, "limit": 256 * MEGABYTE},
                "concurrency": {"used": 2, "limit": 256, "adaptive": False},
                "limits": {
                    "requests_per_minute": 10_000,
                    "tokens_per_minute": 2_000_000,
                    "max_concurrent": 256,
                    "models": {},
                },
                "in_flight": [
                    {"id": f"{1:032x}", "model": "gpt-4o", "stage": "awaiting", "age_s": 3, "deadline_in_s": 597},
                    {"id": f"{2:032x}", "model": "gpt-4o", "stage": "awaiting", "age_s": 2, "deadline_in_s": 598},
                ],
                "waiting": 0,
                "keys": [{"label": "OPENAI_API_KEY", "state": "ready", "cooldown_s": 0}],
            },
        }
        assert actors["router"]["detail"]["in_flight"] == 2
        assert all(set(actor) == set(actors["openai"]) for actor in page["actors"])
        figures = await it.figures()
        assert figures("gateway_in_flight", actor="openai") == 2
        assert figures("gateway_memory_bytes", actor="openai") == sizes + 40 * 1024
        assert figures("llm_request_total") == 0
        clients.cancel_scope.cancel()


@on_every_engine
async def test_health_tells_who_is_there(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        await trio.sleep(5)

        health = await it.request("GET", "/health")
        ready = await it.request("GET", "/health/ready")
        detailed = await it.request("GET", "/health/detailed")

        providers = [name for name, kind, _ in TREE if kind == "provider"]
        assert (health.status, ready.status, detailed.status) == (200, 200, 200)
        assert health.json == {
            "status": "ok",
            "version": __version__,
            "worker": "0",
            "uptime_s": 5,
            "providers": dict.fromkeys(providers, "running"),
        }
        assert ready.json == {"status": "ready"}
        assert detailed.json["memory"] == {"resident_bytes": 50 * MEGABYTE}
        assert detailed.json["store"] == {"mode": "memory"}
        assert [actor["name"] for actor in detailed.json["actors"]] == [name for name, _, _ in TREE]


async def test_neither_keys_nor_words_get_into_log_metrics_or_admin(autojump_clock: MockClock) -> None:
    """Whatever happens to a request."""
    async with running(environ={"LLM_GATEWAY_API_KEYS": "sk-client"}) as it:
        it.openai.plays(answers(), fails(400), fails(401), resets())
        for _ in range(4):
            await it.ask(headers={"authorization": "Bearer sk-client"})
        it.openai.plays(streams("a", "b", then=is_cut))
        await it.ask(STREAMED, headers={"authorization": "Bearer sk-client"})

        shown = [(await it.request("GET", page)).body.decode() for page in ("/admin/actors", "/metrics")]

        assert len(it.logged("request")) == 5
        for text in (*it.lines, *shown):
            for secret in ("sk-client", "sk-openai", "Say hello", "Hello."):
                assert secret not in text


def asked_of(question: object) -> bytes:
    """The body as the client sends it."""
    return json.dumps(question).encode()
