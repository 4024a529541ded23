"""The same gateway behind its other doors: Hypercorn, Hypercorn with TLS and HTTP/2, and Quart without shortcuts."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import h2.connection
import h2.events
import httpx
import openai
import pytest
from openai import OpenAI

from tests.certificates import Certificate, certify
from tests.sockets import scripts
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.scripts import WORDS, answers, refuses
from tests.sockets.upstream import Script, Upstream

ASKED = [{"role": "user", "content": "Hello?"}]
SOON_S = 0.5
SETTINGS = {
    "hypercorn": '[server]\nengine = "hypercorn"',
    "https": '[server]\ntls_cert = "certificate.pem"\ntls_key = "key.pem"',
    "quart": "[server]\nhot_routes = false",
}
DOORS = ("hypercorn", "https", "http2", "quart")
HTTP1_DOORS = ("hypercorn", "https", "quart")
"""httpx sends no reset for a stream of HTTP/2 that it gives up: there only the end of the connection tells."""


class Door(NamedTuple):
    """One way in, and the official client that takes it."""

    gateway: GatewayProcess
    client: OpenAI
    http_version: str


@contextmanager
def opened(name: str, upstream: Upstream, folder: Path) -> Iterator[tuple[GatewayProcess, Certificate]]:
    certificate = certify(folder)
    with running(folder, settings=SETTINGS[name], environ=upstream.environ) as gateway:
        yield gateway, certificate


@pytest.fixture(scope="module")
def processes(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[GatewayProcess, Certificate]]]:
    """One gateway with each of the settings."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(opened(name, upstream, tmp_path_factory.mktemp(name))) for name in SETTINGS}


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, processes: dict[str, tuple[GatewayProcess, Certificate]]) -> Iterator[Door]:
    with entering(request.param, processes) as door:
        yield door


@contextmanager
def entering(name: str, processes: dict[str, tuple[GatewayProcess, Certificate]]) -> Iterator[Door]:
    http2 = name == "http2"
    gateway, certificate = processes["https" if http2 else name]
    trusting = ssl.create_default_context(cafile=str(certificate.file))
    http_client = httpx.Client(verify=trusting, http1=not http2, http2=http2)
    with OpenAI(base_url=f"{gateway.url}/v1", api_key="any", http_client=http_client, max_retries=0) as client:
        yield Door(gateway, client, "HTTP/2" if http2 else "HTTP/1.1")


