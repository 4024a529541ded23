"""The official client of a gateway that asks its providers through either client, over TLS of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
from openai import OpenAI

from gateway.edge import sockets
from gateway.edge.limits import ServerLimits
from gateway.face.hypercorn_engine import HypercornServer, tls_context
from gateway.world import Listener, Stream
from tests.certificates import NAME, Certificate, certify
from tests.proxy import Proxy
from tests.sockets import scripts
from tests.sockets.callers import call, chat, together
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.scripts import WORDS, answers
from tests.sockets.upstream import Upstream

ASKED = [{"role": "user", "content": "Hello?"}]
LEFT_SOON_S = 0.5
"""Ten times what is promised."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certify(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secured(authority: Certificate) -> Iterator[Upstream]:
    """Providers whose certificate only their own authority vouches for."""
    upstream = Upstream(tls_context(str(authority.file), str(authority.key_file)))
    yield upstream
    upstream.close()


@pytest.fixture(scope="module", params=["edge", "httpx"])
def trusting(
    request: pytest.FixtureRequest, authority: Certificate, secured: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that has been told of that authority."""
    settings = f'[upstream]\nengine = "{request.param}"\nca_file = "{authority.file}"\n'
    with running(tmp_path_factory.mktemp("trusting"), settings=settings, environ=secured.environ) as gateway:
        gateway.warm_up()
        yield gateway


@pytest.fixture
def client(trusting: GatewayProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{trusting.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_whole_answers_and_streams_come_through(client: OpenAI, secured: Upstream) -> None:
    model = secured.plays(answers)
    for _ in range(2):
        whole = client.chat.completions.create(model=model, messages=ASKED)
        assert whole.choices[0].message.content == "".join(WORDS)
        stream = client.chat.completions.create(model=model, messages=ASKED, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "".join(WORDS)


def test_a_megabyte_goes_up_and_comes_down(client: OpenAI, secured: Upstream) -> None:
    text = "x" * 1_000_000
    model = secured.plays(lambda asked: asked.answer(200, scripts.completion(asked.model, text)))
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    assert answer.choices[0].message.content == text
    assert secured.asked(model)[0].json["messages"][0]["content"] == text


@pytest.mark.parametrize("script", [scripts.pauses, scripts.talks_on], ids=["in silence", "mid-word"])
def test_a_client_that_leaves_is_felt_by_the_provider_at_once(
    client: OpenAI, secured: Upstream, trusting: GatewayProcess, script: scripts.Script
) -> None:
    model = secured.plays(script)
    stream = client.chat.completions.create(model=model, messages=ASKED, stream=True)
    next(iter(stream))
    since = time.monotonic()
    stream.close()
    (asked,) = secured.asked(model)
    assert asked.left.wait(LEFT_SOON_S), "the provider still waits for the gateway"
    assert asked.left_at - since < LEFT_SOON_S
    trusting.wait_for(lambda: trusting.actors()["openai"]["detail"]["in_flight"] == [], LEFT_SOON_S)


def test_a_client_that_gives_up_before_an_answer_is_felt_too(client: OpenAI, secured: Upstream) -> None:
    model = secured.plays(scripts.silent)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(
            model=model, messages=ASKED, extra_headers={"x-stainless-read-timeout": openai.Omit()}
        )
    assert secured.asked(model)[0].left.wait(LEFT_SOON_S)


@pytest.mark.parametrize("engine", ["edge", "httpx"])
def test_without_that_authority_the_provider_is_not_trusted(engine: str, secured: Upstream, tmp_path: Path) -> None:
    """Nothing of a request goes out, it is not tried again, and the client is told why without an address."""
    settings = f'[upstream]\nengine = "{engine}"\n'
    model = secured.plays(answers)
    with (
        running(tmp_path, settings=settings, environ=secured.environ) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0) as client,
    ):
        with pytest.raises(openai.InternalServerError, match="its certificate was not accepted") as told:
            client.chat.completions.create(model=model, messages=ASKED)
        assert (told.value.status_code, told.value.response.headers["x-gateway-attempts"]) == (502, "1")
        assert "127.0.0.1" not in told.value.response.text
    assert secured.asked(model) == []


CROWD = 9


class Loopback:
    """Where the proxy listens, whatever it wants, and whom it reaches."""

    address = ("", 0)

    async def listen(self, _host: str, _port: int) -> Listener:
        listener = await sockets.listen("127.0.0.1", 0)
        self.address = listener.address
        return listener

    async def connect(self, host: str, port: int) -> Stream:
        return await sockets.connect(host, port)


class Http2Provider:
    """An ASGI app: it answers when it is told to; who wants a stream gets a word and has to leave."""

    def __init__(self) -> None:
        self.versions: list[str] = []
        self.under_way = 0
        self.crowded, self.left, self.answers = trio.Event(), trio.Event(), trio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return
        self.versions.append(scope["http_version"])
        self.under_way += 1
        if self.under_way == CROWD:
            self.crowded.set()
        try:
            await self._answer(json.loads((await receive())["body"]), receive, send)
        finally:
            self.under_way -= 1

    async def _answer(self, asked: Any, receive: Any, send: Any) -> None:
        kind = b"text/event-stream" if asked["stream"] else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if asked["stream"]:
            word = scripts.event({"content": WORDS[0]})
            await send({"type": "http.response.body", "body": scripts.ROLE + word, "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
            return
        await self.answers.wait()
        await send({"type": "http.response.body", "body": scripts.completion(asked["model"])})


async def test_http2_through_a_proxy(authority: Certificate, tmp_path: Path) -> None:
    """All over one tunnel at a time; who leaves a stream resets it, and the others do not notice."""
    provider, network = Http2Provider(), Loopback()
    server = HypercornServer(
        provider,
        limits=ServerLimits(),
        tls=tls_context(str(authority.file), str(authority.key_file)),
        clock=trio.current_time,
        wall_clock=time.time,
        on_crash=lambda crash, _scope: pytest.fail(repr(crash)),
    )
    proxy, listener = Proxy(network), await sockets.listen("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [listener])
        await nursery.start(proxy.run)
        environ = {"OPENAI_BASE_URL": f"https://{NAME}:{listener.address[1]}/v1", "OPENAI_API_KEY": "sk-any"}
        settings = f"""[upstream]
engine = "httpx"
http2 = true
ca_file = "{authority.file}"
proxy = "http://127.0.0.1:{network.address[1]}"
[catalogue]
refresh_s = 0
"""
        with running(tmp_path, settings=settings, environ=environ) as gateway:

            async def ask(_: int) -> None:
                client = await call(gateway)
                answer = await client.ask(chat("gpt-of-test"))
                assert answer.status == 200
                assert json.loads(answer.body)["choices"][0]["message"]["content"] == "".join(WORDS)
                client.close()

            with trio.fail_after(20):
                leaver = await call(gateway)
                await leaver.send(chat("gpt-of-test", stream=True))
                await leaver.read_until(WORDS[0].encode())
                async with trio.open_nursery() as others:
                    others.start_soon(together, CROWD - 1, ask)
                    await provider.crowded.wait()
                    leaver.close()
                    with trio.fail_after(LEFT_SOON_S):
                        await provider.left.wait()
                    provider.answers.set()
        assert provider.versions == ["2"] * CROWD
        assert proxy.asked == [b"CONNECT %s:%d HTTP/1.1" % (NAME.encode(), listener.address[1])]
        nursery.cancel_scope.cancel()
