"""The Context Management Service beside a whole gateway: exact counts on the way, and its operations for clients."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing
from trio.testing import MockClock

from gateway.assembly.upstream_clients import AnyClient, UpstreamClients
from gateway.config.settings import Transport
from gateway.context.client import Chunks, Processed
from gateway.errors import ServiceFailed
from gateway.neighbour import Behalf
from tests.whole.gateways import CHAT, QUESTION, running
from tests.whole.neighbours import CMS, beside
from tests.whole.test_windows import HALF, told
from tests.whole.upstream import answers, babbles, fails, resets, sends, stalls, streams

AT_CMS = {"CMS_URL": f"http://{CMS}"}
VALIDATE = "/v1/context/validate"
COUNT = {"token_count": 40_000, "context_limit": 128_000, "utilization": 0.3125}
QUIET = "[cms]\ncheck_s = 0\n"
BY_ESTIMATE = ["false", "3", "64000", "128000", "50.0"]
COUNTED = ["true", "2", "40000", "128000", "68.8"]
VALIDATED = {"x-cms-mode": "validate"}


@pytest.mark.parametrize("stream", [False, True])
async def test_from_tier_2_on_a_prompt_is_counted_exactly_before_the_provider_is_asked(
    autojump_clock: MockClock, stream: bool
) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT, after_s=0.5)
        it.openai.plays(streams("Hello.", every_s=0.0) if stream else answers())

        reply = await it.ask({**HALF, "stream": stream}, headers={"x-request-id": "mine"})

        assert (reply.status, told(reply), trio.current_time()) == (200, COUNTED, 0.5)
        (asked,) = cms.asked
        assert asked.header("x-request-id") == "mine"
        assert asked.json == {"text": "a" * 256_000, "model": "gpt-4o"}
        assert it.openai.asked[0].header("x-cms-routed") == "true"
        it.assert_at_rest()

        small = await it.ask()
        assert (small.header("x-cms-tier"), small.header("x-cms-routed"), len(cms.asked)) == ("1", "false", 1)


@pytest.mark.parametrize(("tokens", "asks"), [(31_999, 0), (32_000, 1)])
async def test_tier_2_begins_where_a_quarter_of_the_window_is_full(
    autojump_clock: MockClock, tokens: int, asks: int
) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT)
        await it.ask({**HALF, "messages": [{"role": "user", "content": "a" * 4 * tokens}]})
        assert len(cms.asked) == asks


async def test_the_catalogue_knows_a_window_better_and_pictures_are_added_to_the_count(
    autojump_clock: MockClock,
) -> None:
    """The service counts text; of a model that nobody knows here it says how large the window is."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, {**COUNT, "context_limit": 80_000})
        assert told(await it.ask(HALF)) == COUNTED
        seen = [{"role": "user", "content": [{"type": "text", "text": "a"}, picture]}]
        assert told(await it.ask({"model": "gpt-4o", "messages": seen}, headers=VALIDATED))[2] == "41000"
        unknown = await it.ask({**HALF, "model": "openai/mine"})
        assert told(unknown) == ["true", "3", "40000", "80000", "50.0"]


async def test_a_count_holds_for_the_same_model_wherever_it_answers(autojump_clock: MockClock) -> None:
    twice = '[retry]\nattempts = 1\n[models.twice]\ntarget = "openai/gpt-4o"\nfallbacks = ["deepseek/gpt-4o"]\n'
    async with beside(CMS, QUIET + twice, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT)
        it.openai.plays(fails(500))
        it.deepseek.plays(answers())
        reply = await it.ask({**HALF, "model": "twice"})
        assert (reply.header("x-gateway-provider"), told(reply)) == ("deepseek", COUNTED)
        assert it.deepseek.asked[0].header("x-token-count") == "40000"


