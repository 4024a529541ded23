"""Tools that the gateway runs, on real sockets: official clients, every provider's dialect, whole and streamed,
and both services as real servers with their faults.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from anthropic import Anthropic
from openai import BadRequestError, InternalServerError, OpenAI

from tests.sockets.asks import Clients
from tests.sockets.moves import FAMILIES, MOVES, RESULTS, TIME, name_for
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.recorded_loops import LOOPS, RECORDED_TOOLS, Loop, proofs_in
from tests.sockets.services import Service
from tests.sockets.test_tool_loops import check_windows
from tests.sockets.test_translated_recordings import ASKS, plays_again
from tests.sockets.upstream import Upstream
from tests.sockets.voices import tells, voice_of

pytestmark = pytest.mark.real_time

QUESTION = "What is the weather in Roma and in Ostia, and what is the time?"
WEATHER = {call.arguments["city"]: RESULTS[call.id] for move in MOVES for call in move.calls if call.arguments}
TOOLS: list[Any] = [{"type": "gateway", "name": "tell_weather"}, {"type": "gateway", "name": "tell_time"}]
ALL_TEXTS = "\n\n".join(move.text for move in MOVES if move.text)
TIMEOUT_S, WAIT_S, CHECK_S = 1.0, 0.8, 0.2
SETTINGS = f"""
[code_orchestrator]
timeout_s = {TIMEOUT_S}
check_s = {CHECK_S}
[cms]
timeout_s = {TIMEOUT_S}
check_s = {CHECK_S}
wait_s = {WAIT_S}
propagate = ["openai", "google"]
[tools.tell_weather]
url = "URL/weather"
schema = {{type = "object", properties = {{city = {{type = "string"}}}}, required = ["city"]}}
[tools.tell_time]
url = "URL/time"
"""


REPLAYED = [
    pytest.param(loop, dialect, id=f"{loop.family} {'streamed' if loop.streamed else 'whole'}, {dialect}")
    for loop in LOOPS
    for dialect in loop.dialects
] or [pytest.param(None, "", marks=pytest.mark.skip(reason="no recordings here"))]


@pytest.fixture(scope="module")
def tools() -> Iterator[Service]:
    """The operator's own."""
    said = Service(
        weather=lambda asked: WEATHER[asked["city"]].encode(),
        time=lambda _: RESULTS[TIME.id].encode(),
        **{f"recorded__{name}": lambda _: "done and noted" for name in RECORDED_TOOLS},
    )
    with said.listening():
        yield said


@pytest.fixture(scope="module")
def orchestrator() -> Iterator[Service]:
    said = Service(
        v1__similarity=lambda _: {"score": 0.5, "model": "s", "processing_time_ms": 1},
        v1__keywords=lambda asked: {"keywords": asked["corpus"].split()[: asked["top_k"]], "processing_time_ms": 1},
        v1__embeddings=lambda asked: {"embeddings": [[0.5] for _ in asked["texts"]], "model": "e"},
    )
    with said.listening():
        yield said


@pytest.fixture(scope="module")
def cms() -> Iterator[Service]:
    said = Service(
        v1__context__process=lambda _: {"original_tokens": 9, "final_tokens": 9},
        v1__context__chunk=lambda asked: {"chunks": [asked["text"]]},
        v1__context__validate=lambda _: {"token_count": 99, "context_limit": 1000, "utilization": 0.099},
    )
    with said.listening():
        yield said


