"""Tools: listed for a chat request, run for clients, checked, split, and the operator's own at fixed addresses."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.face.http_client import Reply
from tests.whole.gateways import MEGABYTE, Running
from tests.whole.neighbours import ORCHESTRATOR, beside, beside_both
from tests.whole.upstream import Asked, answers, babbles, fails, resets, stalls, writes

AT_ORCHESTRATOR = {"CODE_ORCHESTRATOR_URL": f"http://{ORCHESTRATOR}", "WEATHER_TOKEN": "sk-weather"}
QUIET = "[code_orchestrator]\ncheck_s = 0\n"
SIMILAR = {"name": "compute_similarity", "arguments": {"text1": "a", "text2": "b"}}
OWN = f"""
[tools.weather]
url = "http://{ORCHESTRATOR}/weather/now"
description = "Says what the weather is like."
token_env = "WEATHER_TOKEN"
timeout_s = 2
max_concurrent = 2
schema = {{type = "object", required = ["city"], properties = {{city = {{type = "string"}}}}}}
[tools.time]
url = "http://{ORCHESTRATOR}/time"
method = "GET"
"""
TREE = f"""
[tools.tree]
url = "http://{ORCHESTRATOR}/tree"
schema.type = "object"
schema.additionalProperties = false
schema.properties.kid."$ref" = "#"
schema.patternProperties."^n_" = {{}}
"""
DEEP: Any = {}
for _ in range(400):
    DEEP = {"kid": DEEP}


async def execute(it: Running, name: str, arguments: Any, **options: Any) -> Reply:
    document = {"name": name, "arguments": arguments}
    return await it.request("POST", "/v1/tools/execute", json_body=document, **options)


async def test_each_tool_is_run_by_the_service_and_logged_and_counted(autojump_clock: MockClock) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        service.says("/v1/similarity", {"score": 0.5, "model": "m", "processing_time_ms": 2}, after_s=1)
        service.says("/v1/keywords", {"keywords": ["tea"], "processing_time_ms": 2})
        similar = await execute(it, "compute_similarity", SIMILAR["arguments"], headers={"x-request-id": "mine"})
        assert (similar.status, trio.current_time()) == (200, 1)
        assert similar.json == {
            "name": "compute_similarity",
            "result": {"score": 0.5, "model": "m", "processing_time_ms": 2.0},
        }
        found = await execute(it, "extract_keywords", '{"corpus": "tea, and more tea"}')  # as a model writes them
        assert found.json["result"]["keywords"] == ["tea"]
        assert [asked.json for asked in service.asked] == [
            SIMILAR["arguments"],
            {"corpus": "tea, and more tea", "top_k": 10},
        ]
        assert service.asked[0].header("x-request-id") == "mine"
        (line, _) = it.logged("tool ran")
        assert {name: line[name] for name in ("correlation_id", "tool", "turn", "outcome", "seconds")} == {
            "correlation_id": "mine",
            "tool": "compute_similarity",
            "turn": 0,
            "outcome": "ok",
            "seconds": 1,
        }
        assert (await it.figures())("gateway_tool_seconds_count", tool="extract_keywords", outcome="ok") == 1


async def test_texts_are_embedded_part_by_part_and_in_smaller_ones_under_pressure(autojump_clock: MockClock) -> None:
    async def embeds(asked: Asked) -> None:
        texts = asked.json["texts"]
        document = {"embeddings": [[float(text)] for text in texts], "model": "e", "processing_time_ms": 1}
        service.says("any", document)
        await service.by_path["any"](asked)

    texts = [str(number) for number in range(40)]
    settings = QUIET + "texts_at_once = 16\n"
    async with beside(ORCHESTRATOR, settings, environ=AT_ORCHESTRATOR) as (it, service):
        service.by_path["/v1/embeddings"] = embeds
        whole = (await execute(it, "generate_embeddings", {"texts": texts})).json["result"]
        assert whole == {"embeddings": [[float(text)] for text in texts], "model": "e", "processing_time_ms": 3.0}
        assert [len(asked.json["texts"]) for asked in service.asked] == [16, 16, 8]

        service.asked.clear()
        it.memory.bytes = 900 * MEGABYTE
        await trio.sleep(1)
        assert (await execute(it, "generate_embeddings", {"texts": texts})).json["result"] == {
            **whole,
            "processing_time_ms": 20.0,
        }
        assert {len(asked.json["texts"]) for asked in service.asked} == {2}

        service.says("/v1/embeddings", {"embeddings": [[1.0]]})
        refused = await execute(it, "generate_embeddings", {"texts": texts})
        assert (refused.status, refused.json["error"]["code"]) == (502, "service_error")


@pytest.mark.parametrize(
    ("name", "arguments", "status", "param"),
    [
        ("compute_similarity", {"text1": "a"}, 400, "arguments.text2"),
        ("compute_similarity", {"text1": "a", "text2": 3}, 400, "arguments.text2"),
        ("compute_similarity", {"text1": "a", "text2": "b", "more": 1}, 400, "arguments.more"),
        ("extract_keywords", {"corpus": ["a", 2]}, 400, "arguments.corpus[1]"),
        ("extract_keywords", {"corpus": "a", "top_k": 0}, 400, "arguments.top_k"),
        ("generate_embeddings", {"texts": ["a", 2]}, 400, "arguments.texts[1]"),
        ("generate_embeddings", {"texts": ["a"] * 2049}, 400, "arguments.texts"),
        ("generate_embeddings", {"texts": ["a"] * 300 + [""]}, 400, "arguments.texts[300]"),
        ("generate_embeddings", {"texts": ["a", True]}, 400, "arguments.texts[1]"),
        ("weather", {"city": "a", "more": [{"b": 1}] * 2047}, 400, "arguments"),
        ("generate_embeddings", [], 400, "arguments"),
        ("generate_embeddings", "{", 400, "arguments"),
        ("generate_embeddings", '{"texts": ["a", 2]}', 400, "arguments.texts[1]"),
        ("weather", {}, 400, "arguments.city"),
        ("time", {"zone": ["a"]}, 400, "arguments.zone"),
        ("tree", {"n_one": 1, "x_two": 2, "kid": {}}, 400, "arguments.x_two"),
        ("tree", {"kid": {"kid": {"name": 3}}}, 400, "arguments.kid.kid.name"),
        ("tree", DEEP, 400, "arguments"),
        ("nothing", {}, 404, "name"),
    ],
)
async def test_a_mistake_names_the_field_and_nobody_is_asked(
    autojump_clock: MockClock, name: str, arguments: Any, status: int, param: str
) -> None:
    async with beside(ORCHESTRATOR, QUIET + OWN + TREE, environ=AT_ORCHESTRATOR) as (it, service):
        refused = await execute(it, name, arguments)
        assert (refused.status, refused.json["error"]["param"]) == (status, param)
        assert service.asked == []


@pytest.mark.parametrize(
    ("script", "status", "code", "took_s"),
    [
        (stalls, 504, "upstream_timeout", 5),
        (fails(500, after_s=1), 502, "service_error", 1),
        (fails(422), 422, "service_refused", 0),
        (resets(after_s=0.5), 502, "service_error", 0.5),
        (answers("no score"), 502, "service_error", 0),
        (babbles, 502, "service_error", 0),
    ],
    ids=["silent", "500", "422", "reset", "garbage", "no HTTP"],
)
async def test_what_goes_wrong_is_told_clearly_and_in_time(
    autojump_clock: MockClock, script: Any, status: int, code: str, took_s: float
) -> None:
    """By each of the service's tools; of texts that go up part by part the first part is the last."""
    questions = (
        ("compute_similarity", "/v1/similarity", SIMILAR["arguments"]),
        ("extract_keywords", "/v1/keywords", {"corpus": "tea"}),
        ("generate_embeddings", "/v1/embeddings", {"texts": ["a", "b", "c"]}),
    )
    async with beside(ORCHESTRATOR, QUIET + "texts_at_once = 1", environ=AT_ORCHESTRATOR) as (it, service):
        for name, path, arguments in questions:
            service.by_path[path] = script
            began = trio.current_time()
            refused = await execute(it, name, arguments)
            assert (refused.status, refused.json["error"]["code"]) == (status, code)
            assert refused.json["error"]["message"].startswith("The Code Orchestrator Service ")
            assert ORCHESTRATOR not in refused.body.decode()
            assert trio.current_time() - began == took_s
        assert len(service.asked) == len(questions)
        it.assert_at_rest()