async def test_services_are_asked_with_httpx(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    transports: list[Transport] = []
    make = UpstreamClients.of

    def of(clients: UpstreamClients, transport: Transport) -> AnyClient:
        transports.append(transport)
        return make(clients, transport)

    monkeypatch.setattr(UpstreamClients, "of", of)
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        transports.clear()
        cms.says(VALIDATE, COUNT)
        assert told(await it.ask(HALF)) == COUNTED
        assert transports == [Transport(engine="httpx")]


@pytest.mark.parametrize(
    ("mode", "asks", "asks_for_a_large_one"),
    [
        ("none", 0, 0),
        ("validate", 1, 1),
        ("Validate", 1, 1),
        ("optimize", 0, 0),
        ("plan", 0, 0),
        ("auto", 0, 1),
        ("whatever", 0, 1),
    ],
)
async def test_the_clients_mode_says_which_prompts_are_counted(
    autojump_clock: MockClock, mode: str, asks: int, asks_for_a_large_one: int
) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT)
        for _ in range(2):
            reply = await it.ask(headers={"x-cms-mode": mode})
        assert reply.header("x-cms-routed") == ("true" if asks else "false")
        assert len(cms.asked) == 2 * asks
        await it.ask(HALF, headers={"x-cms-mode": mode})
        assert [asked.target.decode() for asked in cms.asked] == [VALIDATE] * (2 * asks + asks_for_a_large_one)
        odd = [line["mode"] for line in it.logged("unknown X-CMS-Mode")]
        assert odd == (["whatever"] if mode == "whatever" else [])
        told = "X-CMS-Mode is none of none, validate, optimize, plan, auto: it counts as auto"
        assert reply.header("x-gateway-warning") == (told if odd else None)


async def test_a_mode_that_is_none_is_warned_of_once_and_of_no_more_than_a_few(autojump_clock: MockClock) -> None:
    """However it is written; what is empty says nothing, and clients that make words up do not fill the log."""
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT)
        for mode in ("", "ODD", "odd", "Odd", "a" * 60, "a" * 50, "VALIDATE"):
            reply = await it.ask(headers={"x-cms-mode": mode})
            assert (reply.status, reply.header("x-cms-routed")) == (200, "true" if "VAL" in mode else "false")
        assert [line["mode"] for line in it.logged("unknown X-CMS-Mode")] == ["odd", "a" * 40]
        for number in range(40):
            assert (await it.ask(headers={"x-cms-mode": f"odd-{number}"})).status == 200
        assert len(it.logged("unknown X-CMS-Mode")) == 32


async def test_without_an_address_only_clients_wishes_reach_the_service_and_none_where_it_is_off(
    autojump_clock: MockClock,
) -> None:
    async with running() as it:
        assert told(await it.ask(HALF)) == BY_ESTIMATE
        # Nobody listens at the usual place: the estimate holds.
        assert told(await it.ask(HALF, headers=VALIDATED)) == BY_ESTIMATE
        refused = await it.request("POST", VALIDATE, json_body={"text": "a", "model": "gpt-4o"})
        assert (refused.status, refused.json["error"]["code"]) == (502, "service_error")
    async with running('[cms]\nenabled = "off"') as it:
        refused = await it.request("POST", VALIDATE, json_body={"text": "a", "model": "gpt-4o"})
        assert (refused.status, refused.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("script", "after_s"),
    [
        (stalls, 1),
        (fails(500), 0),
        (fails(422), 0),
        (resets(after_s=0.5), 0.5),
        (answers("no count"), 0),
        (sends({**COUNT, "token_count": -1}), 0),
        (sends({**COUNT, "context_limit": 0}), 0),
    ],
    ids=["silent", "500", "422", "reset", "garbage", "negative", "no window"],
)
async def test_when_it_cannot_count_the_estimate_holds_and_the_headers_say_so(
    autojump_clock: MockClock, script: Any, after_s: float
) -> None:
    """A silent service costs a request one second of its ten minutes."""
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.by_path[VALIDATE] = script
        assert told(await it.ask(HALF)) == BY_ESTIMATE
        assert trio.current_time() == after_s
        it.assert_at_rest()


