"""What people say to models is nobody's business, and keys are nobody's at all: neither is ever told to anybody else.

Marked texts go in at the door in every way there is, right and wrong, past Quart and through it, at the most talkative
log level, with every request traced and the store away; then log, standard error, figures, actors, traces and answers
are searched for the mark. What goes on further inside is `test_secrecy_inside.py`'s.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sockets import scripts
from tests.sockets.canaries import (
    ADMIN_TOKEN,
    CLIENT_KEY,
    MARK,
    METRICS_TOKEN,
    SAID,
    SCRIPTS,
    SECRETS,
    STORES_PASSWORD,
    STRANGERS_KEY,
    echoes,
    environ_of,
    opens,
    question,
)
from tests.sockets.collector import Collector, collecting
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Upstream

ENGINES = {
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
def upstream() -> Iterator[Upstream]:
    """One of its own, so that all of its scripts are this story's."""
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(params=ENGINES)
def watched(
    request: pytest.FixtureRequest, upstream: Upstream, collector: Collector, tmp_path: Path
) -> Iterator[GatewayProcess]:
    away = {"REDIS_URL": f"redis://:{STORES_PASSWORD}@127.0.0.1:9/0"}  # where nobody listens
    environ = {**environ_of(upstream, collector), **away}
    settings = SETTINGS.format(server=ENGINES[request.param])
    with running(tmp_path, settings=settings, environ=environ, troubled=True) as gateway:
        yield gateway


ELSEWHERE = {
    "/v1/responses": {"input": SAID, "instructions": SAID, "metadata": {"note": SAID}},
    "/v1/responses/input_tokens": {"input": SAID},
    "/v1/messages": {"max_tokens": 99, "system": SAID, "messages": [{"role": "user", "content": SAID}]},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": SAID}]},
    "/v1/embeddings": {"input": [SAID]},
}
"""The other endpoints of models, with what is said to each beside its model."""
BESIDE = {
    "/v1/context/validate": {"text": SAID},
    "/v1/tools/execute": {"name": SAID, "arguments": {"text1": SAID}},
}
"""The endpoints of services, which are not there."""


def ask_about_everything(client: httpx.Client, upstream: Upstream) -> Iterator[httpx.Response]:
    """Every script of a provider, whole and streamed; the sandbox; requests that are wrong in every way."""
    for script in SCRIPTS:
        for stream in (False, True):
            yield client.post("/v1/chat/completions", json=question(upstream.plays(script), stream=stream))
    for model in ("sandbox/echo", "sandbox/lorem", "sandbox/nobody", "openrouter/"):
        yield client.post("/v1/chat/completions", json=question(model))
    for body in (SAID, f'{{"{SAID}": 1}}', f'{{"model": "sandbox/echo", "messages": "{SAID}"}}', f'["{SAID}"'):
        yield client.post("/v1/chat/completions", content=body)
    for name in ("X-Gateway-Timeout", "X-Gateway-Priority", "Cookie", "X-Request-ID", "traceparent", "Expect"):
        yield client.post("/v1/chat/completions", json=question("sandbox/echo"), headers={name: SAID})
    for path, said in ELSEWHERE.items():
        yield client.post(path, json={"model": upstream.plays(echoes), **said})
        yield client.post(path, json={"model": "sandbox/echo", **said})
    for path, said in BESIDE.items():
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
            client.get(path, headers=opens(path))
            for path in (
                "/metrics",
                "/admin/actors",
                "/admin/requests",
                "/admin/spend",
                "/admin/config",
                "/health/detailed",
                "/v1/models",
                "/v1/providers",
            )
        ]
        unfinished = question(upstream.plays(scripts.pauses), stream=True)
        with client.stream("POST", "/v1/chat/completions", json=unfinished) as answer:
            next(answer.iter_lines())
            watched.send(signal.SIGTERM)
            assert watched.wait() == 0
    assert {look.url.path for look in looks if look.status_code != 200} == {"/admin/spend"}  # its store is away
    assert [look.url.path for look in looks if MARK in look.text] == []
    assert upstream.unasked == [], "each script has been played"
    requests = watched.logged("request")
    assert len(requests) > 40
    assert len([span for span in collector.spans if span.kind == "server"]) == len(requests)
    assert MARK.encode() not in b"".join(collector.bodies)
    assert {line["event"] for line in watched.troubles()} == {"configuration refused"}
    assert MARK not in watched.log
    assert watched.stderr == ""
    assert not [answer for answer in answers for key in SECRETS if key in answer.text + str(answer.headers)]