async def test_a_clients_own_deadline_is_kept_by_tools_and_blames_nobody(autojump_clock: MockClock) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        service.by_path["/v1/similarity"] = stalls
        refused = await execute(it, **SIMILAR, headers={"x-gateway-timeout": "2"})
        assert (refused.status, trio.current_time()) == (504, 2)
        assert (await it.actors())["code_orchestrator"]["detail"]["breaker"]["failures"] == 0


async def test_a_dead_service_is_asked_five_times_and_then_left_alone(autojump_clock: MockClock) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        service.by_path["/v1/similarity"] = fails(500)
        statuses = [(await execute(it, **SIMILAR)).status for _ in range(7)]
        assert statuses == [502] * 5 + [503] * 2
        assert len(service.asked) == 5
        actor = (await it.actors())["code_orchestrator"]
        assert (actor["parent"], actor["kind"], actor["detail"]["breaker"]["state"]) == ("tools", "service", "open")


async def test_tools_of_the_operators_own_have_fixed_addresses_breakers_and_limits(autojump_clock: MockClock) -> None:
    """Of three calls at once the third has its turn when the first two have had their two seconds."""
    async with beside(ORCHESTRATOR, QUIET + OWN, environ=AT_ORCHESTRATOR) as (it, service):
        service.says("/weather/now", {"sky": "clear"})
        service.by_path["/time?zone=Europe%2FParis&exact=true"] = writes("noon")
        assert (await execute(it, "weather", {"city": "../admin"})).json["result"] == {"sky": "clear"}
        assert (service.asked[0].target, service.asked[0].json) == (b"/weather/now", {"city": "../admin"})
        noon = await execute(it, "time", {"zone": "Europe/Paris", "exact": True})
        assert noon.json["result"] == "noon"

        assert [asked.header("authorization") for asked in service.asked] == ["Bearer sk-weather", None]

        service.by_path["/weather/now"] = stalls
        begun = trio.current_time()
        silent = await execute(it, "weather", {"city": "Paris"})
        assert (silent.status, trio.current_time() - begun) == (504, 2)
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(execute, it, "weather", {"city": "Paris"})
        assert [asked.at - begun for asked in service.asked[3:]] == [0, 0, 2]
        assert trio.current_time() - begun == 4
        actors = await it.actors()
        assert actors["tool.weather"]["detail"]["breaker"]["failures"] == 4
        assert actors["tool.time"]["detail"]["breaker"]["failures"] == 0


