"""Asks providers for their own lists of models, as a supervised child: at its start, then every so often.

No request waits for it. What it does not get leaves the catalogue as it is: with the last good list, or with the names
that are known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

import trio

from actors.errors import CallCrashed, Failure, Stage, TimedOut
from actors.standing import UNKNOWN, Standing
from gateway.calls.upstream import UpstreamClient
from gateway.config import CloudProvider, Config, ProviderKey
from gateway.errors import UpstreamBroken, UpstreamError
from gateway.providers.directory import profile_of
from gateway.providers.model_lists import ListedModel, ListMoved, first_page, read_page
from gateway.providers.profile import Profile, RawHeader
from gateway.telemetry.kinds import kind_of

FETCH_S: Final = 30.0
"""For a whole list, all its pages together."""
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_PAGES: Final = 20
MAX_MODELS: Final = 2000
"""Of one provider; OpenRouter has some 400."""
RETRY_S: Final = 60.0
"""After a failure, twice as long after each further one; never longer than the usual pause."""
JITTER: Final = 0.1
"""Many gateways that were started together do not ask together for ever."""

Learn = Callable[[str, Sequence[ListedModel]], None]
"""Takes a provider's list."""


class ListSource(NamedTuple):
    """A provider that has a list."""

    kind: str
    profile: Profile
    key: ProviderKey | None
    """None where it asks for none."""


@dataclass(slots=True)
class _State:
    """How it stands with one provider's list."""

    models: int | None = None
    """None until a list has come."""
    learned_at: float = 0.0
    took_s: float = 0.0
    """The last list."""
    failure: Failure | None = None
    failures: int = 0
    """In a row."""
    told: bool | None = None
    """What was told last: whether lists come."""


class CatalogueKeeper:
    """One task a provider, which is asked by the client that `client_of` gives; `learn` takes the lists."""

    def __init__(
        self,
        sources: Sequence[ListSource],
        client_of: Callable[[str], UpstreamClient],
        learn: Learn,
        *,
        refresh_s: float,
        user_agent: str,
        clock: Callable[[], float],
        random: Random,
        observe: Callable[[object], None],
    ) -> None:
        self._states = {source: _State() for source in sources}
        self._client_of = client_of
        self._learn = learn
        self._refresh_s = refresh_s
        self._user_agent = (b"user-agent", user_agent.encode())
        self._clock = clock
        self._random = random
        self._observe = observe

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Asks for ever."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            for source, state in self._states.items():
                nursery.start_soon(self._keep, source, state)

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors: by provider, how many models its list has and how old that is."""
        now = self._clock()
        return {
            source.profile.name: {
                "models": state.models,
                "age_s": None if state.models is None else now - state.learned_at,
                "last_error": None if state.failure is None else kind_of(state.failure),
            }
            for source, state in self._states.items()
        }

    def standing(self, provider: str) -> Standing:
        """How a provider is that was asked for its list alone: up where that came, else nobody knows."""
        for source, state in self._states.items():
            if source.profile.name == provider and state.models is not None and state.failure is None:
                return Standing("up", self._clock() - state.learned_at, state.took_s)
        return UNKNOWN

    async def _keep(self, source: ListSource, state: _State) -> None:
        while True:
            self._note(source, state, await self._refresh(source, state))
            pause_s = self._refresh_s
            if state.failures:
                pause_s = min(pause_s, RETRY_S * 2.0 ** min(state.failures - 1, 32))
            await trio.sleep(pause_s * self._random.uniform(1 - JITTER, 1 + JITTER))

    async def _refresh(self, source: ListSource, state: _State) -> Failure | None:
        """Asks once; returns why there is no new list, where there is none."""
        name, began = source.profile.name, self._clock()
        try:
            with trio.fail_after(FETCH_S):
                models = await self._fetch(source)
            self._learn(name, models)
        except trio.TooSlowError:
            return TimedOut(Stage.AWAITING, f"{name} did not give its whole list within {FETCH_S:g} s.")
        except Failure as failure:
            return failure
        except Exception as bug:  # what one provider says must not take the others' lists along
            crash = CallCrashed(f"reading the list of {name} crashed")
            crash.__cause__ = bug
            return crash
        state.models = len(models)
        state.learned_at = self._clock()
        state.took_s = state.learned_at - began
        return None

    def _note(self, source: ListSource, state: _State, failure: Failure | None) -> None:
        """Tells of every change between lists that come and lists that do not, not of every list."""
        state.failures = 0 if failure is None else state.failures + 1
        state.failure = failure
        comes = failure is None
        if comes is not state.told:
            state.told = comes
            self._observe(ListMoved(source.profile.name, state.models or 0, failure))

    async def _fetch(self, source: ListSource) -> list[ListedModel]:
        """The whole list, as far as the bounds go. Raises Failure."""
        models: list[ListedModel] = []
        room = MAX_BYTES
        path: bytes | None = first_page(source.kind)
        for _ in range(MAX_PAGES):
            if path is None or len(models) >= MAX_MODELS:
                break
            body = await self._get(source, path, room)
            room -= len(body)
            try:
                page, path = read_page(source.kind, body)
            except ValueError as problem:
                raise UpstreamBroken(f"{source.profile.name} answered with something that is no list.") from problem
            models += page
            await trio.lowlevel.checkpoint()
        if not models:
            raise UpstreamBroken(f"{source.profile.name} lists no model.")
        return models[:MAX_MODELS]

    async def _get(self, source: ListSource, path: bytes, limit_bytes: int) -> bytes:
        profile = source.profile
        headers: list[RawHeader] = [self._user_agent, (b"accept", b"application/json"), *profile.headers]
        if source.key is not None:
            headers.append(profile.authorize(source.key.value))
        response = await self._client_of(profile.name).request(
            profile.origin, b"GET", profile.target(path), headers, b"", always=(), progress=_unwatched
        )
        try:
            if response.status != 200:
                message = f"{profile.name} answered with the status {response.status}."
                raise UpstreamError(message, status=response.status, body=b"", headers=[], retryable=False)
            return await response.read(limit_bytes)
        finally:
            response.close()


def list_sources(config: Config) -> list[ListSource]:
    """Whom to ask: those who take a key of ours, or none."""
    if config.catalogue.refresh_s == 0:
        return []
    return [
        ListSource(
            provider.kind,
            profile_of(provider.kind, name, provider.base_url),
            next(iter(config.provider_keys(name)), None),
        )
        for name, provider in config.providers.items()
        if isinstance(provider, CloudProvider) and provider.auth == "key" and not config.missing_keys(name)
    ]


def _unwatched(stage: Stage) -> None:
    """Nobody wants to know how far a request for a list has come."""
