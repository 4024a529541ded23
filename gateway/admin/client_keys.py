"""/admin/keys: client keys, made and taken back while the gateway runs. A key itself is shown once, to who made it.

GET /admin/keys; POST /admin/keys {"label": "team-a", "models": ["gpt-4o*"], ...}; PATCH and DELETE /admin/keys/{label};
POST /admin/keys/{label}/rotate {"grace_s": 86400}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from gateway.admin.asking import (
    json_answer,
    last_part,
    operator_of,
    part_before_last,
    read_body,
    read_object,
    understood,
)
from gateway.config.client_keys import ClientKey, KeyTerms, NewTerms
from gateway.config.client_keys import NewKey as NewKeyTerms
from gateway.errors import Conflict
from gateway.exchange import Answer, Request
from gateway.keys.registry import KeyRecord, Registry, shown, shown_of_config
from gateway.keys.secret import NewKey

GRACE_S: Final = 86_400.0
MOST_GRACE_S: Final = 2_592_000.0
NO_STORE: Final = (
    "This gateway has no store that outlives it: name a Redis by REDIS_URL, or have `llm-gateway keys create` make a "
    "key for [[auth.keys]] of gateway.toml."
)

Note = Callable[[str, Mapping[str, Any]], None]
"""Takes what has been done by whom, for the log and for those who watch."""


class _Rotation(msgspec.Struct, forbid_unknown_fields=True):
    grace_s: Annotated[float, msgspec.Meta(ge=0, le=MOST_GRACE_S)] = GRACE_S


class ClientKeysDesk:
    """The handlers."""

    def __init__(
        self,
        registry: Registry,
        configured: Sequence[ClientKey],
        *,
        lasts: Callable[[], bool],
        wall_clock: Callable[[], float],
        note: Note,
    ) -> None:
        """`lasts`: there is a store, and it outlives this gateway."""
        self._registry = registry
        self._configured = configured
        self._lasts = lasts
        self._wall_clock = wall_clock
        self._note = note

    async def show_all(self, _request: Request) -> Answer:
        """Raises StoreUnavailable."""
        now = self._wall_clock()
        keys = [shown_of_config(key, now) for key in self._configured]
        if self._lasts():
            keys += [shown(record, now) for record in await self._registry.all()]
        return json_answer({"data": keys})

    async def create(self, request: Request) -> Answer:
        """Raises InvalidRequest, Conflict, StoreUnavailable."""
        asked = await read_body(request, NewKeyTerms)
        self._check_store()
        if any(key.label == asked.label for key in self._configured):
            raise Conflict(f"The configuration has a key '{asked.label}' already.")
        made, record = await self._registry.create(asked.label, _terms(asked))
        return self._made(request, "create", made, record, 201, terms=msgspec.to_builtins(record.terms))

    async def rotate(self, request: Request) -> Answer:
        """Raises InvalidRequest, NotFound, Conflict, StoreUnavailable."""
        asked = await read_body(request, _Rotation)
        self._check_store()
        made, record = await self._registry.rotate(part_before_last(request), asked.grace_s)
        return self._made(request, "rotate", made, record, 200, grace_s=asked.grace_s)

    async def amend(self, request: Request) -> Answer:
        """What the body names changes, all else stays. Raises InvalidRequest, NotFound, Conflict, StoreUnavailable."""
        changes = await read_object(request)
        understood(changes, NewTerms)
        self._check_store()

        def changed(terms: KeyTerms) -> KeyTerms:
            return _terms(understood({**msgspec.to_builtins(terms), **changes}, NewTerms))

        record = await self._registry.amend(last_part(request), changed)
        return self._done(request, "change", record, terms=changes)

    async def revoke(self, request: Request) -> Answer:
        """Raises NotFound, Conflict, StoreUnavailable."""
        self._check_store()
        return self._done(request, "revoke", await self._registry.revoke(last_part(request)))

    def _check_store(self) -> None:
        if not self._lasts():
            raise Conflict(NO_STORE)

    def _made(
        self, request: Request, what: str, made: NewKey, record: KeyRecord, status: int, **more: object
    ) -> Answer:
        self._tell(request, what, record, more)
        return json_answer({"key": made.text, **shown(record, self._wall_clock())}, status)

    def _done(self, request: Request, what: str, record: KeyRecord, **more: object) -> Answer:
        self._tell(request, what, record, more)
        return json_answer(shown(record, self._wall_clock()))

    def _tell(self, request: Request, what: str, record: KeyRecord, more: Mapping[str, object]) -> None:
        self._note(operator_of(request), {"order": f"key_{what}", "label": record.label, **more})


def _terms(asked: KeyTerms) -> KeyTerms:
    return KeyTerms(**{name: getattr(asked, name) for name in KeyTerms.__struct_fields__})
