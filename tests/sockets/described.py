"""A gateway of which all that /openapi.json describes can be asked with success: keys, a store, services beside it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.sockets.processes import END_LIMIT_S, GatewayProcess, running
from tests.sockets.services import Service
from tests.store.valkeys import valkey

CLIENT, OPERATOR, SCRAPER = "sk-client", "admin-token", "metrics-token"
LOCKED: Final = """
[auth]
mode = "keys"
[metrics]
token_env = "METRICS_TOKEN"
[providers.silent]  # never answers
kind = "sandbox"
fail = "stall"
"""
ENVIRON: Final = {
    "LLM_GATEWAY_API_KEYS": CLIENT,
    "LLM_GATEWAY_ADMIN_TOKEN": OPERATOR,
    "METRICS_TOKEN": SCRAPER,
}
SILENT: Final = "silent/echo"
CONTEXT: Final[dict[str, Any]] = {"token_count": 1, "context_limit": 8, "utilization": 0.1}


def bearer(path: str) -> dict[str, str]:
    """What opens `path`."""
    token = OPERATOR if path.startswith("/admin") else SCRAPER if path == "/metrics" else CLIENT
    return {"Authorization": f"Bearer {token}"}


class Locked:
    """The gateway, and names of what is there. `said` is what its models are asked for them."""

    def __init__(
        self, gateway: GatewayProcess, opens: Callable[[str], dict[str, str]] = bearer, said: str = "hi"
    ) -> None:
        self.url = gateway.url
        self._opens = opens
        self._said = said
        self._gateway = gateway
        self._numbers = count()
        self._left_open: list[http.client.HTTPConnection] = []

    def names(self, endpoint: str) -> dict[str, str]:
        """Parameters of its path that lead somewhere; what an endpoint takes away is made anew each time."""
        match endpoint.split(" ")[1].split("/")[1:]:
            case ["v1", "models", "{id}"]:
                return {"id": "sandbox/echo"}
            case ["v1", "responses", "{id}", *rest]:
                return {"id": self._response(SILENT if rest == ["cancel"] else "sandbox/echo")}
            case ["admin", "requests", "{id}"]:
                return {"id": self._request_under_way()}
            case ["admin", "keys", "{label}", *_]:
                label = f"key-{next(self._numbers)}.made"
                self.ask("POST", "/admin/keys", {"label": label})
                return {"label": label}
            case ["admin", "actors" | "providers", "{name}", *_]:
                return {"name": "deepseek"}
        return {}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer, which has to be a success."""
        connection = self._send(method, path, body)
        try:
            answer = connection.getresponse()
            assert answer.status in (200, 201), (path, answer.status)
            return json.loads(answer.read())
        finally:
            connection.close()

    def _response(self, model: str) -> str:
        asked = {"model": model, "input": self._said, "background": model == SILENT}
        return str(self.ask("POST", "/v1/responses", asked)["id"])

    def _request_under_way(self) -> str:
        question = {"model": SILENT, "messages": [{"role": "user", "content": self._said}]}
        before = self._under_way()
        self._left_open.append(self._send("POST", "/v1/chat/completions", question))
        self._gateway.wait_for(lambda: self._under_way() - before, END_LIMIT_S)
        return (self._under_way() - before).pop()

    def _under_way(self) -> set[str]:
        return {request["id"] for request in self.ask("GET", "/admin/requests")["requests"]}

    def _send(self, method: str, path: str, body: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(*self._gateway.address, timeout=END_LIMIT_S)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {**self._opens(path), "Content-Type": "application/json"})
        return connection

    def close(self) -> None:
        for connection in self._left_open:
            connection.close()


@contextmanager
def locked(folder: Path) -> Iterator[Locked]:
    """Ended afterwards, as is all that stands beside it."""
    context = Service(
        v1__context__validate=lambda _: CONTEXT,
        v1__context__process=lambda _: {"optimized_text": "", "original_tokens": 1, "final_tokens": 1},
        v1__context__chunk=lambda _: {"chunks": []},
    )
    orchestrator = Service(v1__similarity=lambda _: {"score": 0.5, "model": "m", "processing_time_ms": 1})
    with ExitStack() as stack:
        server = stack.enter_context(valkey(folder))
        for service in (context, orchestrator):
            stack.enter_context(service.listening())
        beside = {"REDIS_URL": server.url, "CMS_URL": context.url, "CODE_ORCHESTRATOR_URL": orchestrator.url}
        gateway = stack.enter_context(running(folder, settings=LOCKED, environ={**ENVIRON, **beside}))
        it = Locked(gateway)
        stack.callback(it.close)
        yield it
