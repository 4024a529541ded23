"""What the scripts of the response cache do, in Python; test_shared_answers.py holds it against the real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.store.script import read_script

if TYPE_CHECKING:
    from tests.store.fake_redis import FakeServer

OVERHEAD = 512
PUT = read_script("gateway.store", "answers_put.lua")
GET = read_script("gateway.store", "answers_get.lua")


def put(server: FakeServer, keys: list[str], arguments: list[str]) -> int:
    """Answers by name, each with when it is over; in the order in which they will be."""
    name, text, ttl_ms, most, most_bytes = arguments
    value, now = text.encode("utf-8", "surrogateescape"), server.now() * 1000
    answers: dict[str, tuple[float, bytes]] = dict(server.get(keys[0]) or {})
    known = int(answers.pop(name, None) is not None)
    size = len(value) + OVERHEAD
    wanted = bool(value) and size <= int(most_bytes)

    def crowded() -> bool:
        taken = sum(len(other) + OVERHEAD for _, other in answers.values())
        return wanted and (len(answers) >= int(most) or taken + size > int(most_bytes))

    while answers:
        (ends, _), first = min((ending, other) for other, ending in answers.items())
        if ends > now and not crowded():
            break
        del answers[first]
    if wanted and not crowded():
        answers[name] = (now + int(ttl_ms), value)
    server.values[keys[0]] = (answers, None)
    return known


def get(server: FakeServer, keys: list[str], arguments: list[str]) -> bytes | None:
    ends, value = (server.get(keys[0]) or {}).get(arguments[0], (0.0, b""))
    return value if ends > server.now() * 1000 else None


ANSWERS: dict[str, Any] = {PUT: put, GET: get}
