"""Who is measured: how each proxy is started in front of one upstream on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers import PEERS_FOLDER
from bench.processes import HOST, free_port

MODEL = "gpt-4o-mini"
KEY = "bench-key"
GATEWAY = "llm-gateway"
FLOOR = "floor: bare Trio + httptools"
CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Launch:
    """One way to start a process."""

    command: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """A proxy under measurement; `launch` takes the port to listen on, the upstream's port and a folder of its own."""

    name: str
    launch: Callable[[int, int, Path], Launch]
    model: str = MODEL
    key: str = ""
    first_model: str = MODEL
    """Whom the first question goes to, whose answer ends the start-up."""
    start_limit_s: float = 20.0
    missing: str = ""
    """Why it cannot be measured here."""

    def first_question(self) -> bytes:
        messages = [{"role": "user", "content": "Hello!"}]
        return json.dumps({"model": self.first_model, "messages": messages}).encode()


GATEWAY_TOML = """
[auth]
mode = "keys"

[providers.openai]
requests_per_minute = 1000000000
tokens_per_minute = 1000000000000
max_concurrent = 10000
memory_mb = 1024
"""
"""Every limit is on and counted; none is reached."""

LITELLM_YAML = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: "http://{host}:{port}/v1", api_key: x}}
litellm_settings: {{request_timeout: 600, telemetry: false}}
general_settings: {{master_key: {key}}}
"""


def gateway(listen: int, upstream: int, folder: Path) -> Launch:
    """The gateway as it is served: keys, log line and metrics on, the log in a file."""
    config = folder / "gateway.toml"
    config.write_text(GATEWAY_TOML)
    environ = {
        "LLM_GATEWAY_CONFIG": str(config),
        "LLM_GATEWAY_HOST": HOST,
        "LLM_GATEWAY_PORT": str(listen),
        "LLM_GATEWAY_API_KEYS": KEY,
        "OPENAI_BASE_URL": f"http://{HOST}:{upstream}/v1",
        "OPENAI_API_KEY": "x",
    }
    return Launch([sys.executable, "-m", "gateway", "serve"], environ)


def floor(listen: int, upstream: int, folder: Path) -> Launch:
    return Launch([sys.executable, "-m", "bench.floor", str(listen), str(upstream)])


def bare_hypercorn(listen: int, upstream: int, folder: Path) -> Launch:
    return Launch([sys.executable, "-m", "bench.bare_hypercorn", str(listen), str(upstream)])


def vllm_router(listen: int, upstream: int, folder: Path) -> Launch:
    command = [peer_program("vllm-router", "vllm-router"), *router_arguments(listen, upstream)]
    return Launch([*command, "--log-level", "warning"])


def sglang_router(listen: int, upstream: int, folder: Path) -> Launch:
    command = [peer_program("sglang-router", "python"), "-m", "sglang_router.launch_router"]
    return Launch([*command, *router_arguments(listen, upstream), "--log-level", "warn"])


def litellm(listen: int, upstream: int, folder: Path) -> Launch:
    config = folder / "litellm.yaml"
    config.write_text(LITELLM_YAML.format(model=MODEL, host=HOST, port=upstream, key=f"sk-{KEY}"))
    command = [peer_program("litellm", "litellm"), "--config", str(config), "--host", HOST, "--port", str(listen)]
    environ = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True"}
    return Launch(command, environ)


def router_arguments(listen: int, upstream: int) -> list[str]:
    """What the two Rust routers have in common: one worker to send everything to."""
    arguments = ["--host", HOST, "--port", str(listen), "--worker-urls", f"http://{HOST}:{upstream}"]
    return [*arguments, "--policy", "round_robin", "--prometheus-port", str(free_port())]


def peer_program(peer: str, program: str) -> str:
    return str(PEERS_FOLDER / peer / "bin" / program)


def all_subjects() -> list[Subject]:
    """In the order of the table; those that are not installed say so in `missing`."""
    return [
        Subject(GATEWAY, gateway, key=KEY, first_model="sandbox/echo"),
        Subject(FLOOR, floor),
        Subject("bare Hypercorn + Quart-Trio + httpx", bare_hypercorn),
        Subject("vllm-router", vllm_router, missing=_absent("vllm-router")),
        Subject("sglang-router", sglang_router, missing=_absent("sglang-router")),
        Subject("LiteLLM proxy", litellm, key=f"sk-{KEY}", start_limit_s=120.0, missing=_absent("litellm")),
    ]


def _absent(peer: str) -> str:
    return "" if Path(peer_program(peer, "python")).exists() else "not installed: make bench-peers"
