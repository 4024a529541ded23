"""Client keys that are made, changed and taken back while gateways run: their records in the shared store.

The command line and the admin API do this through a Registry; gateways look keys up through a KeyBook (key_book.py).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from gateway.config.client_keys import ClientKey, KeyTerms
from gateway.errors import Conflict, NotFound
from gateway.keys.secret import NewKey, new_key
from gateway.store.script import Script, read_script

OPERATION: Final = "client_key"
MOST_SECRETS: Final = 8
"""Of one key: rotated again and again within the grace, the oldest goes first."""
TRIES: Final = 5
"""Others may change the same key at the same time."""


class Secret(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the texts that open a key."""

    sha256: str
    hint: str
    until: float | None = None
    """Seconds since the epoch; None: for as long as the key holds."""


class KeyRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A client key as the store has it."""

    label: str
    terms: KeyTerms
    secrets: tuple[Secret, ...]
    created_at: float
    revoked_at: float | None = None

    def state(self, now: float) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        expires = self.terms.expires
        return "expired" if expires is not None and expires.timestamp() <= now else "active"

    def opened_by(self, sha256: str) -> Secret | None:
        """The secret with this digest, unless the key is revoked. Every one is compared, each in constant time."""
        found = [secret for secret in self.secrets if hmac.compare_digest(secret.sha256, sha256)]
        return found[0] if found and self.revoked_at is None else None

    def client_key(self, secret: Secret) -> ClientKey:
        """What one of its secrets opens."""
        terms = {name: getattr(self.terms, name) for name in KeyTerms.__struct_fields__}
        return ClientKey(label=self.label, sha256=bytes.fromhex(secret.sha256), **terms)


class Ask(Protocol):
    """`StoreLine.ask`, or what stands in for it on the command line."""

    async def __call__(self, operation: str, *words: Any) -> Any:
        """The reply to one command. Raises StoreUnavailable."""
        ...


class Places:
    """Where the store has keys: all in one slot of a cluster, so that each change is one step."""

    def __init__(self, prefix: str) -> None:
        self.records = f"{prefix}:{{keys}}:records"
        self.digests = f"{prefix}:{{keys}}:digests"
        self.changed = f"{prefix}:{{keys}}:changed"


class Registry:
    """Makes keys and changes them. Every method may be done twice, and raises StoreUnavailable."""

    def __init__(self, ask: Ask, *, prefix: str, wall_clock: Callable[[], float]) -> None:
        self._ask = ask
        self._places = Places(prefix)
        self._wall_clock = wall_clock
        self._script = script("keys_write.lua")
        self._decode = msgspec.json.Decoder(KeyRecord).decode
        self._encode = msgspec.json.Encoder().encode

    async def all(self) -> list[KeyRecord]:
        """Every key, by label."""
        texts = await self._ask(OPERATION, "HVALS", self._places.records)
        return sorted(map(self._decode, texts), key=lambda record: record.label)

    async def create(self, label: str, terms: KeyTerms) -> tuple[NewKey, KeyRecord]:
        """A new key. Raises Conflict where the label is taken: what was spent under it stays its own."""
        made = new_key()
        record = KeyRecord(label, terms, (Secret(made.digest, made.hint),), self._wall_clock())
        if not await self._write(None, record):
            raise Conflict(f"There is, or was, a key '{label}' already.")
        return made, record

    async def rotate(self, label: str, grace_s: float) -> tuple[NewKey, KeyRecord]:
        """Another secret for a key; those before it open for `grace_s` yet. Raises NotFound, Conflict."""
        made, now = new_key(), self._wall_clock()

        def rotated(record: KeyRecord) -> KeyRecord:
            if record.revoked_at is not None:
                raise Conflict(f"The key '{label}' has been revoked.")
            ends = now + grace_s
            before = [
                msgspec.structs.replace(secret, until=min(ends, secret.until or ends))
                for secret in record.secrets
                if secret.until is None or secret.until > now
            ]
            kept = [secret for secret in before if grace_s > 0][: MOST_SECRETS - 1]
            return msgspec.structs.replace(record, secrets=(Secret(made.digest, made.hint), *kept))

        return made, await self._change(label, rotated)

    async def revoke(self, label: str) -> KeyRecord:
        """From now on none of its secrets opens; its record stays. Raises NotFound."""
        now = self._wall_clock()
        return await self._change(
            label, lambda record: record if record.revoked_at else msgspec.structs.replace(record, revoked_at=now)
        )

    async def amend(self, label: str, change: Callable[[KeyTerms], KeyTerms]) -> KeyRecord:
        """Other terms for the same key. Raises NotFound, and what `change` raises."""
        return await self._change(label, lambda record: msgspec.structs.replace(record, terms=change(record.terms)))

    async def _change(self, label: str, change: Callable[[KeyRecord], KeyRecord]) -> KeyRecord:
        for _ in range(TRIES):
            text = await self._ask(OPERATION, "HGET", self._places.records, label)
            if text is None:
                raise NotFound(f"There is no key '{label}' in the store.")
            after = change(self._decode(text))
            if await self._write(text, after):
                return after
        raise Conflict(f"Somebody else keeps changing the key '{label}'.")

    async def _write(self, before: bytes | None, after: KeyRecord) -> bool:
        text = self._encode(after)
        now_open = set() if after.revoked_at is not None else {secret.sha256 for secret in after.secrets}
        once_open = {secret.sha256 for secret in (after if before is None else self._decode(before)).secrets}
        closed = sorted((once_open | {secret.sha256 for secret in after.secrets}) - now_open)
        places = self._places
        keys = (places.records, places.digests, places.changed)
        change = (after.label, before or b"", text, len(closed), *closed, *sorted(now_open))
        return bool(await self._ask(OPERATION, "EVAL", self._script, len(keys), *keys, *change))


def shown(record: KeyRecord, now: float) -> dict[str, Any]:
    """A key for people to look at: nothing of it opens anything."""
    return {
        "label": record.label,
        "state": record.state(now),
        "source": "store",
        "hints": _hints(record.secrets, now),
        "created_at": record.created_at,
        **({} if record.revoked_at is None else {"revoked_at": record.revoked_at}),
        **msgspec.to_builtins(record.terms),
    }


def shown_of_config(key: ClientKey, now: float) -> dict[str, Any]:
    """The same of a key that the configuration names."""
    terms: dict[str, Any] = msgspec.to_builtins(
        KeyTerms(**{name: getattr(key, name) for name in KeyTerms.__struct_fields__})
    )
    expired = key.expires is not None and key.expires.timestamp() <= now
    return {"label": key.label, "state": "expired" if expired else "active", "source": "config", **terms}


def _hints(secrets: Sequence[Secret], now: float) -> list[dict[str, Any]]:
    return [
        {"hint": secret.hint, **({} if secret.until is None else {"until": secret.until})}
        for secret in secrets
        if secret.until is None or secret.until > now
    ]


def script(name: str) -> Script:
    """One of this package's, by its file's name."""
    return read_script("gateway.keys", name)
