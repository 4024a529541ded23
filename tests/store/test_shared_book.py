"""Spending, holds and client keys go through a real Valkey and come back as they were, all of a key's in one slot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest
import trio
from redis.crc import key_slot

from gateway.config.client_keys import KeyTerms
from gateway.config.store_address import read_store_address
from gateway.keys.budget_rule import Budget, Standing
from gateway.keys.key_book import KeyBook
from gateway.keys.ledger import Posting, Spent
from gateway.keys.registry import Registry
from gateway.keys.report import Question
from gateway.keys.shared_book import SharedBook
from gateway.store.line import Mode, StoreLine, unavailable
from gateway.store.redis_client import in_threads
from gateway.world import RedisExecutor, Words
from tests.store.valkeys import Valkey, valkey

DAY = "2026-11-28"
EVERYTHING = Question("2026-11-01", "2026-11-30")


class Line(StoreLine):
    """A StoreLine without its actor: what is sent goes with `arrive`; `lost` replies do not come back."""

    def __init__(self, redis: RedisExecutor) -> None:
        super().__init__(trio.current_time)
        self.mode = Mode.CONNECTED
        self.words: list[Words] = []
        self._redis = redis
        self._sent: list[tuple[Words, Callable[[object], object]]] = []

    def send(self, operation: str, words: Words, done: Callable[[object], object]) -> None:
        self._sent.append((words, done))

    async def ask(self, operation: str, *words: Any) -> Any:
        self.words.append(words)
        (reply,) = await self._redis.execute([words])
        return reply

    def take_back(self) -> list[tuple[Words, Callable[[object], object]]]:
        """What is sent and has not arrived."""
        sent, self._sent = self._sent, []
        return sent

    async def arrive(self, *, lost: bool = False) -> None:
        await self.carry(self.take_back(), lost=lost)

    async def carry(self, sent: Sequence[tuple[Words, Callable[[object], object]]], *, lost: bool = False) -> None:
        self.words += [words for words, _ in sent]
        replies = await self._redis.execute([words for words, _ in sent])
        for (_, done), reply in zip(sent, replies, strict=True):
            done(unavailable() if lost else reply)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as one:
        yield one


def keys_of(words: Words) -> list[str]:
    """The keys of a script's call."""
    return [str(key) for key in words[3 : 3 + int(words[2])]]


def posting(client: str, day: str, nano_usd: int) -> Posting:
    return Posting(client, day, {("openai", "gpt-4o"): Spent(nano_usd=nano_usd, calls=1, prompt=9)})


async def test_what_two_workers_spend_is_one_sum_whatever_becomes_of_replies(server: Valkey) -> None:
    redis = in_threads()(read_store_address(f"{server.url}/1"), "")
    ids = count()
    lines = [Line(redis), Line(redis)]
    books = [SharedBook(line, prefix="p", clock=trio.current_time, new_id=lambda: f"{next(ids)}") for line in lines]
    for line, book in zip(lines, books, strict=True):
        book.post(posting("team", DAY, 10**15))
        book.flush(DAY)
        await line.arrive(lost=True)
        book.post(posting("team", DAY, 7))
        book.post(posting("team", "2026-11-27", 5))
        for _ in range(4):
            book.flush(DAY)
            await line.arrive()
        assert book.unconfirmed() == []
    # What is told twice is answered twice: the second answer says nothing of the parcel that is under way by then.
    books[0].post(posting("late", "2026-10-01", 1))
    books[0].flush(DAY)
    books[0].flush(DAY)
    twice = lines[0].take_back()
    await lines[0].carry(twice[:-1])
    books[0].post(posting("late", "2026-10-01", 2))
    books[0].flush(DAY)
    lost = lines[0].take_back()
    await lines[0].carry(twice[-1:])
    assert [row.nano_usd for row in books[0].unconfirmed()] == [2]
    await lines[0].carry(lost)
    assert (books[0].unconfirmed(), books[0].spent("late", "2026-10-01")) == ([], (3, 3))
    assert books[1].spent("team", DAY) == (2 * (10**15 + 7), 2 * (10**15 + 12))
    found = {line.day: line.spent for line in await books[0].lines(EVERYTHING)}
    assert found == {
        "2026-11-27": Spent(nano_usd=10, calls=2, prompt=18),
        DAY: Spent(nano_usd=2 * (10**15 + 7), calls=4, prompt=36),
    }

    budget = Budget(day=2 * (10**15 + 7) + 100, month=None)
    asked = [await book.reserve("team", f"call-{number}", 60, budget, DAY, 60.0) for number, book in enumerate(books)]
    assert asked == [
        (True, Standing(2 * (10**15 + 7), 2 * (10**15 + 12), 0)),
        (False, Standing(2 * (10**15 + 7), 2 * (10**15 + 12), 60)),
    ]
    books[0].release("team", "call-0")
    books[0].flush(DAY)
    await lines[0].arrive()
    assert (await books[1].reserve("team", "call-1", 60, budget, DAY, 60.0))[0]
    for words in [words for line in lines for words in line.words if words[0] == "EVAL"]:
        assert len({key_slot(key.encode()) for key in keys_of(words)}) == 1, "a cluster takes it in one step"
    await redis.close()


