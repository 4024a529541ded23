"""What people say to models is nobody's business, and keys are nobody's at all: neither is ever told to anybody else.

Marked texts go through every path there is, at the most talkative log level, with every request traced; then log,
standard error, figures, actors, traces and answers are searched for the mark.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sockets import scripts
from tests.sockets.collector import Collector, collecting
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.scripts import DONE, completion, event, refuses
from tests.sockets.upstream import KEYS, Asked, Upstream

MARK = "canary"
"""Stands in whatever a log must not say."""
SAID = f"what the {MARK} said"
CLIENT_KEY = f"sk-{MARK}-of-the-client-0123456789"
ADMIN_TOKEN = f"{MARK}-of-the-admin"
METRICS_TOKEN = f"{MARK}-of-the-scraper"
STRANGERS_KEY = f"sk-{MARK}-of-a-stranger-0123456789"
COLLECTORS_KEY = f"{MARK}-of-the-collector"
STORES_PASSWORD = f"{MARK}-of-the-store"

ENGINES = {
    "edge": "",
    "quart": "hot_routes = false",
    "hypercorn": 'engine = "hypercorn"',
}
SETTINGS = """
[server]
{server}
drain_grace_s = 0.2
[auth]
mode = "keys"
[retry]
budget_start = 100
backoff_base_s = 0.01
[metrics]
token_env = "SCRAPE_TOKEN"
[log]
level = "debug"
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(params=ENGINES)
def watched(
    request: pytest.FixtureRequest, upstream: Upstream, collector: Collector, tmp_path: Path
) -> Iterator[GatewayProcess]:
    environ = {
        **upstream.environ,
        **{name: f"{key}-{MARK}" for name, key in KEYS.items()},
        "LLM_GATEWAY_API_KEYS": CLIENT_KEY,
        "LLM_GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN,
        "SCRAPE_TOKEN": METRICS_TOKEN,
        "REDIS_URL": f"redis://:{STORES_PASSWORD}@127.0.0.1:9/0",  # where nobody listens
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTORS_KEY}",
    }
    settings = SETTINGS.format(server=ENGINES[request.param])
    with running(tmp_path, settings=settings, environ=environ, troubled=True) as gateway:
        yield gateway


def echoes(asked: Asked) -> None:
    """Says everything back that it was told, whole or streamed."""
    told = json.dumps(asked.json)
    if not asked.json.get("stream"):
        asked.answer(200, completion(asked.json["model"], told), [("x-secret", SAID), ("set-cookie", SAID)])
        return
    asked.begin_stream([("x-secret", SAID)])
    asked.stream(event({"role": "assistant", "reasoning": SAID, "content": told}) + event({}, "stop") + DONE)
    asked.end_stream()


def tells_the_key(asked: Asked) -> None:
    """An error that repeats the key that it got, as OpenAI's do."""
    refuses(401, f"{SAID}: Incorrect API key provided: {asked.fields['authorization']}.")(asked)


def tells_the_key_late(asked: Asked) -> None:
    """The same in the middle of an answer."""
    asked.begin_stream()
    asked.stream(event({"content": SAID}) + event(error={"message": asked.fields["authorization"], "code": 500}) + DONE)
    asked.end_stream()


def breaks(asked: Asked) -> None:
    asked.begin_stream()
    asked.stream(event({"content": SAID}) + b"data: {" + SAID.encode() + b"\n\n")
    asked.hang_up()


def nonsense(asked: Asked) -> None:
    asked.answer(200, SAID.encode())


def page(asked: Asked) -> None:
    asked.answer(502, f"<html>{SAID}</html>".encode(), [("content-type", "text/html")])


def crooked(asked: Asked) -> None:
    asked.send(f"{SAID}\r\n\r\n".encode())
    asked.hang_up()


SOON = [("retry-after-ms", "10")]
SCRIPTS = (
    echoes,
    tells_the_key,
    tells_the_key_late,
    breaks,
    nonsense,
    page,
    crooked,
    refuses(500, SAID, SOON),
    refuses(429, SAID, SOON, code=SAID),
)


def question(model: str, *, stream: bool = False) -> dict[str, Any]:
    tool = {"type": "function", "function": {"name": "tell", "description": SAID, "parameters": {"title": SAID}}}
    called = {"id": SAID, "type": "function", "function": {"name": "tell", "arguments": json.dumps(SAID)}}
    return {
        "model": model,
        "stream": stream,
        "user": SAID,
        "metadata": {"note": SAID},
        "tools": [tool],
        "messages": [
            {"role": "system", "content": SAID},
            {"role": "user", "content": [{"type": "text", "text": SAID}]},
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": SAID, "content": SAID},
            {"role": "user", "content": SAID},
        ],
    }


ELSEWHERE = {
    "/v1/responses": {"input": SAID, "instructions": SAID, "metadata": {"note": SAID}},
    "/v1/responses/input_tokens": {"input": SAID},
    "/v1/messages": {"max_tokens": 99, "system": SAID, "messages": [{"role": "user", "content": SAID}]},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": SAID}]},
    "/v1/embeddings": {"input": [SAID]},
    "/v1/context/validate": {"text": SAID},
    "/v1/tools/execute": {"name": SAID, "arguments": {"text1": SAID}},
}
"""The other endpoints, with what is said to each beside its model."""


