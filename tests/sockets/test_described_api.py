"""Schemathesis asks real gateways with the sandbox for all that /openapi.json describes, rightly and wrongly.

Rightly one that asks for keys, with a store and services beside it, by names that are there and by made-up ones;
wrongly one that lets everybody in, so that what is wrong is all that is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.face.openapi.admin_operations import ADMIN_OPERATIONS
from gateway.face.openapi.operation import Access
from gateway.face.openapi.operations import OPERATIONS
from tests.sockets.described import Locked, bearer, locked
from tests.sockets.processes import END_LIMIT_S, running

CHECKS: Final = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES: Final = 10
"""For each endpoint, of right requests and of wrong ones."""
ALL: Final = {**OPERATIONS, **ADMIN_OPERATIONS}
ENDLESS: Final = "GET /admin/events"
READ_BYTES: Final = 64 * 1024
MODELS: Final = ("sandbox/echo", "sandbox/lorem", "sandbox/embedding")
HELLO: Final = [{"role": "user", "content": "Hello."}]
PLAIN: Final[dict[str, Any]] = {
    "POST /v1/chat/completions": {"model": "sandbox/echo", "messages": HELLO},
    "POST /v1/responses": {"model": "sandbox/echo", "input": "Hello."},
    "POST /v1/messages": {"model": "sandbox/echo", "max_tokens": 9, "messages": HELLO},
    "POST /v1/embeddings": {"model": "sandbox/embedding", "input": ["Hello."]},
    "POST /v1/tools/execute": {"name": "compute_similarity", "arguments": {"text1": "a", "text2": "b"}},
}
"""What chance seldom says, or never: asked once."""


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with locked(tmp_path_factory.mktemp("described")) as one:
        yield one


@pytest.fixture(scope="module")
def open_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("open")) as gateway:
        yield gateway.url


@pytest.fixture(scope="module")
def described(keyed: Locked) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{keyed.url}/openapi.json")


def cases(schema: BaseSchema, endpoint: str, mode: GenerationMode) -> Any:
    method, path = endpoint.split(" ")
    return given(case=schema[path][method].as_strategy(generation_mode=mode))


few = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
)


def answered(case: Case, headers: dict[str, str], url: str) -> Response:
    """The answer, after it was compared with what is said of it."""
    endless = f"{case.operation.method.upper()} {case.operation.path}" == ENDLESS
    answer = begun(case, headers, url) if endless else case.call(url, headers=headers)
    assert answer.status_code != 500, answer.text
    case.validate_response(answer, checks=CHECKS)
    return answer


def begun(case: Case, headers: dict[str, str], url: str) -> Response:
    """What comes first of an answer that goes on for ever, or all of one that does not."""
    asked = case.as_transport_kwargs(base_url=url, headers=headers)
    with requests.request(**asked, stream=True, timeout=END_LIMIT_S) as answer:
        if answer.status_code == 200:
            answer._content = next(answer.iter_content(READ_BYTES))  # where the client library keeps what it has read
            answer._content_consumed = True
        return Response.from_requests(answer, verify=True)


@pytest.mark.parametrize("endpoint", ALL)
def test_a_right_request_is_answered_as_described_and_not_only_refused(
    keyed: Locked, described: BaseSchema, endpoint: str
) -> None:
    """Without a key nobody comes in where one is asked for."""
    statuses: list[int] = []

    @few
    @cases(described, endpoint, GenerationMode.POSITIVE)
    def ask(case: Case) -> None:
        number = len(statuses)
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            case.body["model"] = MODELS[number % len(MODELS)]
        if number % 3 == 0:
            case.path_parameters = {**case.path_parameters, **keyed.names(endpoint)}
        if number == 0:
            case.body = PLAIN.get(endpoint, case.body)
            assert (answered(case, {}, keyed.url).status_code == 401) is (ALL[endpoint].access is not Access.OPEN)
        statuses.append(answered(case, bearer(case.path), keyed.url).status_code)

    ask()
    assert ALL[endpoint].status in statuses


@pytest.mark.parametrize("endpoint", [name for name, words in ALL.items() if words.request or words.parameters])
def test_a_wrong_one_is_answered_as_described_too(open_url: str, described: BaseSchema, endpoint: str) -> None:
    @few
    @cases(described, endpoint, GenerationMode.NEGATIVE)
    def ask(case: Case) -> None:
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            case.body["model"] = MODELS[len(case.body["model"]) % len(MODELS)]
        answered(case, {"X-Gateway-Admin": "1"}, open_url)

    ask()
