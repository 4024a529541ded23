"""The tools of the Code Orchestrator Service, as models and clients see them."""

from __future__ import annotations

from typing import Any, Final

from gateway.neighbour import Behalf
from gateway.orchestrator.client import Orchestrator
from gateway.orchestrator.tools import Tool

MOST_TEXTS: Final = 2048
USUAL_TOP_K: Final = 10

_TEXT: Final = {"type": "string", "minLength": 1}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def orchestrator_tools(client: Orchestrator) -> list[Tool]:
    """Three tools, asked of `client`."""

    async def similarity(arguments: dict[str, Any], behalf: Behalf) -> object:
        return await client.similarity(arguments["text1"], arguments["text2"], behalf)

    async def keywords(arguments: dict[str, Any], behalf: Behalf) -> object:
        return await client.keywords(arguments["corpus"], arguments.get("top_k", USUAL_TOP_K), behalf)

    async def embeddings(arguments: dict[str, Any], behalf: Behalf) -> object:
        return await client.embeddings(arguments["texts"], behalf)

    return [
        Tool(
            name="compute_similarity",
            description="Says how similar two texts are in meaning: a score up to 1, where 1 is the same.",
            schema=_object(["text1", "text2"], text1=_TEXT, text2=_TEXT),
            run=similarity,
        ),
        Tool(
            name="extract_keywords",
            description="Finds the most important keywords of a text.",
            schema=_object(
                ["corpus"],
                corpus={
                    "anyOf": [_TEXT, {"type": "array", "minItems": 1, "maxItems": MOST_TEXTS, "items": _TEXT}],
                    "description": "The text, or several.",
                },
                top_k={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000,
                    "description": f"How many keywords at most; {USUAL_TOP_K} where it is left out.",
                },
            ),
            run=keywords,
        ),
        Tool(
            name="generate_embeddings",
            description="Turns texts into embedding vectors, one for each, in their order.",
            schema=_object(["texts"], texts={"type": "array", "minItems": 1, "maxItems": MOST_TEXTS, "items": _TEXT}),
            run=embeddings,
        ),
    ]
