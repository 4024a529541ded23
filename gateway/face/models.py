"""GET /v1/models, /v1/models/{id} and /v1/providers: what can be asked here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from actors.errors import Failure
from gateway.dialects.messages.errors import error_body as messages_error
from gateway.errors import GatewayError, ModelNotFound
from gateway.exchange import Answer, Request
from gateway.face import anthropic_models
from gateway.face.auth import ClientKeys
from gateway.face.errors import JSON, error_answer
from gateway.face.listed_model import Listed
from gateway.face.record import RequestRecord
from gateway.keys.caller import Caller
from gateway.providers.prices import Prices

MODELS_PATH: Final = "/v1/models"

T = TypeVar("T")
Work = Callable[[Request, RequestRecord], Awaitable[Answer]]


class Catalogue(Protocol):
    """What is known of models."""

    def models(self) -> Sequence[Listed]:
        """Those worth listing."""
        ...

    def known(self, model: str) -> bool:
        """Whether somebody has heard of `model`, listed or not."""
        ...

    def entry(self, name: str) -> Listed:
        """One model, listed or not. Raises GatewayError where nobody can serve it."""
        ...


class ListedProvider(NamedTuple):
    """A provider of the configuration."""

    id: str
    kind: str
    missing: Sequence[str]
    """The variables of which one must be set before it can be asked."""


class _Model(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/models/object, and what else is known of the model."""

    id: str
    owned_by: str
    created: int
    """OpenAI's clients want a number, also where nobody knows it."""
    object: str = "model"
    context_window: int | msgspec.UnsetType = msgspec.UNSET
    max_output_tokens: int | msgspec.UnsetType = msgspec.UNSET
    pricing: Prices | msgspec.UnsetType = msgspec.UNSET
    """USD per million tokens."""


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
        """Those that the caller's key may ask for."""
        return await self._serve(self._list_models, request, record)

    async def show_model(self, request: Request, record: RequestRecord) -> Answer:
        """One model, also one that is not worth listing. Raises ModelNotFound."""
        return await self._serve(self._show_model, request, record)

    async def _serve(self, work: Work, request: Request, record: RequestRecord) -> Answer:
        """For Anthropic's clients, errors are theirs too."""
        try:
            return await work(request, record)
        except Failure as failure:
            if not anthropic_models.asked_by_anthropics_client(request):
                raise
            record.failure = failure
            return error_answer(failure, messages_error)

    async def _list_models(self, request: Request, record: RequestRecord) -> Answer:
        caller = await self._keys.admit(request)
        record.client = caller.label
        entries = [entry for entry in self._catalogue.models() if _may_see(caller, entry)]
        if anthropic_models.asked_by_anthropics_client(request):
            return Answer(200, [JSON], anthropic_models.page_body(entries, request))
        return self._json(_List([_shown(entry) for entry in entries]))

    async def _show_model(self, request: Request, record: RequestRecord) -> Answer:
        caller = await self._keys.admit(request)
        record.client = caller.label
        name = request.path.removeprefix(f"{MODELS_PATH}/")
        record.model = name
        entry = self._entry(name, caller)
        if not _may_see(caller, entry):
            raise _unknown(name)
        if anthropic_models.asked_by_anthropics_client(request):
            return Answer(200, [JSON], anthropic_models.model_body(entry))
        return self._json(_shown(entry))

    async def list_providers(self, request: Request, record: RequestRecord) -> Answer:
        caller = await self._keys.admit(request)
        record.client = caller.label
        found = [
            _Provider(name, kind, not missing, missing)
            for name, kind, missing in self._providers()
            if caller.allowance is None or caller.allowance.reaches(name)
        ]
        return self._json(_List(found))

    def _entry(self, name: str, caller: Caller) -> Listed:
        for entry in self._catalogue.models():
            if entry.id == name:
                return entry
        if self._catalogue.known(name):
            try:
                return self._catalogue.entry(name)
            except GatewayError as nobody:
                if caller.allowance is not None:  # it may not be for this key to hear whose key is missing
                    raise _unknown(name) from nobody
                raise ModelNotFound(nobody.message, param="model") from nobody
        raise _unknown(name)

    def _json(self, document: _Model | _List) -> Answer:
        return Answer(200, [JSON], self._encode(document))


def _may_see(caller: Caller, entry: Listed) -> bool:
    return caller.allowance is None or caller.allowance.shows(entry.id, entry.provider)


def _unknown(name: str) -> ModelNotFound:
    return ModelNotFound(f"The model '{name}' does not exist here.", param="model")


def _shown(entry: Listed) -> _Model:
    return _Model(
        entry.id,
        entry.provider,
        entry.created,
        context_window=_or_unset(entry.context_window),
        max_output_tokens=_or_unset(entry.max_output_tokens),
        pricing=_or_unset(entry.prices),
    )


def _or_unset(value: T | None) -> T | msgspec.UnsetType:
    return msgspec.UNSET if value is None else value
