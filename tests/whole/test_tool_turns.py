"""Tools that the gateway runs for a model, in virtual time: turns, failures, the client's own functions, deadlines."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from tests.face.http_client import Reply
from tests.whole.gateways import CHAT, Running, data_of
from tests.whole.neighbours import ORCHESTRATOR, Neighbour, beside
from tests.whole.upstream import DONE, Asked, Script, event, fails, sends, stalls

AT_ORCHESTRATOR = {"CODE_ORCHESTRATOR_URL": f"http://{ORCHESTRATOR}"}
QUIET = "[code_orchestrator]\ncheck_s = 0\n"
GATEWAY_TOOL = {"type": "gateway", "name": "extract_keywords"}
OWN_FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
QUESTION: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "Find keywords."}],
    "tools": [GATEWAY_TOOL],
}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 1}}


def call(name: str = "extract_keywords", arguments: Any = None, id: str = "call_1") -> dict[str, Any]:
    written = json.dumps({"corpus": "tea"} if arguments is None else arguments)
    return {"id": id, "type": "function", "function": {"name": name, "arguments": written}}


def says(
    text: str | None = None,
    *calls: dict[str, Any],
    finish: str | None = None,
    after_s: float = 0.0,
    usage_beside_choice: bool = False,
) -> Script:
    """One turn of the model's, whole or streamed as it is asked for."""
    reason = finish or ("tool_calls" if calls else "stop")
    message = {"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {})}
    head = {"id": f"chatcmpl-{text}", "created": 1, "model": "gpt-4o"}
    choice = {"index": 0, "message": message, "finish_reason": reason}

    async def script(asked: Asked) -> None:
        if not asked.json.get("stream"):
            await sends({**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}, after_s=after_s)(
                asked
            )
            return
        await trio.sleep(after_s)
        await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": word} for word in (text or "").split("|") if word]
        for index, each in enumerate(calls):
            begun = {**each, "function": {**each["function"], "arguments": ""}}
            deltas.append({"tool_calls": [{"index": index, **begun}]})
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": each["function"]["arguments"]}}]})
        for delta in deltas:
            chosen = {"index": 0, "delta": delta, "finish_reason": None}
            await asked.send_chunk(event({**head, "object": "chat.completion.chunk", "choices": [chosen]}))
        ended = {"index": 0, "delta": {}, "finish_reason": reason}
        usage = {**head, "object": "chat.completion.chunk", "usage": USAGE}
        if usage_beside_choice:
            await asked.send_chunk(event({**usage, "choices": [ended]}))
        else:
            await asked.send_chunk(event({**head, "object": "chat.completion.chunk", "choices": [ended]}))
            await asked.send_chunk(event({**usage, "choices": []}))
        await asked.send_chunk(DONE)
        await asked.send(b"0\r\n\r\n")

    return script


class Told:
    """What the client has of an answer, whole or streamed."""

    def __init__(self, reply: Reply, *, stream: bool) -> None:
        self.calls: list[Any] = []
        if not stream:
            (choice,) = reply.json["choices"]
            self.text, self.finish = choice["message"]["content"], choice["finish_reason"]
            self.calls = choice["message"].get("tool_calls", [])
            self.usage, self.ids = reply.json["usage"], {reply.json["id"]}
            return
        events = list(data_of(reply.body))
        assert events.pop() == "[DONE]"
        choices = [each["choices"][0] for each in events if each["choices"]]
        self.text = "".join(choice["delta"].get("content") or "" for choice in choices)
        (self.finish,) = {choice["finish_reason"] for choice in choices} - {None}
        self.calls = [
            {name: value for name, value in each.items() if name != "index"}
            for choice in choices
            for each in choice["delta"].get("tool_calls", ())
        ]
        self.usage = next((each["usage"] for each in events if each.get("usage")), None)
        self.ids = {each["id"] for each in events}


async def ask(it: Running, stream: bool, question: dict[str, Any] = QUESTION, **options: Any) -> Told:
    wish = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    reply = await it.ask({**question, **wish}, **options)
    assert reply.status == 200, reply.body
    return Told(reply, stream=stream)


def keywords(service: Neighbour, **options: Any) -> None:
    service.says("/v1/keywords", {"keywords": ["tea"]}, **options)


either = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.mark.parametrize(
    ("stream", "usage_beside_choice"),
    [(False, False), (True, False), (True, True)],
    ids=["whole", "streamed", "streamed, its usage beside the last choice"],
)
async def test_the_model_is_asked_again_with_what_the_tool_says(
    autojump_clock: MockClock, stream: bool, usage_beside_choice: bool
) -> None:
    """One second a turn and one the tool; the client sees the words of both turns, one id, and all that was used."""
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service, after_s=1)
        told_so = partial(says, after_s=1, usage_beside_choice=usage_beside_choice)
        it.openai.plays(told_so("Let me |see.", call()), told_so("It is |tea."))

        told = await ask(it, stream)

        assert trio.current_time() == 3
        text = "Let me |see.\n\nIt is |tea."
        assert (told.text, told.finish, told.calls) == (text.replace("|", "") if stream else text, "stop", [])
        assert len(told.ids) == 1
        assert told.usage == {
            "prompt_tokens": 18,
            "completion_tokens": 6,
            "total_tokens": 24,
            "prompt_tokens_details": {"cached_tokens": 2},
        }
        first, second = (asked.json for asked in it.openai.asked)
        assert [tool["function"]["name"] for tool in first["tools"]] == ["extract_keywords"]
        assert second["messages"][0] == QUESTION["messages"][0]
        assert [each["role"] for each in second["messages"][1:]] == ["assistant", "tool"]
        assert second["messages"][1]["tool_calls"] == [call()]
        assert second["messages"][2]["tool_call_id"] == "call_1"
        assert json.loads(second["messages"][2]["content"]) == {"keywords": ["tea"]}
        figures = await it.figures()
        assert figures("llm_tokens_total", provider="openai", type="prompt") == 18
        it.assert_at_rest()


