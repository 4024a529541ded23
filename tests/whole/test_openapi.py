"""GET /openapi.json says what is served, all of it and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from trio.testing import MockClock

from gateway.face.openapi.admin_operations import ADMIN_OPERATIONS
from gateway.face.openapi.operations import OPERATIONS
from tests.whole.gateways import running

ENDLESS = "/admin/events"
"""Its answer has no end."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def test_every_route_is_described_and_every_description_is_of_a_route(autojump_clock: MockClock) -> None:
    async with running(troubled=True) as it:
        reply = await it.request("GET", "/openapi.json")
        assert reply.status == 200, [line for line in it.lines if "has no words" in str(line)]
        page = reply.json
    told = {f"{method.upper()} {path}" for path, methods in page["paths"].items() for method in methods}
    assert told == {*OPERATIONS, *ADMIN_OPERATIONS}
    assert page["openapi"].startswith("3.1")
    spent = page["paths"]["/admin/spend"]["get"]["parameters"]
    assert [parameter["name"] for parameter in spent] == ["from", "to", "group_by", "key"]


async def test_what_is_described_is_there_and_other_methods_are_not(autojump_clock: MockClock) -> None:
    async with running() as it:
        paths = (await it.request("GET", "/openapi.json")).json["paths"]
        for path in paths.keys() - {ENDLESS}:
            target = re.sub(r"\{\w+\}", "x", path)
            for method in METHODS:
                reply = await it.request(method, target)
                told = _answers(paths, method.lower(), target)
                assert (reply.status == 405) is (told is None), (method, target, reply.status)
                assert told is None or str(reply.status) in told, (method, target, reply.status)
        assert (await it.request("GET", "/v1/completions")).status == 404


async def test_every_schema_is_one_and_every_reference_leads_somewhere(autojump_clock: MockClock) -> None:
    async with running() as it:
        page = (await it.request("GET", "/openapi.json")).json
    schemas = page["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    references = set(_references(page))
    assert references
    assert {reference.rpartition("/")[2] for reference in references} <= set(schemas)


def _answers(paths: dict[str, Any], method: str, target: str) -> dict[str, Any] | None:
    """What an endpoint may answer: that of the path as it stands, else of a pattern."""
    for path in sorted(paths, key=lambda path: "{" in path):
        if method in paths[path] and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), target):
            answers: dict[str, Any] = paths[path][method]["responses"]
            return answers
    return None


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