async def test_a_short_deadline_gives_it_a_tenth_and_blames_nobody(autojump_clock: MockClock) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.by_path[VALIDATE] = stalls
        for number in range(1, 7):
            reply = await it.ask(HALF, headers={"x-gateway-timeout": "2"})
            assert (reply.status, trio.current_time()) == (200, pytest.approx(0.2 * number))
        assert (await it.actors())["cms"]["detail"]["breaker"]["state"] == "closed"


async def test_five_silences_open_the_breaker_and_from_then_on_nobody_waits(autojump_clock: MockClock) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.by_path[VALIDATE] = stalls
        for number in range(1, 6):
            assert told(await it.ask(HALF)) == BY_ESTIMATE
            assert trio.current_time() == number
        assert told(await it.ask(HALF)) == BY_ESTIMATE
        assert (trio.current_time(), len(cms.asked)) == (5, 5)
        figures = await it.figures()
        assert figures("circuit_breaker_state", provider="cms") == 2
        assert figures("gateway_service_seconds_count", service="cms", operation="validate", outcome="timed_out") == 5

        cms.says(VALIDATE, COUNT)
        await trio.sleep(5)
        assert told(await it.ask(HALF)) == COUNTED


async def test_a_tier_that_needs_the_service_is_refused_without_it(autojump_clock: MockClock) -> None:
    async with beside(CMS, QUIET + "require_tier = 3", environ=AT_CMS) as (it, cms):
        cms.by_path[VALIDATE] = fails(500)
        refused = await it.ask(HALF, headers={"x-cms-mode": "none"})
        assert (refused.status, refused.json["error"]["code"]) == (503, "context_service_unavailable")
        why = "A conversation of tier 3 is not answered unless the Context Management Service has counted it: "
        assert refused.json["error"]["message"] == f"{why}The Context Management Service answered with the status 500."
        assert told(refused) == BY_ESTIMATE
        cms.says(VALIDATE, {"detail": "no such model"}, status=422)
        uncounted = await it.ask(HALF)
        assert (uncounted.status, uncounted.json["error"]["code"]) == (503, "context_service_unavailable")
        said = "The Context Management Service refused the request: no such model"
        assert uncounted.json["error"]["message"] == why + said
        assert (await it.ask()).status == 200
        fuller = {**HALF, "messages": [{"role": "user", "content": "a" * 4 * 110_000}]}
        assert ((await it.ask(fuller)).status, len(cms.asked)) == (503, 3)
        cms.says(VALIDATE, COUNT)
        assert told(await it.ask(HALF)) == COUNTED
        it.assert_at_rest()