def test_the_official_client_comes_in(door: Door, upstream: Upstream) -> None:
    """Plain and streamed, the sandbox, a provider, the lists; the door says what it is."""
    raw = door.client.chat.completions.with_raw_response.create(model="sandbox/echo", messages=ASKED)
    assert raw.http_response.http_version == door.http_version
    assert raw.parse().choices[0].message.content == "Hello?"
    assert raw.headers["x-gateway-provider"] == "sandbox"
    model = upstream.plays(answers)
    chunks = list(door.client.chat.completions.create(model=model, messages=ASKED, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "".join(WORDS)
    assert "sandbox/echo" in {listed.id for listed in door.client.models.list()}
    assert door.client.models.retrieve("sandbox/echo").owned_by == "sandbox"


def test_failures_keep_their_place(door: Door, upstream: Upstream) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        door.client.chat.completions.create(model="sandbox/echo", messages=[])
    assert refused.value.param == "messages"
    with pytest.raises(openai.AuthenticationError, match="The provider's own words") as told:
        door.client.chat.completions.create(
            model=upstream.plays(refuses(401, "The provider's own words.")), messages=ASKED
        )
    assert told.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.NotFoundError):
        door.client.models.retrieve("sandbox/nobody")


def test_a_broken_stream_raises(door: Door, upstream: Upstream) -> None:
    stream = door.client.chat.completions.create(model=upstream.plays(scripts.cut), messages=ASKED, stream=True)
    with pytest.raises(openai.APIError) as told:
        list(stream)
    assert told.value.code == "upstream_error"


def assert_left_soon(upstream: Upstream, model: str) -> None:
    (asked,) = upstream.asked(model)
    since = time.monotonic()
    assert asked.left.wait(SOON_S)
    assert asked.left_at - since < SOON_S


@pytest.mark.parametrize("script", [scripts.pauses, scripts.talks_on], ids=["silent", "talking"])
@pytest.mark.parametrize("door", HTTP1_DOORS, indirect=True)
def test_a_stream_that_the_client_closes_ends_upstream(door: Door, upstream: Upstream, script: Script) -> None:
    model = upstream.plays(script)
    with door.client.chat.completions.create(model=model, messages=ASKED, stream=True) as stream:
        next(iter(stream))
    assert_left_soon(upstream, model)


@pytest.mark.parametrize("door", HTTP1_DOORS, indirect=True)
def test_a_whole_answer_that_the_client_does_not_wait_for_ends_upstream(door: Door, upstream: Upstream) -> None:
    model = upstream.plays(scripts.silent)
    with pytest.raises(openai.APITimeoutError):
        door.client.with_options(timeout=0.3).chat.completions.create(
            model=model, messages=ASKED, extra_headers={"x-stainless-read-timeout": openai.Omit()}
        )
    assert_left_soon(upstream, model)


@pytest.mark.parametrize("script", [scripts.pauses, scripts.talks_on], ids=["silent", "talking"])
def test_a_client_of_http2_that_goes_away_ends_its_streams_upstream(
    processes: dict[str, tuple[GatewayProcess, Certificate]], upstream: Upstream, script: Script
) -> None:
    """Both that it has on its one connection."""
    models = [upstream.plays(script), upstream.plays(script)]
    with entering("http2", processes) as door:
        for model in models:
            next(iter(door.client.chat.completions.create(model=model, messages=ASKED, stream=True)))
    for model in models:
        assert_left_soon(upstream, model)


def test_tls_offers_http2_and_falls_back(processes: dict[str, tuple[GatewayProcess, Certificate]]) -> None:
    """By ALPN, as the client prefers; a client that speaks of none gets HTTP/1.1; plain HTTP gets no answer."""
    gateway, certificate = processes["https"]
    assert gateway.logged("gateway ready")[0]["engine"] == "hypercorn"
    for offered, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)):
        context = ssl.create_default_context(cafile=str(certificate.file))
        if offered:
            context.set_alpn_protocols(offered)
        with (
            socket.create_connection(gateway.address, timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            assert secured.selected_alpn_protocol() == chosen
            assert secured.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(httpx.TransportError):
        httpx.get(gateway.url.replace("https:", "http:") + "/health", timeout=5)


def test_http2_goes_on_behind_an_answer_that_did_not_wait_for_the_body(tmp_path: Path) -> None:
    """The refusal is there before the body is; what then comes of it is nobody's, and the next stream is served."""
    certificate = certify(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate.file))
    trusting.set_alpn_protocols(["h2"])
    with (
        running(tmp_path, settings=SETTINGS["https"], troubled=True) as gateway,
        socket.create_connection(gateway.address, timeout=5) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        client = Http2(secured)
        client.ask(1, "POST", "/v1/nothing", end=False)
        assert client.status_of(1) == 404
        client.send(1, b"{}")
        client.ask(3, "GET", "/health", end=True)
        assert client.status_of(3) == 200


class Http2:
    """As much of HTTP/2 as it takes to send a body late."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._socket = connection
        self._http = h2.connection.H2Connection()
        self._http.initiate_connection()
        self._statuses: dict[int, int] = {}
        self._ended: set[int] = set()

    def ask(self, stream: int, method: str, path: str, *, end: bool) -> None:
        head = {":method": method, ":path": path, ":scheme": "https", ":authority": "localhost"}
        self._http.send_headers(stream, list(head.items()), end_stream=end)
        self._flush()

    def send(self, stream: int, data: bytes) -> None:
        self._http.send_data(stream, data, end_stream=True)
        self._flush()

    def status_of(self, stream: int) -> int:
        """When the answer is whole."""
        while stream not in self._ended:
            received = self._socket.recv(65536)
            assert received, "the gateway ended the connection"
            for event in self._http.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived):
                    self._statuses[event.stream_id] = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.StreamEnded):
                    self._ended.add(event.stream_id)
            self._flush()
        return self._statuses[stream]

    def _flush(self) -> None:
        self._socket.sendall(self._http.data_to_send())
