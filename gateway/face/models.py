"""GET /v1/models, /v1/models/{id} and /v1/providers: what can be asked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from actors.letters import Candidate
from gateway.errors import GatewayError, ModelNotFound
from gateway.exchange import Answer, Request
from gateway.face.auth import ClientKeys
from gateway.face.errors import JSON
from gateway.face.record import RequestRecord

MODELS_PATH: Final = "/v1/models"
_UNKNOWN_TIME: Final = 0
"""Nobody tells us when a model was made, and OpenAI's clients want a number."""


class Listed(Protocol):
    """A model that can be asked for."""

    @property
    def id(self) -> str: ...
    @property
    def provider(self) -> str:
        """Who is asked first for it."""
        ...


class Catalogue(Protocol):
    """What is known of models."""

    def models(self) -> Sequence[Listed]:
        """Those worth listing."""
        ...

    def known(self, model: str) -> bool:
        """Whether somebody has heard of `model`, listed or not."""
        ...

    def resolve(self, name: str) -> Sequence[Candidate]:
        """Who can serve `name`, best first. Raises GatewayError where nobody can."""
        ...


class ListedProvider(NamedTuple):
    """A provider of the configuration."""

    id: str
    kind: str
    missing: Sequence[str]
    """The variables of which one must be set before it can be asked."""


class _Model(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/models/object"""

    id: str
    owned_by: str
    object: str = "model"
    created: int = _UNKNOWN_TIME


class _Provider(msgspec.Struct):
    id: str
    kind: str
    available: bool
    missing: Sequence[str]
    object: str = "provider"


class _List(msgspec.Struct):
    data: list[_Model] | list[_Provider]
    object: str = "list"


class Models:
    """What these endpoints do; each method is one endpoint's work."""

    def __init__(
        self, catalogue: Catalogue, providers: Callable[[], Sequence[ListedProvider]], keys: ClientKeys
    ) -> None:
        self._catalogue = catalogue
        self._providers = providers
        self._keys = keys
        self._encode = msgspec.json.Encoder().encode

    async def list_models(self, request: Request, record: RequestRecord) -> Answer:
        record.client = self._keys.admit(request).label
        return self._json(_List([_Model(entry.id, entry.provider) for entry in self._catalogue.models()]))

    async def show_model(self, request: Request, record: RequestRecord) -> Answer:
        """One model, also one that is not worth listing. Raises ModelNotFound."""
        record.client = self._keys.admit(request).label
        name = request.path.removeprefix(f"{MODELS_PATH}/")
        record.model = name
        return self._json(_Model(name, self._provider_of(name)))

    async def list_providers(self, request: Request, record: RequestRecord) -> Answer:
        record.client = self._keys.admit(request).label
        found = [_Provider(name, kind, not missing, missing) for name, kind, missing in self._providers()]
        return self._json(_List(found))

    def _provider_of(self, name: str) -> str:
        for entry in self._catalogue.models():
            if entry.id == name:
                return entry.provider
        if self._catalogue.known(name):
            try:
                return self._catalogue.resolve(name)[0].provider
            except GatewayError as nobody:
                raise ModelNotFound(nobody.message, param="model") from nobody
        raise ModelNotFound(f"The model '{name}' does not exist here.", param="model")

    def _json(self, document: _Model | _List) -> Answer:
        return Answer(200, [JSON], self._encode(document))
