"""What is told inside stays there too: one gateway with all that one can have, asked for all that it describes.

Two workers, a store, services and tools beside them, both clients towards providers, every dialect on either side,
fallbacks, hedges, recovery and the cache. Every endpoint that `/openapi.json` describes is asked with success, with
marked keys and words wherever they can stand; then all that anybody else can see is searched for them.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.face.openapi.admin_operations import ADMIN_OPERATIONS
from gateway.face.openapi.operation import Access
from gateway.face.openapi.operations import OPERATIONS
from tests.sockets import scripts
from tests.sockets.canaries import (
    MARK,
    SAID,
    SCRIPTS,
    SECRETS,
    STORES_PASSWORD,
    breaks,
    environ_of,
    key_in,
    opens,
    question,
)
from tests.sockets.collector import Collector, collecting
from tests.sockets.described import Locked
from tests.sockets.moves import FAMILIES, Move, ToolUse, name_for
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.scripts import DONE, event
from tests.sockets.services import Service
from tests.sockets.test_secrecy import ask_about_everything
from tests.sockets.upstream import Asked, Upstream
from tests.sockets.voices import tells
from tests.store.valkeys import Valkey, valkey

SETTINGS: Final = """
[server]
workers = 2
drain_grace_s = 0.2
[auth]
mode = "keys"
[retry]
request_fallbacks = true
budget_start = 100
backoff_base_s = 0.01
[timeouts]
hedge_after_s = 0.05
[cache]
enabled = true
store = "shared"
[metrics]
token_env = "SCRAPE_TOKEN"
exemplars = true
[log]
level = "debug"
[tools.tell]
url = "{service}/tell"
token_env = "TOOL_TOKEN"
[providers.silent]
kind = "sandbox"
fail = "stall"
[providers.through]
kind = "openai"
base_url = "{openai}"
api_key_env = "OPENAI_API_KEY"
upstream = "httpx"
[providers.theirs]
kind = "openai"
base_url = "{openai}"
auth = "passthrough"
"""
START_LIMIT_S: Final = 30.0
"""Three processes start on what may be one core."""
ALL: Final = {**OPERATIONS, **ADMIN_OPERATIONS}
ENDLESS: Final = "GET /admin/events"
BODIES: Final[Mapping[str, Any]] = {
    "POST /v1/chat/completions": question("sandbox/echo"),
    "POST /v1/responses": {"model": "sandbox/echo", "input": SAID, "instructions": SAID, "metadata": {"note": SAID}},
    "POST /v1/responses/input_tokens": {"model": "sandbox/echo", "input": SAID, "instructions": SAID},
    "POST /v1/messages": {
        "model": "sandbox/echo",
        "max_tokens": 99,
        "system": SAID,
        "messages": [{"role": "user", "content": SAID}],
    },
    "POST /v1/messages/count_tokens": {"model": "sandbox/echo", "messages": [{"role": "user", "content": SAID}]},
    "POST /v1/embeddings": {"model": "sandbox/embedding", "input": [SAID], "user": SAID},
    "POST /v1/context/validate": {"model": "gpt-4.1", "text": SAID},
    "POST /v1/context/process": {"model": "gpt-4.1", "text": SAID, "conversation_id": SAID},
    "POST /v1/context/chunk": {"model": "gpt-4.1", "text": SAID, "overlap_ratio": 0.1},
    "POST /v1/tools/execute": {"name": "extract_keywords", "arguments": {"corpus": SAID}},
    "POST /admin/providers/{name}/breaker": {"action": "open", "for_s": 0.1},
    "PATCH /admin/providers/{name}/limits": {"requests_per_minute": 0},
    "PATCH /admin/log-levels": {"levels": {"gateway.edge": "debug"}},
    "POST /admin/keys": {"label": "made"},
    "PATCH /admin/keys/{label}": {"requests_per_minute": 1000},
}
"""What is said to each endpoint that takes anything; a new one fails until it says what."""
LOOKS: Final = ("/metrics", "/admin/actors", "/admin/requests", "/health/detailed", "/admin/spend", "/admin/keys")
MOVE: Final = Move(thought=SAID, proof="c2lnbmVk", text=SAID, calls=(ToolUse("call_one", "tell", {"note": SAID}),))
CALLS_TOOL: Final = Move(thought=SAID, proof="c2lnbmVk", text="", calls=(ToolUse("call_two", "tell", {}),))
LAST: Final = Move(thought=SAID, proof="c2lnbmVk", text=SAID)
ASKS: Final[Mapping[str, dict[str, Any]]] = {
    "/v1/chat/completions": question(""),
    "/v1/responses": {"input": SAID, "instructions": SAID},
    "/v1/messages": {"max_tokens": 99, "system": SAID, "messages": [{"role": "user", "content": SAID}]},
}
"""By dialect of clients."""


class Marked(Locked):
    """The gateway, with keys that are made while it runs."""

    def __init__(self, gateway: GatewayProcess) -> None:
        super().__init__(gateway, opens, SAID)
        self.made: list[str] = []

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.note(super().ask(method, path, body))

    def note(self, document: Any) -> Any:
        """A key that is shown this once."""
        if isinstance(document, dict) and str(document.get("key", "")).startswith("sk-gw-"):
            self.made.append(document["key"])
        return document


class Told:
    """All that others can see, as it comes."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response] = []
        """To clients, who know what they said."""
        self.looks: dict[str, str] = {}
        """What operators and bystanders see, by where."""
        self.statuses: dict[str, int] = {}

    def look(self, where: str, text: str) -> None:
        self.looks[where] = self.looks.get(where, "") + text


