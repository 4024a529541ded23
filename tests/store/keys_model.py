"""What the scripts of client keys do, in Python; test_client_keys.py holds it against the real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.keys.registry import script

if TYPE_CHECKING:
    from tests.store.fake_redis import FakeServer


def write(server: FakeServer, keys: list[str], arguments: list[str]) -> int:
    label, expected, wanted = (argument.encode() for argument in arguments[:3])
    records, digests, changed = (dict(server.get(key) or {}) for key in keys)
    before = records.get(label.decode(), b"")
    if before == wanted:
        return 1
    if before != expected:
        return 0
    records[label.decode()] = wanted
    closed = arguments[4 : 4 + int(arguments[3])]
    for digest in closed:
        digests.pop(digest, None)
    for digest in arguments[4 + len(closed) :]:
        digests[digest] = label
    changed |= dict.fromkeys(arguments[4:], int(server.now() * 1000))
    for key, value in zip(keys, (records, digests, changed), strict=True):
        server.values[key] = (value, None)
    return 1


def find(server: FakeServer, keys: list[str], arguments: list[str]) -> Any:
    label = (server.get(keys[1]) or {}).get(arguments[0])
    return None if label is None else (server.get(keys[0]) or {}).get(label.decode())


def changes(server: FakeServer, keys: list[str], arguments: list[str]) -> list[Any]:
    now, since = int(server.now() * 1000), int(arguments[0])
    if since < 0:
        return [now]
    changed = [digest.encode() for digest, at in (server.get(keys[0]) or {}).items() if at >= since]
    return [now, *(changed if len(changed) <= 1000 else [b"*"])]


KEYS: dict[str, Any] = {
    script("keys_write.lua"): write,
    script("keys_find.lua"): find,
    script("keys_changed.lua"): changes,
}
