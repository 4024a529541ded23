"""Marked keys, marked words, and providers that repeat what they are told: for stories about what is told to whom.

Whatever is nobody's business has the mark in it, so that a search for it finds all of them.
"""

from __future__ import annotations

import json
from typing import Any

from tests.sockets.collector import Collector
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
TOOLS_TOKEN = f"{MARK}-of-the-tool"
PROVIDERS_KEYS = {name: f"{key}-{MARK}" for name, key in KEYS.items()}
SECRETS = (
    CLIENT_KEY,
    ADMIN_TOKEN,
    METRICS_TOKEN,
    STRANGERS_KEY,
    COLLECTORS_KEY,
    STORES_PASSWORD,
    TOOLS_TOKEN,
    *PROVIDERS_KEYS.values(),
)
"""What is told to nobody, not even to those who know it."""


def environ_of(upstream: Upstream, collector: Collector) -> dict[str, str]:
    """Keys of all kinds, for settings that name these variables."""
    return {
        **upstream.environ,
        **PROVIDERS_KEYS,
        "LLM_GATEWAY_API_KEYS": CLIENT_KEY,
        "LLM_GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN,
        "SCRAPE_TOKEN": METRICS_TOKEN,
        "TOOL_TOKEN": TOOLS_TOKEN,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTORS_KEY}",
    }


def opens(path: str) -> dict[str, str]:
    """What opens `path`."""
    token = ADMIN_TOKEN if path.startswith("/admin") else METRICS_TOKEN if path == "/metrics" else CLIENT_KEY
    return {"Authorization": f"Bearer {token}"}


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
    refuses(401, f"{SAID}: Incorrect API key provided: {key_in(asked)}.")(asked)


def tells_the_key_late(asked: Asked) -> None:
    """The same in the middle of an answer."""
    asked.begin_stream()
    asked.stream(event({"content": SAID}) + event(error={"message": key_in(asked), "code": 500}) + DONE)
    asked.end_stream()


def key_in(asked: Asked) -> str:
    """Wherever the provider wants it."""
    return " ".join(asked.fields.get(name, "") for name in ("authorization", "x-api-key", "x-goog-api-key"))


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
    called = {"id": SAID, "type": "function", "function": {"name": "tell", "arguments": json.dumps({"note": SAID})}}
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