async def test_a_free_call_costs_its_key_neither_the_next_call_nor_what_was_spent(server: Valkey) -> None:
    """One is still held when it ends; the hold of another one lapses, as that of a worker that died does."""
    redis = in_threads()(read_store_address(f"{server.url}/3"), "")
    line = Line(redis)
    book = SharedBook(line, prefix="p", clock=trio.current_time, new_id=lambda: "parcels")
    budget = Budget(day=100, month=None)
    assert await book.reserve("team", "free", 0, budget, DAY, 60.0) == (True, Standing(0, 0, 0))
    assert await book.reserve("team", "lapses", 0, budget, DAY, 0.001) == (True, Standing(0, 0, 0))
    await trio.sleep(0.01)
    assert await book.reserve("team", "dear", 60, budget, DAY, 60.0) == (True, Standing(0, 0, 0))
    book.post(posting("team", DAY, 50))
    for call in ("free", "lapses", "dear"):
        book.release("team", call)
    book.flush(DAY)
    await line.arrive()
    assert book.unconfirmed() == []
    assert await book.reserve("team", "next", 50, budget, DAY, 60.0) == (True, Standing(50, 50, 0))
    assert [found.spent.nano_usd for found in await book.lines(EVERYTHING)] == [50]

    for amount in (3, 4):  # the second one waits behind the first, and the gateway ends
        book.post(posting("team", DAY, amount))
        book.flush(DAY)
    book.end()
    for _ in range(2):
        await line.arrive()
    assert book.unconfirmed() == []
    assert [found.spent.nano_usd for found in await book.lines(EVERYTHING)] == [57]
    await redis.close()


async def test_a_key_is_found_by_its_digest_until_it_is_revoked(server: Valkey) -> None:
    redis = in_threads()(read_store_address(f"{server.url}/2"), "")
    line = Line(redis)
    registry = Registry(line.ask, prefix="p", wall_clock=lambda: 1_800_000_000.0)
    book = KeyBook(line, prefix="p", clock=trio.current_time)
    made, record = await registry.create("team", KeyTerms(models=("gpt-4o*",), tags={"owner": "ann"}))
    digest = bytes.fromhex(made.digest)

    book.ask_for_changes()
    await line.arrive()
    caller = await book.find(digest)
    assert caller is not None
    assert (caller.label, caller.allowance is not None) == ("team", True)
    assert await book.find(b"0" * 32) is None
    assert await registry.all() == [record]

    await registry.revoke("team")
    assert await book.find(digest) is not None, "known here until the news come"
    book.ask_for_changes()
    await line.arrive()
    assert await book.find(digest) is None
    for words in [words for words in line.words if words[0] == "EVAL"]:
        assert len({key_slot(key.encode()) for key in keys_of(words)}) == 1
    await redis.close()