async def test_the_list_is_in_the_form_of_a_chat_request(autojump_clock: MockClock) -> None:
    async with beside(ORCHESTRATOR, QUIET + OWN, environ=AT_ORCHESTRATOR) as (it, _):
        listed = (await it.request("GET", "/v1/tools")).json
        assert listed["object"] == "list"
        assert [tool["function"]["name"] for tool in listed["data"]] == [
            "compute_similarity",
            "extract_keywords",
            "generate_embeddings",
            "weather",
            "time",
        ]
        assert {tool["type"] for tool in listed["data"]} == {"function"}
        asked = {"model": "sandbox/lorem", "messages": [{"role": "user", "content": "Go."}], "tools": listed["data"]}
        assert (await it.ask(asked)).status == 200


async def test_whoever_runs_tools_and_asks_for_counts_shows_a_key_whose_requests_a_minute_it_uses(
    autojump_clock: MockClock,
) -> None:
    """What they ask costs the operator something; the list of tools costs nobody anything."""
    settings = QUIET + '[cms]\ncheck_s = 0\n[auth]\nmode = "keys"\n[[auth.keys]]\nlabel = "team"\nenv = "TEAM_KEY"\n'
    environ = {"TEAM_KEY": "sk-team"}
    team = {"authorization": "Bearer sk-team"}
    text = {"text": "a", "model": "gpt-4o"}
    async with beside_both(settings + "requests_per_minute = 3", environ=environ) as (it, cms, orchestrator):
        orchestrator.says("/v1/similarity", {"score": 0.5})
        cms.says("/v1/context/validate", {"token_count": 1, "context_limit": 9})
        nobodys = [
            await it.request("GET", "/v1/tools"),
            await execute(it, **SIMILAR),
            await it.request("POST", "/v1/context/validate", json_body=text),
        ]
        assert [reply.status for reply in nobodys] == [401] * 3

        assert [(await it.request("GET", "/v1/tools", headers=team)).status for _ in range(4)] == [200] * 4
        ran = await execute(it, **SIMILAR, headers=team)
        counted = await it.request("POST", "/v1/context/validate", json_body=text, headers=team)
        assert (await it.ask(headers=team)).status == 200
        refused = [
            await execute(it, **SIMILAR, headers=team),
            await it.request("POST", "/v1/context/validate", json_body=text, headers=team),
        ]
        remaining = [reply.header("x-ratelimit-remaining-requests") for reply in (ran, counted, *refused)]
        assert remaining == ["2", "1", "0", "0"]
        assert [(reply.status, reply.header("retry-after")) for reply in refused] == [(429, "20")] * 2
        assert [len(service.asked) for service in (orchestrator, cms)] == [1, 1]
        await trio.sleep(20)
        assert (await execute(it, **SIMILAR, headers=team)).status == 200
        it.assert_at_rest()


async def test_a_tool_that_sends_elsewhere_is_not_followed(autojump_clock: MockClock) -> None:
    """Else whoever runs the tool's server could make the gateway ask whom it likes."""
    async with beside(ORCHESTRATOR, QUIET + OWN, environ=AT_ORCHESTRATOR) as (it, service):
        for status in (301, 302, 307, 308):
            service.by_path["/weather/now"] = redirects(status, f"http://{ORCHESTRATOR}/v1/similarity")
            refused = await execute(it, "weather", {"city": "Paris"})
            assert (refused.status, refused.json["error"]["code"]) == (502, "service_error")
            assert "redirects, and redirects are not followed" in refused.json["error"]["message"]
            assert ORCHESTRATOR not in refused.body.decode()
        assert [asked.target for asked in service.asked] == [b"/weather/now"] * 4


def redirects(status: int, where: str) -> Any:
    async def script(asked: Asked) -> None:
        await asked.send_head(status, b"location: " + where.encode(), b"content-length: 0")

    return script