@either
@pytest.mark.parametrize(
    ("called", "script", "code", "took_s"),
    [
        (call(), fails(500), "service_error", 0),
        (call(), stalls, "upstream_timeout", 5),
        (call(arguments={"top_k": 3}), fails(500), "invalid_request_error", 0),
        (call(arguments="no object"), fails(500), "invalid_request_error", 0),
        (call(), sends({"keywords": ["tea" * 30_000]}), "tool_result_too_large", 0),
    ],
    ids=["500", "silent", "arguments that do not fit", "no arguments", "too large"],
)
async def test_a_tool_that_fails_is_a_result_that_the_model_sees(
    autojump_clock: MockClock, stream: bool, called: Any, script: Script, code: str, took_s: float
) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        service.by_path["/v1/keywords"] = script
        it.openai.plays(says(None, called), says("I could not."))
        told = await ask(it, stream)
        assert (told.text, trio.current_time()) == ("I could not.", took_s)
        result = it.openai.asked[1].json["messages"][-1]["content"]
        assert json.loads(result)["error"]["code"] == code
        it.assert_at_rest()


@either
async def test_functions_of_the_clients_own_are_handed_to_it(autojump_clock: MockClock, stream: bool) -> None:
    """Beside a tool of ours the call waits for its results: the model makes it again."""
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service)
        look = call("look", {"at": "it"}, "call_2")
        it.openai.plays(says(None, call(), look), says("Now I know.", look))

        told = await ask(it, stream, {**QUESTION, "tools": [OWN_FUNCTION, GATEWAY_TOOL]})

        assert (told.calls, told.finish) == ([look], "tool_calls")
        second = it.openai.asked[1].json
        assert second["messages"][1]["tool_calls"] == [call(), look]
        results = {each["tool_call_id"]: json.loads(each["content"]) for each in second["messages"][2:]}
        assert results.keys() == {"call_1", "call_2"}
        assert "run by the client" in results["call_2"]["deferred"]
        assert second["tools"][0] == OWN_FUNCTION


@either
async def test_a_model_that_never_stops_calling_is_stopped(autojump_clock: MockClock, stream: bool) -> None:
    async with beside(ORCHESTRATOR, QUIET + "[tools]\nmax_turns = 3", environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service)
        it.openai.plays(says("Again.", call()))
        told = await ask(it, stream)
        assert (told.calls, told.finish) == ([], "length")
        assert [asked.json.get("tool_choice") for asked in it.openai.asked] == [None, None, "none"]
        assert len(service.asked) == 2


@either
async def test_a_call_that_the_client_forces_is_forced_once(autojump_clock: MockClock, stream: bool) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service)
        it.openai.plays(says(None, call()), says("Tea."))
        at_length = {**GATEWAY_TOOL, "description": "as the client sees it " * 400}
        await ask(it, stream, {**QUESTION, "tools": [at_length], "tool_choice": GATEWAY_TOOL})
        (seen,) = it.openai.asked[0].json["tools"]
        assert seen["function"]["description"] == "Finds the most important keywords of a text."
        forced = {"type": "function", "function": {"name": "extract_keywords"}}
        assert [asked.json.get("tool_choice") for asked in it.openai.asked] == [forced, None]


@either
async def test_all_turns_and_tools_share_the_one_deadline(autojump_clock: MockClock, stream: bool) -> None:
    """Two seconds of five for the first turn, two for the tool: the second turn has one, and is cut."""
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service, after_s=2)
        it.openai.plays(says("Well.", call(), after_s=2), says("Too late.", after_s=2))
        wish = {"stream": True} if stream else {}
        reply = await it.ask({**QUESTION, **wish}, headers={"x-gateway-timeout": "5"})
        assert trio.current_time() == 5
        if not stream:
            assert (reply.status, reply.json["error"]["code"]) == (504, "upstream_timeout")
            return
        *_, last = data_of(reply.body)
        assert last["error"]["code"] == "upstream_timeout"
        it.assert_at_rest()


