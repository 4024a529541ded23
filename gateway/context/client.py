"""The client of the Context Management Service: typed questions and answers, asked through its actor.

POST /v1/context/validate {text, model}, /v1/context/process {text, model, conversation_id?, ...} and
/v1/context/chunk {text, model, overlap_ratio}; GET /health.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from actors.errors import ActorDied
from actors.service import ServiceActor
from gateway.neighbour import Behalf, Neighbour
from gateway.providers.profile import RawHeader

NAME: Final = "cms"
"""Its actor's."""
TITLE: Final = "The Context Management Service"


class Count(msgspec.Struct, frozen=True):
    """What `validate` says, in tokens; `utilization` is their ratio."""

    token_count: Annotated[int, msgspec.Meta(ge=0)]
    context_limit: Annotated[int, msgspec.Meta(ge=1)]
    utilization: float = 0.0


class Processed(msgspec.Struct, frozen=True):
    """What `process` says; there is no text where nothing was made shorter."""

    original_tokens: int
    final_tokens: int
    optimized_text: str | None = None
    compression_ratio: float | None = None


class Chunks(msgspec.Struct, frozen=True):
    """What `chunk` says."""

    chunks: list[Any]


class ContextClient:
    """Asks the service; outlives its actor, which `find` finds, None while there is none."""

    def __init__(self, neighbour: Neighbour, find: Callable[[], ServiceActor | None]) -> None:
        self._neighbour = neighbour
        self._find = find
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            "validate": msgspec.json.Decoder(Count),
            "process": msgspec.json.Decoder(Processed),
            "chunk": msgspec.json.Decoder(Chunks),
        }
        self._encode = msgspec.json.Encoder().encode

    async def check(self) -> None:
        """Raises Failure where the service is not well; runs in the actor."""
        await self._neighbour.look()

    async def validate(self, text: str, model: str, behalf: Behalf, wait_s: float | None = None) -> Count:
        """The exact size of a text; who takes longer than `wait_s` has failed. Raises Failure."""
        count, _ = await self._ask("validate", self._encode({"text": text, "model": model}), behalf, wait_s)
        assert isinstance(count, Count), "by the decoder"
        return count

    async def process(self, body: bytes, behalf: Behalf) -> Processed:
        """Raises Failure."""
        processed, _ = await self._ask("process", body, behalf)
        assert isinstance(processed, Processed), "by the decoder"
        return processed

    async def chunk(self, text: str, model: str, overlap_ratio: float, behalf: Behalf) -> Chunks:
        """Raises Failure."""
        question = {"text": text, "model": model, "overlap_ratio": overlap_ratio}
        chunks, _ = await self._ask("chunk", self._encode(question), behalf)
        assert isinstance(chunks, Chunks), "by the decoder"
        return chunks

    async def pass_on(self, operation: str, body: bytes, behalf: Behalf) -> bytes:
        """A question as it came, and the answer as the service says it, once it is known to be one. Raises Failure."""
        return (await self._ask(operation, body, behalf))[1]

    async def _ask(
        self, operation: str, body: bytes, behalf: Behalf, wait_s: float | None = None
    ) -> tuple[object, bytes]:
        actor = self._find()
        if actor is None:
            raise ActorDied(f"{TITLE} cannot be asked at the moment.")
        work = partial(self._exchange, operation, body, behalf.headers)
        return await actor.ask(operation, work, behalf.deadline, wait_s, behalf.asker)

    async def _exchange(self, operation: str, body: bytes, headers: Sequence[RawHeader]) -> tuple[object, bytes]:
        """The work of the errand: what is no answer counts against the service."""
        said = await self._neighbour.ask("POST", f"/v1/context/{operation}", body, headers)
        return self._neighbour.understand(said, self._decoders[operation]), said
