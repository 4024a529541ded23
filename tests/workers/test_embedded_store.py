"""Which store workers share, and what is said where there is none to share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.config import Origin
from gateway.store.actor import StorePlace
from gateway.workers import parent
from gateway.workers.embedded_store import embedded_server
from gateway.workers.private_folder import PrivateFolder

NOBODYS = {"REDIS_URL": "", "LLM_GATEWAY_WORKERS": "2"}


def kept(folder: Path, lines: list[str], environ: dict[str, str]) -> parent.Parent:
    settings = folder / "gateway.toml"
    settings.write_text("")
    origin = Origin(path=settings, environ=environ, options={})
    return parent.Parent(origin.load(), origin, PrivateFolder(folder, lock=-1), lines.append)


async def test_without_a_store_of_anybodys_the_embedded_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "StoreSearch", nowhere)
    lines: list[str] = []
    assert await kept(tmp_path, lines, NOBODYS)._needed_store() == embedded_server()
    assert lines == []


async def test_without_the_extra_it_is_said_what_that_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "StoreSearch", nowhere)
    monkeypatch.setattr(parent, "embedded_server", lambda: None)
    lines: list[str] = []
    assert await kept(tmp_path, lines, NOBODYS)._needed_store() is None
    (line,) = map(json.loads, lines)
    assert line["event"] == "workers share no store: each keeps to its part of the limits"
    assert line["remedy"] == "set REDIS_URL, or install llm-gateway[embedded]"


@pytest.mark.parametrize("url", ["redis://store.test", "memory://"])
async def test_who_has_said_where_the_store_is_gets_no_other(tmp_path: Path, url: str) -> None:
    assert await kept(tmp_path, [], {**NOBODYS, "REDIS_URL": url})._needed_store() is None


def nowhere(*_: object, **__: object) -> object:
    """A search that finds nothing on this machine."""

    async def look() -> StorePlace:
        return StorePlace(None, "none answers")

    return look
