"""The scripts of client keys do what their model says, on a real Valkey, and operators can do all of it by command."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.__main__ import main
from gateway.config import load
from gateway.keys.registry import script
from tests.store.fake_redis import FakeServer
from tests.store.keys_model import KEYS
from tests.store.valkeys import Valkey, valkey

WRITE, FIND, _ = KEYS
DIGESTS = ("d1", "d2", "d3")
texts = st.sampled_from(["", "one", "two"])
writes = st.tuples(
    st.sampled_from(["a", "b"]),
    texts,
    texts.filter(bool),
    st.lists(st.sampled_from(DIGESTS), unique=True, max_size=2),
    st.lists(st.sampled_from(DIGESTS), unique=True, max_size=2),
)
names = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as one:
        yield one


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(writes, min_size=1, max_size=8))
def test_the_scripts_do_what_their_model_says(server: Valkey, steps: list[Any]) -> None:
    places = [f"k{next(names)}:{{keys}}:{name}" for name in ("records", "digests", "changed")]
    model = FakeServer()
    model.now = lambda: 0.0  # type: ignore[method-assign]
    with server.client() as client:
        for label, expected, wanted, closed, opened in steps:
            arguments = [label, expected, wanted, str(len(closed)), *closed, *opened]
            assert client.eval(WRITE, 3, *places, *arguments) == KEYS[WRITE](model, places, arguments)
            for digest in DIGESTS:
                assert client.eval(FIND, 2, *places[:2], digest) == KEYS[FIND](model, places[:2], [digest])


def test_changes_are_heard_of_by_the_servers_clock(server: Valkey) -> None:
    places = [f"c:{{keys}}:{name}" for name in ("records", "digests", "changed")]
    with server.client() as client:
        (began,) = client.eval(script("keys_changed.lua"), 1, places[2], -1)
        client.eval(WRITE, 3, *places, "a", "", "one", 0, "d1")
        now, *changed = client.eval(script("keys_changed.lua"), 1, places[2], began)
        assert (changed, began <= now <= began + 5_000) == ([b"d1"], True)
        assert client.eval(script("keys_changed.lua"), 1, places[2], now + 1)[1:] == []
        client.eval(WRITE, 3, *places, "b", "", "many", 0, *(f"e{number}" for number in range(1000)))
        assert client.eval(script("keys_changed.lua"), 1, places[2], began)[1:] == [b"*"]


def test_a_keys_life_on_the_command_line(
    server: Valkey, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key alone goes to standard output; no other command shows it."""
    monkeypatch.chdir(tmp_path)
    environ = {"REDIS_URL": f"{server.url}/7", "LLM_GATEWAY_API_KEYS": "sk-fixed"}

    def keys(*words: str) -> tuple[int, str, str]:
        code = main(["keys", *words], environ)
        out, err = capsys.readouterr()
        return code, out.strip(), err

    terms = ["--models", "gpt-4o*", "fast", "--budget-usd-per-day", "2.5", "--expires", "2999-01-01T00:00:00Z"]
    code, first, told = keys("create", "team-a", *terms, "--tags", "owner=ann")
    assert (code, first[:6], "team-a" in told) == (0, "sk-gw-", True)
    assert keys("create", "team-a")[0] == keys("create", "key-1")[0] == 1
    _, second, _ = keys("rotate", "team-a", "--grace-s", "60")
    assert first != second

    code, listed, _ = keys("list")
    fixed, ours = listed.splitlines()
    assert fixed.split()[:3] == ["key-1", "active", "config"]
    assert ours.split()[:3] == ["team-a", "active", "store"]
    assert all(part in ours for part in (f"sk-gw-...{second[-4:]}", f"sk-gw-...{first[-4:]}", "budget_usd_per_day=2.5"))
    assert first not in listed
    with server.client(db=7) as client:
        records = client.hgetall("llm-gateway:{keys}:records")
        assert sha256(first.encode()).hexdigest() in str(records)
        assert first not in str(records)

    assert keys("revoke", "team-a")[0] == 0
    assert keys("list")[1].splitlines()[1].split()[1] == "revoked"
    assert keys("rotate", "team-a")[0] == keys("revoke", "nobody")[0] == 1