def ask_about_everything(client: httpx.Client, upstream: Upstream) -> Iterator[httpx.Response]:
    """Every script of a provider, whole and streamed; the sandbox; requests that are wrong in every way."""
    for script in SCRIPTS:
        for stream in (False, True):
            yield client.post("/v1/chat/completions", json=question(upstream.plays(script), stream=stream))
    for model in ("sandbox/echo", "sandbox/lorem", "sandbox/nobody", "claude-nobody", "openrouter/"):
        yield client.post("/v1/chat/completions", json=question(model))
    for body in (SAID, f'{{"{SAID}": 1}}', f'{{"model": "sandbox/echo", "messages": "{SAID}"}}', f'["{SAID}"'):
        yield client.post("/v1/chat/completions", content=body)
    for name in ("X-Gateway-Timeout", "X-Gateway-Priority", "Cookie", "X-Request-ID", "traceparent", "Expect"):
        yield client.post("/v1/chat/completions", json=question("sandbox/echo"), headers={name: SAID})
    for path, said in ELSEWHERE.items():
        yield client.post(path, json={"model": upstream.plays(echoes), **said})
        yield client.post(path, json={"model": "sandbox/echo", **said})
    for method, path in (
        ("GET", "/v1/nothing"),
        ("DELETE", "/v1/models"),
        ("PUT", "/health"),
        ("GET", "/admin/nothing"),
    ):
        yield client.request(method, f"{path}?key={CLIENT_KEY}&said={SAID}", headers={"X-Api-Key": CLIENT_KEY})


def knock_with_keys(client: httpx.Client) -> Iterator[httpx.Response]:
    """At every door, with the right key and with a wrong one."""
    keys = {"/v1/models": CLIENT_KEY, "/admin/actors": ADMIN_TOKEN, "/metrics": METRICS_TOKEN}
    for path, key in keys.items():
        for given, status in ((key, 200), (STRANGERS_KEY, 401)):
            answer = client.get(path, headers={"Authorization": f"Bearer {given}"})
            assert answer.status_code == status
            yield answer
        yield client.get(path, headers={"Authorization": f"Basic {STRANGERS_KEY}", "api-key": STRANGERS_KEY})


def reload_badly(gateway: GatewayProcess) -> None:
    """The settings have keys in them, and more mistakes; the old ones hold."""
    file = gateway.folder / "gateway.toml"
    before = file.read_text()
    file.write_text(f'{before}\n[providers.openai]\napi_key = "{CLIENT_KEY}"\nbase_url = "http://{CLIENT_KEY}@a/"')
    gateway.send(signal.SIGHUP)
    gateway.wait_for(lambda: gateway.logged("configuration refused"), 5.0)
    file.write_text(before)


def leave_in_the_middle(client: httpx.Client, upstream: Upstream) -> None:
    """Of a stream, and of a wait."""
    paused = question(upstream.plays(scripts.pauses), stream=True)
    with client.stream("POST", "/v1/chat/completions", json=paused) as answer:
        next(answer.iter_lines())
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=question(upstream.plays(scripts.silent)), timeout=0.1)


def test_no_message_and_no_key_is_ever_told_to_anybody_else(
    watched: GatewayProcess, upstream: Upstream, collector: Collector
) -> None:
    headers = {"Authorization": f"Bearer {CLIENT_KEY}"}
    with httpx.Client(base_url=watched.url, headers=headers, timeout=10) as client:
        answers = [*ask_about_everything(client, upstream), *knock_with_keys(client)]
        leave_in_the_middle(client, upstream)
        reload_badly(watched)
        looks = [
            client.get(path, headers={"Authorization": f"Bearer {token}"})
            for path, token in (
                ("/metrics", METRICS_TOKEN),
                ("/admin/actors", ADMIN_TOKEN),
                ("/admin/requests", ADMIN_TOKEN),
                ("/admin/spend", ADMIN_TOKEN),
                ("/admin/config", ADMIN_TOKEN),
                ("/health/detailed", CLIENT_KEY),
                ("/v1/models", CLIENT_KEY),
                ("/v1/providers", CLIENT_KEY),
            )
        ]
        unfinished = question(upstream.plays(scripts.pauses), stream=True)
        with client.stream("POST", "/v1/chat/completions", json=unfinished) as answer:
            next(answer.iter_lines())
            watched.send(signal.SIGTERM)
            assert watched.wait() == 0
    assert {look.url.path for look in looks if look.status_code != 200} == {"/admin/spend"}  # its store is away
    assert [look.url.path for look in looks if MARK in look.text] == []
    requests = watched.logged("request")
    assert len(requests) > 40
    assert len([span for span in collector.spans if span.kind == "server"]) == len(requests)
    assert MARK.encode() not in b"".join(collector.bodies)
    assert {line["event"] for line in watched.troubles()} == {"configuration refused"}
    assert MARK not in watched.log
    assert watched.stderr == ""
    assert not [answer for answer in answers for key in KEYS.values() if key in answer.text + str(answer.headers)]
