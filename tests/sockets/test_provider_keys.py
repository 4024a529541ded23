"""The official client, unmodified, of a gateway that has two keys for its provider and one of them was revoked."""

from __future__ import annotations

from pathlib import Path

from openai import OpenAI

from tests.sockets.processes import running
from tests.sockets.scripts import WORDS, answers, refuses
from tests.sockets.upstream import Asked, Upstream

SETTINGS = """
[providers.openai]
api_key_env = ["REVOKED_API_KEY", "OPENAI_API_KEY"]
"""
REVOKED = "sk-a-key-that-was-revoked"
ASKED = [{"role": "user", "content": "Hello?"}]


def knows_one_key(asked: Asked) -> None:
    if asked.fields["authorization"] == f"Bearer {REVOKED}":
        refuses(401, f"Incorrect API key provided: {REVOKED}.")(asked)
    else:
        answers(asked)


def test_a_revoked_key_is_no_clients_concern(upstream: Upstream, tmp_path: Path) -> None:
    model = upstream.plays(knows_one_key)
    environ = {**upstream.environ, "REVOKED_API_KEY": REVOKED}
    with (
        running(tmp_path, settings=SETTINGS, environ=environ) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="the-clients-own", max_retries=0) as client,
    ):
        raw = client.chat.completions.with_raw_response.create(model=model, messages=ASKED)
        assert raw.headers["x-gateway-attempts"] == "2"
        stream = client.chat.completions.create(model=model, messages=ASKED, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "".join(WORDS)
        keys = gateway.actors()["openai"]["detail"]["keys"]
        assert [(key["label"], key["state"]) for key in keys] == [
            ("REVOKED_API_KEY", "revoked"),
            ("OPENAI_API_KEY", "ready"),
        ]
        assert len(upstream.asked(model)) == 3
        (line,) = gateway.logged("provider key revoked")
        assert line["key"] == "REVOKED_API_KEY"
        assert REVOKED not in gateway.log
