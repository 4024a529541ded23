"""Schemathesis asks a real gateway with the sandbox for all that /openapi.json describes, rightly and wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.face.openapi.admin_operations import ADMIN_OPERATIONS
from gateway.face.openapi.operations import OPERATIONS
from tests.sockets.processes import GatewayProcess, running

CHECKS: Final = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES: Final = 12
"""For each endpoint, of right requests and of wrong ones."""
ENDLESS: Final = "GET /admin/events"
ALL: Final = {name: words for name, words in {**OPERATIONS, **ADMIN_OPERATIONS}.items() if name != ENDLESS}
MODELS: Final = ("sandbox/echo", "sandbox/lorem", "sandbox/embedding")


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running(tmp_path_factory.mktemp("described")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def described(sandboxed: GatewayProcess) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{sandboxed.url}/openapi.json")


def asked(described: BaseSchema, endpoint: str, mode: GenerationMode) -> None:
    """Asks many times, and compares each answer with what was said of it."""
    method, path = endpoint.split(" ")

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            case.body["model"] = MODELS[len(case.body["model"]) % len(MODELS)]
        answer = case.call(headers={"X-Gateway-Admin": "1"})
        assert answer.status_code != 500, answer.text
        case.validate_response(answer, checks=CHECKS)

    ask()


@pytest.mark.parametrize("endpoint", ALL)
def test_a_right_request_is_answered_as_described(described: BaseSchema, endpoint: str) -> None:
    asked(described, endpoint, GenerationMode.POSITIVE)


@pytest.mark.parametrize("endpoint", [name for name, words in ALL.items() if words.request or words.parameters])
def test_so_is_a_wrong_one(described: BaseSchema, endpoint: str) -> None:
    asked(described, endpoint, GenerationMode.NEGATIVE)
