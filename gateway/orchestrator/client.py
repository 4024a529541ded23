"""The client of the Code Orchestrator Service, asked through its actor.

POST /v1/similarity {text1, text2}, /v1/keywords {corpus, top_k} and /v1/embeddings {texts}; GET /health.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from actors.errors import ActorDied
from actors.service import ServiceActor
from gateway.errors import ServiceFailed
from gateway.neighbour import Behalf, Neighbour
from gateway.providers.profile import RawHeader

NAME: Final = "code_orchestrator"
"""Its actor's."""
TITLE: Final = "The Code Orchestrator Service"

T = TypeVar("T")


class Similarity(msgspec.Struct, omit_defaults=True):
    score: float
    model: str | None = None
    processing_time_ms: float | None = None


class Keywords(msgspec.Struct, omit_defaults=True):
    keywords: list[Any]
    processing_time_ms: float | None = None


class Embedded(msgspec.Struct, omit_defaults=True):
    embeddings: list[list[float]]
    model: str | None = None
    processing_time_ms: float | None = None


class Orchestrator:
    """Asks the service; outlives its actor, which `find` finds, None while there is none."""

    def __init__(
        self, neighbour: Neighbour, find: Callable[[], ServiceActor | None], texts_at_once: Callable[[], int]
    ) -> None:
        """`texts_at_once` is how many texts go into one question as things stand now."""
        self._neighbour = neighbour
        self._find = find
        self._texts_at_once = texts_at_once
        self._encode = msgspec.json.Encoder().encode
        self._similarity = msgspec.json.Decoder(Similarity)
        self._keywords = msgspec.json.Decoder(Keywords)
        self._embedded = msgspec.json.Decoder(Embedded)

    async def check(self) -> None:
        """Raises Failure where the service is not well; runs in the actor."""
        await self._neighbour.look()

    async def similarity(self, text1: str, text2: str, behalf: Behalf) -> Similarity:
        """Raises Failure."""
        return await self._ask("similarity", {"text1": text1, "text2": text2}, self._similarity, behalf)

    async def keywords(self, corpus: str | Sequence[str], top_k: int, behalf: Behalf) -> Keywords:
        """Raises Failure."""
        return await self._ask("keywords", {"corpus": corpus, "top_k": top_k}, self._keywords, behalf)

    async def embeddings(self, texts: Sequence[str], behalf: Behalf) -> Embedded:
        """Of all texts in their order, asked for part by part; where one part fails, all do. Raises Failure."""
        whole: Embedded | None = None
        done = 0
        while done < len(texts):
            part = texts[done : done + max(1, self._texts_at_once())]
            said = await self._ask("embeddings", {"texts": part}, self._embedded, behalf)
            if len(said.embeddings) != len(part):
                raise ServiceFailed(f"{TITLE} gave {len(said.embeddings)} embeddings for {len(part)} texts.")
            done += len(part)
            if whole is None:
                whole = said
                continue
            whole.embeddings += said.embeddings
            whole.processing_time_ms = _sum(whole.processing_time_ms, said.processing_time_ms)
        return whole or Embedded([])

    async def _ask(self, operation: str, question: object, decoder: msgspec.json.Decoder[T], behalf: Behalf) -> T:
        actor = self._find()
        if actor is None:
            raise ActorDied(f"{TITLE} cannot be asked at the moment.")
        work = partial(self._exchange, operation, self._encode(question), decoder, behalf.headers)
        return await actor.ask(operation, work, behalf.deadline, asker=behalf.asker)

    async def _exchange(
        self, operation: str, body: bytes, decoder: msgspec.json.Decoder[T], headers: Sequence[RawHeader]
    ) -> T:
        """The work of the errand: what is no answer counts against the service."""
        said = await self._neighbour.ask("POST", f"/v1/{operation}", body, headers)
        return self._neighbour.understand(said, decoder)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