@pytest.fixture(scope="module")
def beside(
    cms: Service,
    orchestrator: Service,
    tools: Service,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[GatewayProcess]:
    environ = {**upstream.environ, "CMS_URL": cms.url, "CODE_ORCHESTRATOR_URL": orchestrator.url}
    settings = SETTINGS + "".join(f'[tools.{name}]\nurl = "URL/recorded/{name}"\n' for name in RECORDED_TOOLS)
    with running(
        tmp_path_factory.mktemp("beside"), settings=settings.replace("URL", tools.url), environ=environ
    ) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def openai(beside: GatewayProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{beside.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic(beside: GatewayProcess) -> Iterator[Anthropic]:
    with Anthropic(base_url=beside.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", FAMILIES)
def test_a_chat_ends_with_the_final_answer_whoever_the_model_is(
    openai: OpenAI, upstream: Upstream, provider: str, stream: bool
) -> None:
    """Three turns, three calls; each provider sees what it has signed again, and the tools' results."""
    model = upstream.plays(tells(*MOVES), family=FAMILIES[provider])
    question: Any = {
        "model": name_for(model),
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": TOOLS,
        "reasoning_effort": "low",
    }
    if stream:
        with openai.chat.completions.stream(**question, stream_options={"include_usage": True}) as helper:
            completion = helper.get_final_completion()
    else:
        completion = openai.chat.completions.create(**question)
    (choice,) = completion.choices
    assert (choice.message.content, choice.finish_reason) == (ALL_TEXTS, "stop")
    assert not choice.message.tool_calls
    check_turns(upstream, model)
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion.usage.completion_tokens == 3 * 3


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", FAMILIES)
def test_a_response_ends_with_the_final_answer_whoever_the_model_is(
    openai: OpenAI, upstream: Upstream, provider: str, stream: bool
) -> None:
    model = upstream.plays(tells(*MOVES), family=FAMILIES[provider])
    question: Any = {"model": name_for(model), "input": QUESTION, "tools": TOOLS, "reasoning": {"effort": "low"}}
    if stream:
        with openai.responses.stream(**question) as helper:
            events = list(helper)
            response = helper.get_final_response()
        assert [event.sequence_number for event in events] == list(range(len(events)))
        added = [event for event in events if event.type == "response.output_item.added"]
        assert [event.output_index for event in added] == list(range(len(response.output)))
        assert {event.item.type for event in added} <= {"message", "reasoning"}
    else:
        response = openai.responses.create(**question)
    texts = [item.content[0].text for item in response.output if item.type == "message"]
    assert texts == [move.text for move in MOVES if move.text]
    assert {item.type for item in response.output} <= {"message", "reasoning"}
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.output_tokens == 3 * 3
    check_turns(upstream, model)
    kept = openai.responses.retrieve(response.id)
    assert kept.output_text == response.output_text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", FAMILIES)
def test_a_message_ends_with_the_final_answer_whoever_the_model_is(
    anthropic: Anthropic, upstream: Upstream, provider: str, stream: bool
) -> None:
    model = upstream.plays(tells(*MOVES), family=FAMILIES[provider])
    question: Any = {
        "model": name_for(model),
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": TOOLS,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    if stream:
        with anthropic.messages.stream(**question) as helper:
            events = list(helper)
            message = helper.get_final_message()
        begun = [event.index for event in events if event.type == "content_block_stop"]
        assert begun == list(range(len(message.content)))
    else:
        message = anthropic.messages.create(**question)
    texts = [block.text for block in message.content if block.type == "text"]
    assert (texts, message.stop_reason) == ([move.text for move in MOVES if move.text], "end_turn")
    assert {block.type for block in message.content} <= {"text", "thinking", "redacted_thinking"}
    assert message.usage.output_tokens == 3 * 3
    check_turns(upstream, model)


@pytest.mark.parametrize(("loop", "dialect"), REPLAYED)
def test_what_real_models_have_called_is_run_and_told_to_them(
    openai: OpenAI, anthropic: Anthropic, tools: Service, upstream: Upstream, loop: Loop, dialect: str
) -> None:
    """Their arguments reach the tools as they meant them; what they signed and what the tools say comes back to them;
    the client hears what every turn has said, and what all of them have used.
    """
    script = [plays_again(turn) for turn in loop.turns]
    model = upstream.plays(lambda asked: script.pop(0)(asked), family=FAMILIES[loop.family])
    tools.asked.clear()

    gateway_tools = [{"type": "gateway", "name": name} for name in RECORDED_TOOLS]
    answer = ASKS[dialect](Clients(openai, anthropic), name_for(model), loop.streamed, tools=gateway_tools)

    told = loop.told
    (choice,) = answer.choices
    paragraphs = "\n\n" if dialect == "chat" else ""
    assert (choice.text, choice.finish) == (paragraphs.join(each.text for each in told if each.text), "stop")
    assert choice.calls == []
    assert all_run(tools) == sorted((f"/recorded/{name}", json.dumps(arguments)) for name, arguments in loop.calls)
    asked = upstream.asked(model)
    assert [each.streamed for each in asked] == [loop.streamed] * len(loop.turns)
    for number, (turn, following) in enumerate(zip(loop.turns, asked[1:], strict=False), 1):
        assert following.body.count(b"done and noted") == sum(len(each.calls) for each in told[:number])
        for signature in proofs_in(turn):
            assert all(json.dumps(json.loads(signature)).encode() in later.body for later in asked[number:])
    usages = [each.usage for each in told if each.usage is not None]
    if len(usages) == len(told):
        used = sum(each.prompt for each in usages), sum(each.completion for each in usages)
        assert (answer.prompt, answer.completion) == used


def all_run(tools: Service) -> list[tuple[str, str]]:
    return sorted((path, json.dumps(arguments)) for path, arguments in tools.asked)


def check_turns(upstream: Upstream, model: str) -> None:
    asked = upstream.asked(model)
    assert len(asked) == len(MOVES)
    for turn, each in enumerate(asked):
        voice_of(each).check(each, MOVES[:turn])
    check_windows([each for each in asked if each.path.startswith(("/openai/", "/google/"))])
    others = [each for each in asked if not each.path.startswith(("/openai/", "/google/"))]
    assert {name for each in others for name in each.fields if name.startswith(("x-cms-", "x-token-"))} == set()


def test_the_list_of_tools_pasted_into_a_chat_request_works(openai: OpenAI, upstream: Upstream) -> None:
    """Then they are the client's functions, which it runs with /v1/tools/execute."""
    listed = openai.get("/tools", cast_to=dict[str, Any])["data"]
    model = upstream.plays(tells(MOVES[1], MOVES[2]), family="gpt")
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    message = openai.chat.completions.create(model=model, messages=messages, tools=listed).choices[0].message
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert call.type == "function"
    run = openai.post(
        "/tools/execute",
        body={"name": call.function.name, "arguments": json.loads(call.function.arguments)},
        cast_to=dict[str, Any],
    )
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": run["result"]}]
    done = openai.chat.completions.create(model=model, messages=messages, tools=listed)
    assert done.choices[0].message.content == MOVES[2].text


def test_each_turn_and_each_tool_has_its_line(beside: GatewayProcess, openai: OpenAI, upstream: Upstream) -> None:
    model = upstream.plays(tells(*MOVES), family="gpt")
    question: Any = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "tools": TOOLS}
    openai.chat.completions.create(**question, extra_headers={"x-request-id": "told-once"})

    def lines(event: str) -> list[dict[str, Any]]:
        return [line for line in beside.logged(event) if line["correlation_id"] == "told-once"]

    beside.wait_for(lambda: len(lines("request")) == 4, 5)
    assert [(line["tool"], line["turn"], line["outcome"]) for line in lines("tool ran")] == [
        ("tell_weather", 1, "ok"),
        ("tell_weather", 1, "ok"),
        ("tell_time", 2, "ok"),
    ]
    assert [line["provider"] for line in lines("request")] == ["openai"] * 3 + [None]
    assert {line["outcome"] for line in lines("request")} == {"ok"}


def test_an_unknown_tool_is_a_mistake_of_the_clients(openai: OpenAI) -> None:
    tools: Any = [{"type": "gateway", "name": "guess"}]
    with pytest.raises(BadRequestError, match="There is no tool 'guess' here"):
        openai.chat.completions.create(model="sandbox/echo", messages=[{"role": "user", "content": "Go."}], tools=tools)


TEXT = {"text": "a", "model": "gpt-4o"}
POSTS = {
    "/tools/execute": {"name": "compute_similarity", "arguments": {"text1": "a", "text2": "b"}},
    "/tools/execute?": {"name": "generate_embeddings", "arguments": {"texts": ["a"]}},
    "/tools/execute?keywords": {"name": "extract_keywords", "arguments": {"corpus": "tea"}},
    "/context/validate": TEXT,
    "/context/process": TEXT,
    "/context/chunk": TEXT,
}


def asked_for_all(openai: OpenAI) -> dict[str, tuple[int, float]]:
    """All that the services do, at the same time: its status, and what it took in seconds."""

    def ask(path: str) -> tuple[int, float]:
        began = time.monotonic()
        try:
            openai.post(path, body=POSTS[path], cast_to=dict[str, Any])
        except InternalServerError as refused:
            return refused.status_code, time.monotonic() - began
        return 200, time.monotonic() - began

    with ThreadPoolExecutor(len(POSTS)) as pool:
        return dict(zip(POSTS, pool.map(ask, POSTS), strict=True))


def stand(beside: GatewayProcess, openai: OpenAI, *states: str) -> bool:
    """Whether that is how both services are, as the gateway tells."""
    told = openai.get(f"{beside.url}/health/detailed", cast_to=dict[str, Any])["neighbours"]
    return tuple(told[name]["state"] for name in ("cms", "code_orchestrator")) == states


@pytest.mark.parametrize("fault", ["slow", "500", "reset", "garbage", "no HTTP"])
def test_whatever_is_wrong_with_the_services_is_told_in_time(
    cms: Service, orchestrator: Service, beside: GatewayProcess, openai: OpenAI, fault: str
) -> None:
    """A tool or an operation is an error, and a count the estimate; none takes longer than its time.

    The figures are those of the settings, asserted at ten times; in virtual time they are exact
    (tests/whole/test_tools.py, test_context_service.py).
    """
    ask: Any = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "Go."}]}
    headers = {"x-cms-mode": "validate"}
    cms.fault = orchestrator.fault = fault
    try:
        told = asked_for_all(openai)
        assert {status for status, _ in told.values()} == {504 if fault == "slow" else 502}
        assert max(took_s for _, took_s in told.values()) < 10 * TIMEOUT_S
        began = time.monotonic()
        answer = openai.chat.completions.with_raw_response.create(**ask, extra_headers=headers)
        assert answer.headers["x-cms-routed"] == "false"
        assert time.monotonic() - began < 10 * WAIT_S
    finally:
        cms.fault = orchestrator.fault = ""
    # On a busy machine a look may have been too slow as well, and opened a breaker.
    beside.wait_for(lambda: stand(beside, openai, "up", "up"), 10 * (CHECK_S + TIMEOUT_S))
    assert {status for status, _ in asked_for_all(openai).values()} == {200}
    answer = openai.chat.completions.with_raw_response.create(**ask, extra_headers=headers)
    assert (answer.headers["x-cms-routed"], answer.headers["x-token-count"]) == ("true", "99")


@pytest.mark.parametrize("fault", ["slow", "500", "reset", "garbage", "no HTTP"])
def test_a_service_that_is_ill_is_told_by_its_next_look(
    cms: Service, orchestrator: Service, beside: GatewayProcess, openai: OpenAI, fault: str
) -> None:
    """Looks are a fifth of a second apart, and a slow one is given up after its time; the other service stays well."""
    beside.wait_for(lambda: stand(beside, openai, "up", "up"), 10 * (CHECK_S + TIMEOUT_S))
    for ill, states in ((cms, ("down", "up")), (orchestrator, ("up", "down"))):
        ill.health_fault = fault
        try:
            beside.wait_for(partial(stand, beside, openai, *states), 10 * (CHECK_S + TIMEOUT_S))
        finally:
            ill.health_fault = ""
        beside.wait_for(lambda: stand(beside, openai, "up", "up"), 10 * (CHECK_S + TIMEOUT_S))


def test_each_service_hears_what_is_meant_for_it_and_tools_their_arguments_alone(
    cms: Service, orchestrator: Service, tools: Service, openai: OpenAI, upstream: Upstream
) -> None:
    for service in (cms, orchestrator, tools):
        service.asked.clear()
    assert {status for status, _ in asked_for_all(openai).values()} == {200}
    model = upstream.plays(tells(*MOVES), family="gpt")
    openai.chat.completions.create(model=model, messages=[{"role": "user", "content": QUESTION}], tools=TOOLS)
    assert sorted(path for path, _ in cms.asked) == [f"/v1/context/{name}" for name in ("chunk", "process", "validate")]
    assert sorted(path for path, _ in orchestrator.asked) == ["/v1/embeddings", "/v1/keywords", "/v1/similarity"]
    assert all_run(tools) == sorted(
        [("/time", "{}"), *(("/weather", json.dumps(call.arguments)) for call in MOVES[0].calls)]
    )
