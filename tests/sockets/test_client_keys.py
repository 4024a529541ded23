"""Client keys from the command line into real gateways: two of them, and one real Valkey."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sockets.processes import GatewayProcess, running
from tests.sockets.test_shared_store import QUESTION, Asker
from tests.store.valkeys import Valkey, valkey

pytestmark = pytest.mark.real_time

SETTINGS = """
[auth]
mode = "keys"
[models."sandbox/echo"]
prices = { input = 1.0, output = 1.0 }
"""
REVOKED_LIMIT_S = 20.0
"""Ten times what is promised."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    with valkey(tmp_path) as one:
        yield one


def keys(gateway: GatewayProcess, *words: str) -> str:
    """Runs `llm-gateway keys` beside a gateway and returns what it writes to standard output."""
    command = [sys.executable, "-m", "gateway", "keys", *words]
    done = subprocess.run(
        command, cwd=gateway.folder, env=dict(gateway.environ), capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_key_is_made_spends_what_it_may_on_both_and_is_taken_back(server: Valkey, tmp_path: Path) -> None:
    """A token costs a micro-USD here: its budget is some ten answers', wherever they come from."""
    environ = {"REDIS_URL": server.url}
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    with (
        running(folders[0], settings=SETTINGS, environ=environ) as one,
        running(folders[1], settings=SETTINGS, environ=environ) as other,
    ):
        key = keys(one, "create", "team", "--budget-usd-per-day", "0.000200", "--models", "sandbox/*")
        with Asker(one, key) as ours, Asker(other, key) as theirs, Asker(one, "sk-gw-wrong") as wrong:
            assert wrong.chat() == 401
            answered = 0
            for asker in (ours, theirs) * 40:
                status, document = asker.ask("POST", "/v1/chat/completions", {**QUESTION, "max_tokens": 5})
                if status != 200:
                    break
                answered += 1
            assert (status, document["error"]["code"]) in [(429, "insufficient_quota"), (429, "rate_limit_exceeded")]
            time.sleep(0.3)  # until holds have become costs
            _, refusal = ours.ask("POST", "/v1/chat/completions", {**QUESTION, "max_tokens": 500})
            assert refusal["error"]["code"] == "insufficient_quota"
            page = other.get("/admin/spend?group_by=key")
            assert page["data"][0]["calls"] == answered
            assert 0 < page["total"]["cost_usd"] <= 0.0002

            keys(one, "revoke", "team")
            began = time.monotonic()
            while theirs.chat() != 401 or ours.chat() != 401:
                assert time.monotonic() < began + REVOKED_LIMIT_S
                time.sleep(0.1)
        for gateway in (one, other):
            assert key not in gateway.log + gateway.stderr
