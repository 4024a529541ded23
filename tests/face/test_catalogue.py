"""GET /v1/models, /v1/models/{id}, /v1/providers on every engine."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.face.engines import Face
from tests.face.house import client_keys
from tests.face.specification import check


async def test_the_models_that_can_be_asked_are_listed_as_openai_lists_its_own(
    autojump_clock: MockClock, face: Face
) -> None:
    reply = await face.request("GET", "/v1/models")

    assert reply.status == 200
    assert [(model["id"], model["owned_by"]) for model in reply.json["data"]] == [
        ("gpt-4o", "openai"),
        ("openrouter/meta-llama/llama-4", "openrouter"),
    ]
    check(reply.json, "ListModelsResponse")
    record = await face.told()
    assert (record.endpoint, record.status, record.call) == ("models", 200, None)


async def test_what_is_known_of_a_model_stands_beside_what_openai_says_of_its_own(
    autojump_clock: MockClock, face: Face
) -> None:
    plain, known = (await face.request("GET", "/v1/models")).json["data"]

    assert plain == {"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "openai"}
    assert known == {
        "id": "openrouter/meta-llama/llama-4",
        "object": "model",
        "created": 1_744_000_000,
        "owned_by": "openrouter",
        "context_window": 1_000_000,
        "max_output_tokens": 16_384,
        "pricing": {
            "input": 1.0,
            "output": 4.5,
            "cached_input": 0.1,
            "tiers": [{"above_input_tokens": 200_000, "input": 2.0, "output": 9.0}],
        },
    }
    assert (await face.request("GET", "/v1/models/openrouter/meta-llama/llama-4")).json == known


@pytest.mark.parametrize(
    ("target", "name", "owner"),
    [
        ("/v1/models/gpt-4o", "gpt-4o", "openai"),
        ("/v1/models/openrouter/meta-llama/llama-4", "openrouter/meta-llama/llama-4", "openrouter"),
        ("/v1/models/openrouter%2Fmeta-llama%2Fllama-4", "openrouter/meta-llama/llama-4", "openrouter"),
        ("/v1/models/gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "openai"),
    ],
)
async def test_one_model_is_shown_whatever_its_name_and_whether_listed_or_not(
    autojump_clock: MockClock, face: Face, target: str, name: str, owner: str
) -> None:
    reply = await face.request("GET", target)

    assert reply.status == 200
    assert (reply.json["id"], reply.json["owned_by"]) == (name, owner)
    check(reply.json, "Model")


@pytest.mark.parametrize("target", ["/v1/models/gpt-5", "/v1/models/claude-without-key", "/v1/models/a%20b"])
async def test_a_model_that_nobody_here_serves_is_a_404(autojump_clock: MockClock, face: Face, target: str) -> None:
    reply = await face.request("GET", target)

    assert (reply.status, reply.error["code"]) == (404, "model_not_found")
    check(reply.json, "ErrorResponse")


async def test_providers_say_what_they_lack(autojump_clock: MockClock, face: Face) -> None:
    reply = await face.request("GET", "/v1/providers")

    assert reply.json == {
        "object": "list",
        "data": [
            {"id": "openai", "kind": "openai", "available": True, "missing": [], "object": "provider"},
            {
                "id": "anthropic",
                "kind": "anthropic",
                "available": False,
                "missing": ["ANTHROPIC_API_KEY"],
                "object": "provider",
            },
        ],
    }


@pytest.mark.parametrize("target", ["/v1/models", "/v1/models/gpt-4o", "/v1/providers"])
async def test_head_says_what_get_would_without_the_body(autojump_clock: MockClock, face: Face, target: str) -> None:
    client = await face.connect()
    full = await client.request("GET", target)

    head = await client.request("HEAD", target)

    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == full.header("content-length") == str(len(full.body))
    assert (await client.request("GET", target)).status == 200


@pytest.mark.parametrize("house_options", [{"keys": client_keys(alice="sk-alice")}])
@pytest.mark.parametrize("target", ["/v1/models", "/v1/models/gpt-4o", "/v1/providers"])
async def test_the_catalogue_asks_for_a_key_as_all_of_the_api_does(
    autojump_clock: MockClock, face: Face, target: str
) -> None:
    assert (await face.request("GET", target)).status == 401
    assert (await face.request("GET", target, headers={"authorization": "Bearer sk-alice"})).status == 200
    assert [record.client for record in face.house.records] == ["", "alice"]
