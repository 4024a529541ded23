"""A Redis in virtual time: a RedisExecutor over a dictionary, whose faults a story sets as it goes.

Scripts are not run: each is recognised and done by its model in Python, which is tested against the real server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import trio

from gateway.config.store_address import StoreAddress
from gateway.store.ownership import BEAT
from gateway.world import RedisDown, RedisExecutor, RedisRefused, Word, Words
from tests.store.answers_model import ANSWERS
from tests.store.budget_model import BUDGETS
from tests.store.gcra_model import gcra
from tests.store.keys_model import KEYS

HINTS = files("gateway.store").joinpath("hints.lua").read_text(encoding="ascii")
GCRA = files("gateway.store").joinpath("gcra.lua").read_text(encoding="ascii")

Script = Callable[["FakeServer", list[str], list[str]], Any]
"""A script's model: (server, keys, arguments)."""


class FakeServer:
    """What all executors of one story talk to."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[Any, float | None]] = {}
        """By key, with when it goes."""
        self.latency_s = 0.0
        self.hangs = False
        self.fault = ""
        """Why it refuses everything; empty: it does not."""
        self.refuses: dict[str, str] = {}
        """Scripts that it answers with an error."""
        self.loses_replies = False
        """Does what it is told, and is not heard."""
        self.batches: list[list[Words]] = []
        """What it was sent, round trip by round trip; what it refused too."""
        self.opened: list[StoreAddress] = []
        own = {GCRA: gcra_script, HINTS: hints_script, BEAT: beat_script}
        self.scripts: dict[str, Script] = {**own, **ANSWERS, **BUDGETS, **KEYS}

    def open(self, address: StoreAddress, ca_file: str) -> RedisExecutor:
        """An OpenRedis."""
        self.opened.append(address)
        return _Executor(self)

    def now(self) -> float:
        """Its clock."""
        return trio.current_time()

    # What it does.

    def do(self, words: Words) -> Any:
        name, *arguments = words
        match name:
            case "PING":
                return b"PONG"
            case "SET":
                return self._set(str(arguments[0]), arguments[1], arguments[2:])
            case "GET":
                return self.get(str(arguments[0]))
            case "DEL":
                known = [key for key in map(str, arguments) if self.get(key) is not None]
                for key in known:
                    del self.values[key]
                return len(known)
            case "SADD":
                key, *members = map(text_of, arguments)
                known = self.get(key) or set()
                self.values[key] = (known | {member.encode() for member in members}, None)
                return len(members)
            case "SMEMBERS":
                return set(self.get(str(arguments[0])) or ())
            case "HGETALL":
                return {key.encode(): str(value).encode() for key, value in (self.get(str(arguments[0])) or {}).items()}
            case "EXPIRE":
                return int(self.get(str(arguments[0])) is not None)
            case "HGET":
                return (self.get(str(arguments[0])) or {}).get(text_of(arguments[1]))
            case "HVALS":
                return list((self.get(str(arguments[0])) or {}).values())
            case "EVAL":
                script, count, *rest = arguments
                if (reason := self.refuses.get(str(script))) is not None:
                    return RedisRefused(reason)
                keys, values = rest[: int(count)], rest[int(count) :]
                return self.scripts[str(script)](self, list(map(text_of, keys)), list(map(text_of, values)))
        raise AssertionError(f"{name} is not known here")

    def get(self, key: str) -> Any:
        value, ends_at = self.values.get(key, (None, None))
        return None if ends_at is not None and ends_at <= trio.current_time() else value

    def put(self, key: str, value: Any, ttl_s: float) -> None:
        self.values[key] = (value, trio.current_time() + ttl_s)

    def _set(self, key: str, value: Any, options: list[Any]) -> bool:
        assert not options or options[0] == "PX", options
        ends_at = trio.current_time() + int(options[1]) / 1000 if options else None
        self.values[key] = (value if isinstance(value, bytes) else str(value).encode(), ends_at)
        return True

    def written(self, operation: str) -> list[Words]:
        """All commands of one kind, in order."""
        return [words for batch in self.batches for words in batch if words[0] == operation]


def text_of(word: Word) -> str:
    """Bytes that are no text come back by the same error handler."""
    return word.decode("utf-8", "surrogateescape") if isinstance(word, bytes) else str(word)


class _Executor:
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    async def execute(self, commands: Sequence[Words]) -> list[Any]:
        server = self._server
        server.batches.append(list(commands))
        if server.hangs:
            await trio.sleep_forever()
        await trio.sleep(server.latency_s)
        if server.fault:
            raise RedisDown(server.fault)
        replies = [server.do(words) for words in commands]
        if server.loses_replies:
            raise RedisDown("no answer in time")
        return replies

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()


def gcra_script(server: FakeServer, keys: list[str], arguments: list[str]) -> bytes:
    bucket, question = keys
    if (known := server.get(question)) is not None:
        assert isinstance(known, bytes)
        return known
    rate, burst, owed, want, least, remember_s = map(float, arguments)
    now = trio.current_time()
    full_at = server.get(bucket)
    verdict = gcra(full_at, now, rate=rate, burst=burst, owed=owed, want=want, least=least)
    server.values[bucket] = (verdict.full_at, verdict.full_at) if verdict.full_at > now else (None, None)
    answer = f"{verdict.granted!r} {verdict.remaining!r} {verdict.wait_s!r} {now!r}".encode()
    server.put(question, answer, remember_s)
    return answer


def hints_script(server: FakeServer, keys: list[str], arguments: list[str]) -> list[Any]:
    now = trio.current_time()
    board: dict[str, float] = server.get(keys[0]) or {}
    board = {hint: until for hint, until in board.items() if until > now}
    for hint, for_ms in zip(arguments[::2], arguments[1::2], strict=True):
        board.setdefault(hint, now + int(for_ms) / 1000)
    server.values[keys[0]] = (board, None)
    return [part for hint, until in board.items() for part in (hint.encode(), int((until - now) * 1000))]


def beat_script(server: FakeServer, keys: list[str], arguments: list[str]) -> int:
    alive, mark = keys
    server.put(alive, b"1", int(arguments[0]) / 1000)
    return int(server.get(mark) is not None)