@pytest.fixture
def service() -> Iterator[Service]:
    """All services beside the gateway in one, which say what they were told."""
    said = Service(
        v1__context__validate=lambda _: {"token_count": 9, "context_limit": 99, "utilization": 0.1, "note": SAID},
        v1__context__process=lambda _: {"optimized_text": SAID, "original_tokens": 9, "final_tokens": 9},
        v1__context__chunk=lambda _: {"chunks": [SAID]},
        v1__keywords=lambda _: {"keywords": [SAID], "processing_time_ms": 1},
        tell=lambda _: {"note": SAID},
    )
    with said.listening():
        yield said


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """One of its own, so that all of its scripts are this story's."""
    upstream = Upstream()
    yield upstream
    upstream.close()


def begins_late(asked: Asked) -> None:
    """Accepts at once, and says nothing until another one has."""
    asked.begin_stream([("x-secret", SAID)])
    asked.wait_until_left()


def goes_on(asked: Asked) -> None:
    """From where an answer broke, or from the beginning."""
    last = asked.json["messages"][-1]
    begun = last["content"] if last["role"] == "assistant" else ""
    asked.begin_stream([("x-secret", SAID)])
    asked.stream(event({"content": f"{SAID}, and more."[len(begun) :]}) + scripts.STOP + DONE)
    asked.end_stream()


def refuses_in_any_dialect(asked: Asked) -> None:
    """With the key that it got, and what it was told."""
    words = f"{SAID}: {key_in(asked)}: {asked.body.decode()}"
    error = {"type": "authentication_error", "status": SAID, "message": words, "code": 401}
    asked.answer(401, json.dumps({"type": "error", "error": error}).encode(), [("x-secret", SAID)])


def ask_in_every_dialect(client: httpx.Client, upstream: Upstream) -> Iterator[httpx.Response]:
    """Of every provider, whole and streamed; what each answers and what each refuses."""
    for path, said in ASKS.items():
        for family in FAMILIES.values():
            for stream in (False, True):
                for script in (tells(MOVE), refuses_in_any_dialect):
                    model = name_for(upstream.plays(script, family=family))
                    yield client.post(path, json={**said, "model": model, "stream": stream})


def ask_those_who_need_another(client: httpx.Client, upstream: Upstream) -> Iterator[httpx.Response]:
    """Fallback, hedge and recovery, in each dialect of clients."""
    plain = {"messages": [{"role": "user", "content": SAID}]}
    for path, said in {**ASKS, "/v1/chat/completions": plain}.items():
        for first in (scripts.refuses(503, SAID), begins_late, breaks):
            fallback = upstream.plays(goes_on, family="deepseek")
            asked = {**said, "model": upstream.plays(first, family="deepseek"), "fallbacks": [fallback]}
            answer = client.post(path, json={**asked, "stream": True})
            assert "and more" in answer.text
            yield answer


def ask_otherwise(client: httpx.Client, upstream: Upstream) -> Iterator[httpx.Response]:
    """By the other client, with the client's own key, twice from the cache, and with a tool that the gateway runs."""
    for provider in ("through", "theirs"):
        for script in SCRIPTS:
            for stream in (False, True):
                asked = question(f"{provider}/{upstream.plays(script)}", stream=stream)
                yield client.post("/v1/chat/completions", json=asked)
    cached = {"model": upstream.plays(tells(LAST)), "messages": [{"role": "user", "content": SAID}], "temperature": 0}
    yield client.post("/v1/chat/completions", json=cached)
    hit = client.post("/v1/chat/completions", json=cached)
    assert hit.headers["x-gateway-cache"] == "hit"
    yield hit
    for stream in (False, True):
        model = upstream.plays(tells(CALLS_TOOL, LAST))
        tools = [{"type": "gateway", "name": "tell"}]
        asked = {"model": model, "stream": stream, "messages": [{"role": "user", "content": SAID}], "tools": tools}
        yield client.post("/v1/chat/completions", json=asked)


def ask_for_all_that_is_described(client: httpx.Client, marked: Marked, told: Told) -> None:
    for endpoint, words in ALL.items():
        if endpoint == ENDLESS:
            continue  # somebody listens all the time
        method, template = endpoint.split(" ")
        path = template.format(**marked.names(endpoint))
        answer = client.request(method, path, json=BODIES.get(endpoint), headers=opens(path))
        told.statuses[endpoint] = answer.status_code
        if words.access is Access.CLIENT and words.tag != "Catalogue":
            told.answers.append(answer)
            continue
        text = answer.text
        if answer.headers["content-type"] == "application/json" and "key" in marked.note(answer.json()):
            text = text.replace(marked.made[-1], "")  # which is shown this once
        told.look(endpoint, f"{answer.headers}{text}")