@either
async def test_a_client_that_leaves_ends_the_tool_too(autojump_clock: MockClock, stream: bool) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        service.by_path["/v1/keywords"] = stalls
        it.openai.plays(says("Let me see.", call()))
        client = await it.connect()
        await client.send("POST", CHAT, json_body={**QUESTION, "stream": stream})
        await trio.sleep(2)
        client.leave()
        await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert service.asked[0].closed_at == 2
        assert (await it.actors())["code_orchestrator"]["detail"]["in_flight"] == 0
        it.assert_at_rest()
        outcomes = [(line["provider"], line["outcome"]) for line in it.logged("request")]
        assert outcomes == [("openai", "ok"), (None, "disconnected")]
        figures = await it.figures()
        assert figures("gateway_disconnect_to_upstream_closed_seconds_count") == 1
        assert figures("gateway_disconnect_to_upstream_closed_seconds_sum") == 0


async def test_a_provider_that_fails_in_a_later_turn_is_retried_like_any_other(autojump_clock: MockClock) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service)
        it.openai.plays(says(None, call()), fails(500), says("Tea."))
        assert (await ask(it, stream=False)).text == "Tea."
        assert len(it.openai.asked) == 3


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"tools": [{"type": "gateway", "name": "guess"}]}, "tools"),
        ({"tools": [GATEWAY_TOOL, {**OWN_FUNCTION, "function": {"name": "extract_keywords"}}]}, "tools"),
        ({"tools": [OWN_FUNCTION, {"type": "gateway"}]}, "tools[1].name"),
        ({"tools": [{"type": "gateway", "name": 7}]}, "tools[0].name"),
        ({"tools": [GATEWAY_TOOL, OWN_FUNCTION, GATEWAY_TOOL]}, "tools[2].name"),
        ({"tools": [GATEWAY_TOOL], "tool_choice": {"type": "gateway"}}, "tool_choice.name"),
        ({"n": 2}, "n"),
    ],
    ids=["unknown", "also a function", "no name", "no string", "twice", "no name chosen", "several answers"],
)
async def test_what_cannot_be_is_a_mistake_that_names_the_field(
    autojump_clock: MockClock, changes: Any, param: str
) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, _):
        refused = await it.ask({**QUESTION, **changes})
        assert (refused.status, refused.json["error"]["param"]) == (400, param)
        assert it.openai.asked == []


async def test_several_tools_of_one_turn_run_at_the_same_time(autojump_clock: MockClock) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service, after_s=2)
        calls = [call(id=f"call_{number}") for number in range(18)]
        it.openai.plays(says(None, *calls), says("Tea."))
        assert (await ask(it, stream=False)).text == "Tea."
        assert (trio.current_time(), len(service.asked)) == (2, 16)
        results = [json.loads(each["content"]) for each in it.openai.asked[1].json["messages"][2:]]
        assert ["error" in result for result in results] == [False] * 16 + [True] * 2


@pytest.mark.parametrize("how", [{}, {"stream": True}, {"background": True}], ids=["whole", "streamed", "background"])
async def test_a_response_is_continued_with_what_the_tools_have_said(autojump_clock: MockClock, how: Any) -> None:
    """The client has seen texts alone; the model is asked again with its calls and their results where they were."""
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service)
        it.deepseek.plays(says("Let me see.", call()), says("Tea."), says("Green."))
        question = {"model": "deepseek-chat", "input": "Find.", "tools": [GATEWAY_TOOL]}
        begun = await it.request("POST", "/v1/responses", json_body={**question, **how})
        await trio.sleep(1)
        name = json.loads(re.findall(rb'"resp_[^"]+"', begun.body)[0])
        ended = (await it.request("GET", f"/v1/responses/{name}")).json
        assert ended["status"] == "completed"
        assert [item["type"] for item in ended["output"]] == ["message"] * 2
        assert [item["content"][0]["text"] for item in ended["output"]] == ["Let me see.", "Tea."]

        follow_up = {"model": "deepseek-chat", "input": "Which?", "previous_response_id": name}
        assert (await it.request("POST", "/v1/responses", json_body=follow_up)).status == 200
        asked = it.deepseek.asked[-1].json["messages"]
        assert [each["role"] for each in asked] == ["user", "assistant", "tool", "assistant", "user"]
        assert (asked[1]["content"], asked[1]["tool_calls"]) == ("Let me see.", [call()])
        assert (asked[2]["tool_call_id"], json.loads(asked[2]["content"])) == ("call_1", {"keywords": ["tea"]})
        assert (asked[3]["content"], asked[4]["content"]) == ("Tea.", "Which?")


@pytest.mark.parametrize("choices", [[{"message": "Hello."}], [{"message": {"tool_calls": "none"}}]])
async def test_an_answer_of_a_shape_that_nobody_knows_reaches_the_client(
    autojump_clock: MockClock, choices: Any
) -> None:
    """It is paid for."""
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, _):
        it.openai.plays(sends({"id": "x", "choices": choices}))
        reply = await it.ask(QUESTION)
        assert (reply.status, reply.json["choices"]) == (200, choices)
