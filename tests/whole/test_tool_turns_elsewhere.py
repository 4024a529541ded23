"""Tools that the gateway runs for clients of Responses and Messages: limits, failures, own functions, deadlines."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.face.http_client import Reply
from tests.whole.gateways import Running, data_of
from tests.whole.neighbours import ORCHESTRATOR, beside
from tests.whole.test_tool_turns import AT_ORCHESTRATOR, GATEWAY_TOOL, QUIET, call, keywords, says
from tests.whole.upstream import Asked, fails, stalls

RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}}
OWN = {
    RESPONSES: {"type": "function", "name": "look", "parameters": SCHEMA},
    MESSAGES: {"name": "look", "input_schema": SCHEMA},
}
SAID: list[dict[str, Any]] = [{"role": "user", "content": "Find keywords."}]
QUESTIONS: dict[str, dict[str, Any]] = {RESPONSES: {"input": SAID}, MESSAGES: {"messages": SAID, "max_tokens": 99}}
CUT = {RESPONSES: "incomplete", MESSAGES: "max_tokens"}

everywhere = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
either = pytest.mark.parametrize("path", [RESPONSES, MESSAGES], ids=["responses", "messages"])


async def ask(it: Running, path: str, stream: bool, **options: Any) -> Reply:
    headers = options.pop("headers", {})
    question = {"model": "deepseek-chat", "tools": [GATEWAY_TOOL], **QUESTIONS[path], "stream": stream, **options}
    return await it.request("POST", path, json_body=question, headers=headers)


class Told:
    """What the client has of an answer: texts, its calls, how it ended."""

    def __init__(self, reply: Reply, path: str, stream: bool) -> None:
        assert reply.status == 200, reply.body
        whole = self._put_together(reply, path) if stream else reply.json
        items = whole["output" if path == RESPONSES else "content"]
        self.calls = [item["name"] for item in items if item["type"] in ("function_call", "tool_use")]
        self.texts = [part["text"] for item in items for part in item.get("content", [item]) if "text" in part]
        self.ended = whole["status" if path == RESPONSES else "stop_reason"]
        self.usage = whole["usage"]["output_tokens"]

    def _put_together(self, reply: Reply, path: str) -> Any:
        events = [json.loads(line[6:]) for line in reply.body.decode().split("\n") if line.startswith("data: {")]
        if path == RESPONSES:
            assert [event["sequence_number"] for event in events] == list(range(len(events)))
            return events[-1]["response"]
        assert [event["type"] for event in (events[0], events[-1])] == ["message_start", "message_stop"]
        blocks = [event["content_block"] for event in events if event["type"] == "content_block_start"]
        for event in events:
            if event["type"] == "content_block_delta" and "text" in event["delta"]:
                blocks[event["index"]]["text"] += event["delta"]["text"]
        ended = events[-2]
        return {"content": blocks, "stop_reason": ended["delta"]["stop_reason"], "usage": ended["usage"]}


def results_in(asked: Asked) -> list[Any]:
    """What the tools have said, as the model sees it."""
    return [json.loads(message["content"]) for message in asked.json["messages"] if message["role"] == "tool"]


@everywhere
@either
async def test_a_tool_that_never_works_is_told_to_the_model_which_is_stopped_after_five_turns(
    autojump_clock: MockClock, path: str, stream: bool
) -> None:
    """Each call has its line in the log and is counted; the last turn may call nothing."""
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        service.by_path["/v1/keywords"] = fails(500)
        it.deepseek.plays(says("Again.", call()))
        told = Told(await ask(it, path, stream, headers={"x-request-id": "mine"}), path, stream)
        assert (told.texts, told.calls, told.ended, told.usage) == (["Again."] * 5, [], CUT[path], 15)
        assert [asked.json.get("tool_choice") for asked in it.deepseek.asked] == [None] * 4 + ["none"]
        assert [result["error"]["code"] for result in results_in(it.deepseek.asked[-1])] == ["service_error"] * 4
        lines = [(line["correlation_id"], line["turn"], line["outcome"]) for line in it.logged("tool ran")]
        assert lines == [("mine", turn, "service_failed") for turn in (1, 2, 3, 4)]
        counted = (await it.figures())("gateway_tool_seconds_count", tool="extract_keywords", outcome="service_failed")
        assert counted == 4
        it.assert_at_rest()


@everywhere
@either
async def test_functions_of_the_clients_own_are_handed_to_it(
    autojump_clock: MockClock, path: str, stream: bool
) -> None:
    """A tool of ours that is forced is forced once; a call beside it waits for its result, and is made again."""
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        keywords(service)
        look = call("look", {"at": "it"}, "call_2")
        it.deepseek.plays(says("So.", call(), look), says("Now I know.", look))
        reply = await ask(it, path, stream, tools=[OWN[path], GATEWAY_TOOL], tool_choice=GATEWAY_TOOL)
        told = Told(reply, path, stream)
        assert (told.texts, told.calls) == (["So.", "Now I know."], ["look"])
        assert told.ended == ("completed" if path == RESPONSES else "tool_use")
        results = results_in(it.deepseek.asked[1])
        assert results[0] == {"keywords": ["tea"]}
        assert "run by the client" in results[1]["deferred"]
        forced = {"type": "function", "function": {"name": "extract_keywords"}}
        assert [asked.json.get("tool_choice") for asked in it.deepseek.asked] == [forced, None]


@everywhere
@either
async def test_all_turns_and_tools_share_the_one_deadline(autojump_clock: MockClock, path: str, stream: bool) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, service):
        service.by_path["/v1/keywords"] = stalls
        it.deepseek.plays(says("Well.", call(), after_s=2))
        reply = await ask(it, path, stream, headers={"x-gateway-timeout": "5"})
        assert trio.current_time() == 5
        assert reply.status == (200 if stream else 504)
        last = list(data_of(b"data: " + reply.body.rpartition(b"data: ")[2]))[-1] if stream else reply.json
        error = last["response"]["error"] if "response" in last else last["error"]
        assert error["message"].startswith("The time for this request was over")
        assert "response.completed" not in reply.body.decode()
        it.assert_at_rest()


@either
async def test_what_cannot_be_is_a_mistake_that_names_the_field(autojump_clock: MockClock, path: str) -> None:
    async with beside(ORCHESTRATOR, QUIET, environ=AT_ORCHESTRATOR) as (it, _):
        unknown = await ask(it, path, stream=False, tools=[{"type": "gateway", "name": "guess"}])
        twice = await ask(it, path, stream=False, tools=[{**OWN[path], "name": "extract_keywords"}, GATEWAY_TOOL])
        unnamed = await ask(it, path, stream=False, tools=[OWN[path], {"type": "gateway"}])
        again = await ask(it, path, stream=False, tools=[GATEWAY_TOOL, GATEWAY_TOOL])
        for refused, words in (
            (unknown, "There is no tool 'guess' here"),
            (twice, "two of the name"),
            (unnamed, "Invalid 'tools[1].name'"),
            (again, "Invalid 'tools[1].name': 'extract_keywords' is there already."),
        ):
            assert refused.status == 400
            assert words in refused.json["error"]["message"]
        assert it.deepseek.asked == []