@pytest.mark.parametrize("action", ["revoke", "rotate"])
def test_a_key_that_the_store_does_not_have_is_told_where_it_stands(
    action: str, server: Valkey, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    digest = sha256(b"sk-written").hexdigest()
    Path("gateway.toml").write_text(f'[[auth.keys]]\nlabel = "written"\nsha256 = "{digest}"', encoding="utf-8")
    environ = {"REDIS_URL": f"{server.url}/8", "LLM_GATEWAY_API_KEYS": "sk-fixed"}
    for label, said in (
        ("written", "stands in gateway.toml"),
        ("key-1", "stands in LLM_GATEWAY_API_KEYS"),
        ("nobody", "There is no key 'nobody' in the store."),
    ):
        assert main(["keys", action, label], environ) == 1
        assert said in capsys.readouterr().err


def test_without_a_store_the_command_says_what_to_paste(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And pasted, it is the key that was shown."""
    monkeypatch.chdir(tmp_path)
    environ = {"REDIS_URL": "memory://"}
    assert main(["keys", "list"], environ) == 0
    assert capsys.readouterr() == ("", "There are no client keys.\n")
    terms = ["--models", "gpt-*", "--models", "o3", "--tags", 'owner="ann"', "--expires", "2999-01-01T00:00:00Z"]
    assert main(["keys", "create", "team-a", *terms, "--max-concurrent", "3"], environ) == 0
    key, told = capsys.readouterr()
    table = told[told.index("[[auth.keys]]") :]
    file = Path("gateway.toml")
    file.write_text(f'[auth]\nmode = "keys"\n{table}', encoding="utf-8")
    (known,) = load(file, environ).client_keys
    assert known.sha256 == sha256(key.strip().encode()).digest()
    assert (known.label, known.models, known.tags) == ("team-a", ("gpt-*", "o3"), {"owner": '"ann"'})
    assert (known.max_concurrent, str(known.expires)) == (3, "2999-01-01 00:00:00+00:00")
    assert main(["keys", "list"], environ) == 0
    assert capsys.readouterr().out.startswith("team-a ")
    for words, said in ((["revoke", "team-a"], "delete its table"), (["rotate", "team-a"], "make another key")):
        assert main(["keys", *words], environ) == 1
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["create", "bad label!!"],
            "a label is made of 1 to 64 letters, digits, dots, - and _, and 'bad label!!'",
        ),
        (
            ["create", "a", "--expires", "tomorrow"],
            "--expires: expected a time with its zone, like 2027-01-31T00:00:00Z",
        ),
        (["create", "a", "--expires", "2020-01-31T00:00:00Z"], "--expires is a time to come, and 2020-01-31T00:00:00"),
        (
            ["create", "a", "--budget-usd-per-day", "nan", "--max-concurrent", "1.5"],
            (
                '--max-concurrent: expected a whole number from 0 up, found "1.5"\n'
                'llm-gateway keys: --budget-usd-per-day: expected a number from 0 to 1000000, found "nan"\n'
            ),
        ),
        (["create", "a", "--max-priority", "urgent"], '--max-priority: expected one of "high", "low", "normal", found'),
        (["create", "a", "--models", ""], '--models[0]: expected a text of 1 to 128 characters, found ""'),
        (["create", "a", "--tags", "owner"], '--tags: expected NAME=TEXT, each name once, found "owner"'),
        (["create", "a", "--tags", "a=1", "a=2"], '--tags: expected NAME=TEXT, each name once, found "a=2"'),
        (["create", "a", "--tags", "a=\udcff"], "--tags: expected a text, found 'a=\\udcff'"),
        (["rotate", "a", "--grace-s", "-1"], '--grace-s: expected a number of seconds from 0 up, found "-1"'),
        (["rotate", "a", "--grace-s", "long"], '--grace-s: expected a number of seconds from 0 up, found "long"'),
    ],
)
def test_what_is_written_wrongly_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", *words], {"REDIS_URL": "memory://"}) == 2
    assert capsys.readouterr().err.startswith(f"llm-gateway keys: {said}")


def test_a_store_that_cannot_be_reached_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list"], {"REDIS_URL": "redis://127.0.0.1:1"}) == 1
    assert capsys.readouterr().err == "llm-gateway keys: The store cannot be used: no connection.\n"