def ask_with_a_made_key(client: httpx.Client, marked: Marked) -> Iterator[httpx.Response]:
    """Before and after it is taken back."""
    headers = {"Authorization": f"Bearer {marked.made[0]}"}
    yield client.post("/v1/chat/completions", json=question("sandbox/echo"), headers=headers)
    yield client.get("/v1/models", headers=headers)
    yield client.post("/v1/chat/completions", json=question("sandbox/echo"), headers={"x-api-key": marked.made[0]})


def listen(gateway: GatewayProcess, told: Told) -> threading.Thread:
    """To all that those who watch the gateway hear, until it ends."""

    def hear() -> None:
        with httpx.stream("GET", f"{gateway.url}/admin/events", headers=opens("/admin/events"), timeout=30) as events:
            told.statuses[ENDLESS] = events.status_code
            try:
                for text in events.iter_text():
                    told.look(ENDLESS, text)
            except httpx.TransportError:
                return  # cut with the gateway's end

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()
    return thread


def go_through_all_of_it(
    gateway: GatewayProcess, upstream: Upstream, service: Service, marked: Marked, told: Told
) -> None:
    listener = listen(gateway, told)
    anywhere = httpx.Limits(max_keepalive_connections=0)  # whichever worker takes a connection
    with httpx.Client(base_url=gateway.url, headers=opens("/v1"), timeout=10, limits=anywhere) as client:
        told.answers += ask_about_everything(client, upstream)
        told.answers += ask_in_every_dialect(client, upstream)
        told.answers += ask_those_who_need_another(client, upstream)
        told.answers += ask_otherwise(client, upstream)
        ask_for_all_that_is_described(client, marked, told)
        told.answers += ask_with_a_made_key(client, marked)
        service.says = dict.fromkeys(service.says, lambda _: SAID.encode())
        for endpoint in ("POST /v1/context/process", "POST /v1/context/chunk", "POST /v1/tools/execute"):
            told.answers.append(client.post(endpoint.split(" ")[1], json=BODIES[endpoint]))
        with client.stream(
            "POST", "/v1/chat/completions", json=question(upstream.plays(scripts.pauses), stream=True)
        ) as unfinished:
            next(unfinished.iter_lines())
            for path in LOOKS:
                told.look(path, client.get(path, headers=opens(path)).text)
            gateway.send(signal.SIGTERM)
            assert gateway.wait() == 0
    listener.join(5)
    assert not listener.is_alive()


def what_the_store_has(store: Valkey) -> str:
    with store.client(password=STORES_PASSWORD) as client:
        client.save()
    return (store.folder / f"{store.port}.rdb").read_bytes().decode("latin-1")


def test_nothing_of_what_goes_on_inside_is_told_outside(upstream: Upstream, service: Service, tmp_path: Path) -> None:
    assert set(BODIES) == {name for name, words in ALL.items() if words.request and words.request_required}
    told = Told()
    with ExitStack() as stack:
        collector: Collector = stack.enter_context(collecting())
        store = stack.enter_context(valkey(tmp_path, f"requirepass {STORES_PASSWORD}", "rdbcompression no"))
        environ = {
            **environ_of(upstream, collector),
            "REDIS_URL": f"redis://:{STORES_PASSWORD}@127.0.0.1:{store.port}",
            "CMS_URL": service.url,
            "CODE_ORCHESTRATOR_URL": service.url,
        }
        settings = SETTINGS.format(service=service.url, openai=upstream.url("/openai/v1"))
        gateway = stack.enter_context(
            running(tmp_path, settings=settings, environ=environ, troubled=True, start_limit_s=START_LIMIT_S)
        )
        marked = Marked(gateway)
        stack.callback(marked.close)
        go_through_all_of_it(gateway, upstream, service, marked, told)
        stored = what_the_store_has(store)

    assert upstream.unasked == [], "each script has been played"
    assert {name: status for name, status in told.statuses.items() if status != ALL[name].status} == {}
    assert set(told.statuses) == set(ALL)
    traces = b"".join(collector.bodies).decode("latin-1")
    for where, text in {**told.looks, "log": gateway.log, "stderr": gateway.stderr, "traces": traces}.items():
        assert MARK not in text, where
        assert not [key for key in marked.made if key in text], where
    assert len(marked.made) >= 4
    secrets = [*SECRETS, *marked.made]
    assert not [answer.text for answer in told.answers for key in secrets if key in f"{answer.headers}{answer.text}"]
    assert not [key for key in secrets if key in stored]
    assert SAID in stored, "responses are kept there"
    requests = gateway.logged("request")
    assert len(requests) > 150
    assert {line["worker"] for line in requests} == {"0", "1"}
