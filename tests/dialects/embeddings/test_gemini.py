"""Embeddings of a model behind Gemini, for a client that speaks OpenAI's dialect."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import msgspec
import pytest
from google.genai import types
from google.genai._common import BaseModel
from openai.types import CreateEmbeddingResponse

from gateway.dialects.codec import finish_steps
from gateway.dialects.embeddings import gemini
from gateway.dialects.embeddings.fidelity import TABLE
from gateway.dialects.embeddings.request import decode_request
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import GEMINI, Dropped, Kept, Mapped
from gateway.errors import InvalidRequest
from tests.shared_material import Recording, openai_schema, openapi, recordings

MODEL = "gemini-embedding-001"


class EmbedContentRequest(BaseModel):
    model: str
    content: types.Content
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class BatchEmbedContentsRequest(BaseModel):
    requests: list[EmbedContentRequest]


def body(**members: Any) -> bytes:
    return msgspec.json.encode({"model": "embed", "input": "Hi"} | members)


def sent(client_body: bytes) -> Any:
    encoded = gemini.encode_request(client_body, decode_request(client_body), MODEL)
    BatchEmbedContentsRequest.model_validate_json(encoded)
    return msgspec.json.decode(encoded)


def answered(client_body: bytes, answer: Any) -> gemini.EmbeddingsAnswer:
    document = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return finish_steps(gemini.decode_answer(document, decode_request(client_body), MODEL))


def embeddings(*values: list[float], **more: Any) -> dict[str, Any]:
    return {"embeddings": [{"values": each} for each in values], **more}


def test_each_text_is_a_request_of_its_own() -> None:
    assert gemini.path("embed/ding") == b"/models/embed%2Fding:batchEmbedContents"
    assert sent(body(input=["a", "b"], dimensions=64, encoding_format="base64", user="me")) == {
        "requests": [
            {"model": f"models/{MODEL}", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 64},
            {"model": f"models/{MODEL}", "content": {"parts": [{"text": "b"}]}, "outputDimensionality": 64},
        ]
    }
    assert sent(body()) == {"requests": [{"model": f"models/{MODEL}", "content": {"parts": [{"text": "Hi"}]}}]}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1], [2]]}, "input"),
        ({"input": ["a"] * 101}, "input"),
        ({"input_type": "query"}, "input_type"),
    ],
)
def test_what_gemini_cannot_be_asked_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    client_body = body(**members)
    with pytest.raises(InvalidRequest) as caught:
        gemini.encode_request(client_body, decode_request(client_body), MODEL)
    assert caught.value.param == param
    assert "Gemini" in caught.value.message


def test_an_answer_in_openais_shape() -> None:
    """Usage is Gemini's, where it counts."""
    answer = answered(
        body(input=["a", "b"]), embeddings([0.5, -1.0], [2.0, 0.25], usageMetadata={"promptTokenCount": 9})
    )
    assert msgspec.json.decode(answer.body) == {
        "object": "list",
        "model": MODEL,
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [2.0, 0.25]},
        ],
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    }
    assert answer.usage == Usage(prompt=9)
    assert CreateEmbeddingResponse.model_validate_json(answer.body).data[1].embedding == [2.0, 0.25]
    openai_schema("CreateEmbeddingResponse").validate(msgspec.json.decode(answer.body))


def test_usage_is_estimated_where_gemini_does_not_count() -> None:
    assert answered(body(input=["Hello", "you"]), embeddings([1.0], [1.0])).usage == Usage(prompt=3)


def test_base64_is_of_little_endian_floats() -> None:
    """As the official client decodes it, which asks for it unasked."""
    answer = answered(body(encoding_format="base64"), embeddings([0.5, -1.0, 1e39]))
    text = msgspec.json.decode(answer.body)["data"][0]["embedding"]
    assert struct.unpack("<3f", base64.b64decode(text)) == (0.5, -1.0, float("inf"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        {},
        {"embeddings": None},
        {"embeddings": [{}]},
        embeddings(),
        embeddings([1.0], [1.0]),
        {"embeddings": [{"values": ["a"]}]},
        {"embeddings": [{"values": None}]},
        b'{"embeddings": [{"values": [1.0',
        b"[" * 5000,
    ],
)
def test_a_body_that_is_no_answer(answer: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own, or ours
        answered(body(), answer)


def test_every_property_of_the_specification_has_a_fate() -> None:
    properties = openapi()["components"]["schemas"]["CreateEmbeddingRequest"]["properties"]
    assert set(TABLE) == set(properties)
    assert all(isinstance(row[GEMINI], Mapped | Kept | Dropped) for row in TABLE.values())


RECORDED = recordings("google", api="embeddings", where=lambda each: each.status == 200)


@pytest.mark.parametrize("recording", RECORDED)
def test_a_recorded_answer(recording: Recording) -> None:
    document = json.loads(recording.response)
    answer = answered(body(), recording.response)
    translated = msgspec.json.decode(answer.body)
    assert [each["embedding"] for each in translated["data"]] == [each["values"] for each in document["embeddings"]]
    assert answer.usage.prompt == document.get("usageMetadata", {}).get("promptTokenCount", 1)