@pytest.mark.parametrize(
    ("operation", "question", "answer"),
    [
        ("validate", {"text": "a", "model": "m"}, COUNT),
        (
            "process",
            {"text": "a", "model": "m", "conversation_id": "c", "strategy": "any"},
            {"optimized_text": "a", "original_tokens": 9, "final_tokens": 3, "compression_ratio": 0.3, "steps": []},
        ),
        ("chunk", {"text": "a", "model": "m", "overlap_ratio": 0.1}, {"chunks": [{"text": "a", "index": 0}]}),
    ],
)
async def test_its_operations_pass_through_as_they_are(
    autojump_clock: MockClock, operation: str, question: Any, answer: Any
) -> None:
    path = f"/v1/context/{operation}"
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(path, answer)
        own = {"x-request-id": "mine", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        reply = await it.request("POST", path, json_body=question, headers=own)
        assert (reply.status, reply.json) == (200, answer)
        assert cms.asked[0].json == question
        assert {name: cms.asked[0].header(name) for name in own} == own

        cms.says(path, {"detail": "no such model"}, status=422)
        refused = await it.request("POST", path, json_body=question)
        assert refused.status == 422
        assert refused.json["error"]["message"].endswith("refused the request: no such model")

        cms.says(path, {"something": "else"})
        assert (await it.request("POST", path, json_body=question)).status == 502


FAULTS = (
    (resets(after_s=0.5), 502, "service_error", 0.5),
    (stalls, 504, "upstream_timeout", 5.0),
    (fails(500, after_s=1), 502, "service_error", 1.0),
    (answers("no count"), 502, "service_error", 0.0),
    (babbles, 502, "service_error", 0.0),
)


async def test_what_goes_wrong_with_an_operation_is_told_clearly_and_in_time(autojump_clock: MockClock) -> None:
    """Whatever the service does: a reset, silence, 500, garbage, no HTTP; and a client's own deadline is kept."""
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        for script, *expected in FAULTS:
            for operation in ("validate", "process", "chunk"):
                path = f"/v1/context/{operation}"
                cms.by_path[path] = script
                began = trio.current_time()
                refused = await it.request("POST", path, json_body={"text": "a", "model": "m"})
                took_s = trio.current_time() - began
                assert [refused.status, refused.json["error"]["code"], took_s] == expected
                assert CMS not in refused.body.decode()
            cms.says(VALIDATE, COUNT)
            await trio.sleep(30)  # nothing of it counts any more
            assert (await it.request("POST", VALIDATE, json_body={"text": "a", "model": "m"})).status == 200
        cms.by_path[VALIDATE] = stalls
        began, hurry = trio.current_time(), {"x-gateway-timeout": "2"}
        late = await it.request("POST", VALIDATE, json_body={"text": "a", "model": "m"}, headers=hurry)
        assert (late.status, trio.current_time() - began) == (504, 2)
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()


async def test_the_client_itself_gives_typed_results(autojump_clock: MockClock) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        context = it.gateway.settled.platform.context
        cms.says("/v1/context/chunk", {"chunks": ["a", "b"]})
        cms.says("/v1/context/process", {"original_tokens": 9, "final_tokens": 3, "optimized_text": "a"})
        assert await context.chunk("a b", "m", 0.1, Behalf(math.inf)) == Chunks(["a", "b"])
        body = b'{"text":"a","model":"m"}'
        assert await context.process(body, Behalf(math.inf)) == Processed(9, 3, "a")
        assert await context.check() is None
        assert cms.asked[0].json == {"text": "a b", "model": "m", "overlap_ratio": 0.1}
        cms.says("/v1/context/chunk", {"chunks": "a"})
        with pytest.raises(ServiceFailed):
            await context.chunk("a b", "m", 0.1, Behalf(math.inf))


async def test_questions_are_checked_and_clients_known(autojump_clock: MockClock) -> None:
    async with beside(
        CMS, QUIET + '[auth]\nmode = "keys"', environ={**AT_CMS, "LLM_GATEWAY_API_KEYS": "client-key"}
    ) as (it, cms):
        cms.says(VALIDATE, COUNT)
        assert (await it.request("POST", VALIDATE, json_body={"text": "a", "model": "m"})).status == 401
        known = {"authorization": "Bearer client-key"}
        missing = await it.request("POST", VALIDATE, json_body={"model": "m"}, headers=known)
        assert (missing.status, missing.json["error"]["param"]) == (400, "text")
        assert (await it.request("POST", VALIDATE, json_body={"text": "a", "model": "m"}, headers=known)).status == 200
        assert len(cms.asked) == 1


async def test_no_more_questions_are_asked_at_a_time_than_the_operator_wants(autojump_clock: MockClock) -> None:
    """Two at a time, a second each: the third is answered after two."""
    async with beside(CMS, QUIET + "max_concurrent = 2", environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT, after_s=1)
        answered: list[float] = []

        async def ask() -> None:
            assert (await it.request("POST", VALIDATE, json_body={"text": "a", "model": "m"})).status == 200
            answered.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
        assert answered == [1, 1, 2, 2, 3]


async def test_a_count_is_waited_for_no_longer_in_the_services_line(autojump_clock: MockClock) -> None:
    """One at a time, 0.6 s each: of four at once the first is counted; the others have waited a second in all."""
    async with beside(CMS, QUIET + "max_concurrent = 1", environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT, after_s=0.6)
        answered: list[tuple[float, str | None]] = []

        async def ask() -> None:
            reply = await it.ask(HALF)
            assert reply.status == 200
            answered.append((trio.current_time(), reply.header("x-cms-routed")))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(ask)
        assert answered == [(0.6, "true"), *[(1.0, "false")] * 3]
        breaker = (await it.actors())["cms"]["detail"]["breaker"]
        assert (breaker["state"], breaker["failures"]) == ("closed", 0)
        it.assert_at_rest()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_while_its_prompt_is_counted_ends_the_question_and_is_counted(
    autojump_clock: MockClock, stream: bool
) -> None:
    """After half a second; no provider has heard of it."""
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.by_path[VALIDATE] = stalls
        client = await it.connect()
        await client.send("POST", CHAT, json_body={**HALF, "stream": stream})
        await trio.sleep(0.5)
        client.leave()
        await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert (cms.asked[0].closed_at, it.openai.asked) == (0.5, [])
        assert (await it.actors())["cms"]["detail"]["in_flight"] == 0
        assert [line["outcome"] for line in it.logged("request")] == ["disconnected"]
        figures = await it.figures()
        left = "gateway_disconnect_to_upstream_closed_seconds"
        assert figures(f"{left}_count", endpoint="chat/completions") == 1
        assert figures(f"{left}_sum", endpoint="chat/completions") == 0
        it.assert_at_rest()


async def test_a_client_that_leaves_ends_the_question(autojump_clock: MockClock) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.by_path[VALIDATE] = stalls
        client = await it.connect()
        await client.send("POST", VALIDATE, json_body={"text": "a", "model": "m"})
        await trio.sleep(2)
        client.leave()
        await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert cms.asked[0].closed_at == 2
        assert (await it.actors())["cms"]["detail"]["in_flight"] == 0


async def test_parts_tools_and_results_are_in_the_text_that_is_counted(autojump_clock: MockClock) -> None:
    said = [
        {"role": "user", "content": [{"type": "text", "text": "look "}, {"type": "text", "text": "here"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"at": "it"}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "seen"}]}],
        },
    ]
    tool = {"name": "look", "input_schema": {"type": "object"}}
    question = {"model": "sandbox/echo", "max_tokens": 9, "system": "be kind", "messages": said, "tools": [tool]}
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT)
        reply = await it.request("POST", "/v1/messages", json_body=question, headers=VALIDATED)
        assert (reply.status, reply.header("x-token-count")) == (200, "40000")
        text = cms.asked[0].json["text"].split("\n")
        assert text[:2] + text[3:5] == ["look ", "here", "seen", "be kind"]
        assert [json.loads(text[2]), json.loads(text[5])] == [{"at": "it"}, tool]


async def test_a_response_is_counted_too(autojump_clock: MockClock) -> None:
    async with beside(CMS, QUIET, environ=AT_CMS) as (it, cms):
        cms.says(VALIDATE, COUNT)
        question = {"model": "sandbox/echo", "input": "Say hello."}
        reply = await it.request("POST", "/v1/responses", json_body=question, headers=VALIDATED)
        assert (reply.status, reply.header("x-cms-routed")) == (200, "true")
        assert cms.asked[0].json["text"] == QUESTION["messages"][0]["content"]


async def test_its_health_is_looked_at_and_a_reload_finds_another_address(autojump_clock: MockClock) -> None:
    async with beside(CMS, "[cms]\ncheck_s = 10", environ=AT_CMS) as (it, cms):
        await trio.sleep(25)
        assert cms.looked_at == [0, 10, 20]
        assert (await it.actors())["cms"]["detail"]["state"] == "up"
