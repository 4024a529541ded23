"""Recorded traffic and OpenAI's specification, which lie beside the project and are no part of it.

Looked for in GATEWAY_SHARED, then in `../shared` from the project's root. Where they are absent the tests that need
them are skipped; with CI set, their absence is a failure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

PROJECT = Path(__file__).resolve().parent.parent


class Absent(Exception):
    """The shared material is not where it should be."""


@dataclass(frozen=True)
class Recording:
    """One exchange with a provider, as it was on the wire (see its `meta.json` for how closely)."""

    folder: Path
    meta: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.folder.name}"

    @property
    def provider(self) -> str:
        return str(self.meta["provider"])

    @property
    def status(self) -> int:
        return int(self.meta["status"])

    @property
    def streamed(self) -> bool:
        return bool(self.meta["streamed"])

    @property
    def request(self) -> bytes:
        """The request's body, where it was recorded (see `has_request`)."""
        return (self.folder / "request.json").read_bytes()

    @property
    def has_request(self) -> bool:
        return (self.folder / "request.json").exists()

    @property
    def response(self) -> bytes:
        return (self.folder / ("response.sse" if self.streamed else "response.json")).read_bytes()

    @property
    def response_headers(self) -> list[tuple[bytes, bytes]]:
        """What was kept of the answer's headers, without those that frame or encode its body."""
        fields = {**self.meta["headers"], "content-type": self.meta["response_content_type"] or "application/json"}
        framing = ("transfer-encoding", "content-encoding", "content-length")
        return [(name.encode(), value.encode()) for name, value in fields.items() if name not in framing]


def recordings(*providers: str, api: str = "chat", where: Callable[[Recording], bool] | None = None) -> list[Any]:
    """Parameters for `pytest.mark.parametrize`: the recordings of `providers`, or one that skips with the reason."""
    try:
        folder = shared_folder() / "traffic"
    except Absent as absent:
        if os.environ.get("CI"):
            raise
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=str(absent)))]
    found = _read(folder, providers, api)
    return [pytest.param(each, id=each.name) for each in found if where is None or where(each)]


def openapi() -> dict[str, Any]:
    """OpenAI's specification; skips the test where it is absent."""
    try:
        return _openapi(shared_folder())
    except Absent as absent:
        if os.environ.get("CI"):
            pytest.fail(str(absent))
        pytest.skip(str(absent))


def openai_schema(name: str) -> jsonschema.protocols.Validator:
    """Checks values against one schema of OpenAI's specification; skips the test where that is absent."""
    openapi()
    return _checker(shared_folder(), name)


def shared_folder() -> Path:
    """Raises Absent."""
    folder = Path(os.environ.get("GATEWAY_SHARED") or PROJECT.parent / "shared")
    if not (folder / "traffic" / "INDEX.tsv").exists():
        raise Absent(f"no recorded traffic at {folder} (set GATEWAY_SHARED)")
    return folder


def _read(folder: Path, providers: tuple[str, ...], api: str) -> Iterator[Recording]:
    for provider in providers:
        for meta in sorted((folder / provider / api).glob("*/meta.json")):
            yield Recording(meta.parent, json.loads(meta.read_text()))


@cache
def _openapi(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "openai-openapi.json").read_text())
    return document


@cache
def _checker(folder: Path, name: str) -> jsonschema.protocols.Validator:
    """Of sixty events or thirty items it tries those alone that say the value's own `type`: no other can be right."""
    document = _as_json_schema(folder)

    @cache
    def types(reference: str) -> frozenset[str]:
        """Those that the schema allows; none where it says nothing of that."""
        named = document["schemas"][reference.removeprefix("#/components/schemas/")]
        return frozenset(named.get("properties", {}).get("type", {}).get("enum", ()))

    def tried(choices: list[Any], value: Any) -> Iterator[Any]:
        said = value.get("type") if isinstance(value, dict) else None
        for choice in choices:
            allowed = types(choice["$ref"]) if isinstance(said, str) and "$ref" in choice else None
            if not allowed or said in allowed:
                yield choice

    def narrowed(keyword: str) -> Callable[..., Iterator[Any]]:
        check = jsonschema.Draft202012Validator.VALIDATORS[keyword]

        def checked(validator: Any, choices: list[Any], value: Any, schema: Any) -> Iterator[Any]:
            return check(validator, list(tried(choices, value)) or choices, value, schema)

        return checked

    checks = {keyword: narrowed(keyword) for keyword in ("anyOf", "oneOf")}
    checker = jsonschema.validators.extend(jsonschema.Draft202012Validator, checks)
    return checker({"$ref": f"#/components/schemas/{name}", "components": document})


@cache
def _as_json_schema(folder: Path) -> Any:
    return _without_nullable(_openapi(folder)["components"])


def _without_nullable(schema: Any) -> Any:
    """OpenAPI 3.0 writes `nullable` where JSON Schema has a type of its own."""
    if isinstance(schema, list):
        return [_without_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _without_nullable(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
