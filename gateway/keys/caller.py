"""Who asks, and what they may: a client's key, ready to be held against a request."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import msgspec

from actors.client_account import ClientLimits
from actors.letters import Candidate, Priority
from gateway.config.client_keys import ClientKey, KeyTerms
from gateway.config.routing import Glob
from gateway.errors import ModelForbidden, ModelNotFound


class Allowance:
    """The models and providers that a key may ask. Matching takes time in proportion to the name, never more."""

    __slots__ = ("_models", "_providers")

    def __init__(self, terms: KeyTerms) -> None:
        self._models = [Glob(pattern) for pattern in terms.models]
        self._providers = [Glob(pattern) for pattern in terms.providers]

    def among(
        self, candidates: Sequence[Candidate], asked: str, fallbacks: Sequence[str] | None
    ) -> tuple[Candidate, ...]:
        """Those that the key may ask, for a request that names a model and maybe its own fallbacks.

        A name that the operator has listed carries all that the configuration puts behind it. Any other one, those of
        the request's own choice among them, carries only models that are listed themselves, as `model` or as
        `provider/model`. Raises ModelForbidden where none is left.
        """
        names_listed = not fallbacks and self._lists(asked)
        allowed = tuple(
            candidate
            for candidate in candidates
            if self.reaches(candidate.provider) and (names_listed or self._lists_model_of(candidate))
        )
        if not allowed:
            raise _forbidden(asked)
        return allowed

    def check_missing(self, asked: str, missing: ModelNotFound) -> None:
        """For a name that leads to nobody here: why so is told of nobody whom the key may not ask.

        Raises ModelForbidden, ModelNotFound.
        """
        if not self._lists(asked) and not self._lists(asked.partition("/")[2]):
            raise _forbidden(asked)
        if not all(map(self.reaches, missing.providers)):
            if not any(map(self.reaches, missing.providers)):
                raise _forbidden(asked)
            raise ModelNotFound(f"The model '{asked}' cannot be had here.", param="model")

    def shows(self, name: str, provider: str) -> bool:
        """Whether a model of a list is one that the key may ask for."""
        return self.reaches(provider) and (self._lists(name) or self._lists(f"{provider}/{name}"))

    def _lists_model_of(self, candidate: Candidate) -> bool:
        return self._lists(candidate.model) or self._lists(f"{candidate.provider}/{candidate.model}")

    def _lists(self, name: str) -> bool:
        return not self._models or any(glob.matches(name) for glob in self._models)

    def reaches(self, provider: str) -> bool:
        """Whether the key may ask this provider anything."""
        return not self._providers or any(glob.matches(provider) for glob in self._providers)


class Caller(msgspec.Struct, frozen=True):
    """Who asks."""

    label: str
    """The client key's label; "" where no key is asked for."""
    own_key: str | None
    """The key that came beside ours, or where none is asked for: for a provider that takes the client's own."""
    max_priority: Priority = Priority.HIGH
    expires_at: float = inf
    """Seconds since the epoch."""
    allowance: Allowance | None = None
    """None: every model of every provider."""
    budget: KeyTerms | None = None
    """The terms of a key that has a budget."""
    limits: ClientLimits | None = None
    """Of a key that the configuration does not know; those of the others the router has from there."""
    one_model: bool = False
    """Each of its requests may ask the model that it names, and no further ones: a list or a budget goes by that."""


def caller_of(key: ClientKey, *, from_store: bool = False) -> Caller:
    """Who shows this key."""
    return Caller(
        key.label,
        None,
        Priority[key.max_priority.upper()],
        inf if key.expires is None else key.expires.timestamp(),
        Allowance(key) if key.models or key.providers else None,
        key if key.has_budget else None,
        _limits_or_none(key) if from_store else None,
        one_model=bool(key.models) or key.has_budget,
    )


def _limits_or_none(terms: KeyTerms) -> ClientLimits | None:
    limits = limits_of(terms)
    return None if limits == ClientLimits() else limits


def limits_of(terms: KeyTerms) -> ClientLimits:
    """A limit of 0 is none."""
    return ClientLimits(
        requests_per_minute=terms.requests_per_minute or None,
        tokens_per_minute=terms.tokens_per_minute or None,
        max_concurrent=terms.max_concurrent or None,
    )


def _forbidden(asked: str) -> ModelForbidden:
    return ModelForbidden(f"This key may not ask for the model '{asked}'.", param="model")
