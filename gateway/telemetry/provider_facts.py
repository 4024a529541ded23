"""Providers' breakers, keys and lists of models as log lines and numbers; the observer hands their facts on."""

from __future__ import annotations

from typing import Final

from actors.errors import CallCrashed, Failure
from actors.events import BreakerMoved, CoolingDown, KeyMoved
from actors.policy.breaker import Phase
from gateway.providers.model_lists import ListMoved
from gateway.telemetry.kinds import kind_of
from gateway.telemetry.logs import MAX_TEXT, Logs, render_crash, rounded
from gateway.telemetry.metrics import Metrics

STATE_OF_PHASE: Final = {Phase.CLOSED: 0, Phase.PROBING: 1, Phase.OPEN: 2}


class ProviderFacts:
    """Takes those facts; never blocks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def speak_through(self, logs: Logs) -> None:
        """From here on its lines keep to the levels of `logs` as they are now."""
        self._provider = logs.get("actors.provider")
        self._catalogue = logs.get("gateway.calls.catalogue_keeper")

    def breaker_moved(self, moved: BreakerMoved) -> None:
        self._metrics.set_breaker(moved.provider, moved.model, STATE_OF_PHASE[moved.after])
        say = self._provider.warning if moved.after is Phase.OPEN else self._provider.info
        say(
            "breaker moved",
            provider=moved.provider,
            model=moved.model[:MAX_TEXT],
            before=moved.before.value,
            after=moved.after.value,
            failures=moved.failures,
        )

    def cools_down(self, event: CoolingDown) -> None:
        provider, model, key, seconds, _ = event
        self._provider.info(
            "cooling down", provider=provider, model=model[:MAX_TEXT], key=key, seconds=rounded(seconds)
        )

    def key_moved(self, event: KeyMoved) -> None:
        provider, key, model, revoked, _ = event
        say = self._provider.warning if revoked else self._provider.info
        text = "provider key revoked" if revoked else "provider key accepted again"
        say(text, provider=provider, key=key, model=model[:MAX_TEXT])

    def list_moved(self, moved: ListMoved) -> None:
        match moved:
            case ListMoved(provider, models, None):
                self._catalogue.info("model list comes", provider=provider, models=models)
            case ListMoved(provider, models, CallCrashed() as crash):
                self._catalogue.error("model list crashed", provider=provider, models=models, crash=render_crash(crash))
            case ListMoved(provider, models, Failure() as failure):
                self._catalogue.warning(
                    "model list does not come", provider=provider, models=models, because=kind_of(failure)
                )
