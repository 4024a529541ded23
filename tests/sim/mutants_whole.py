"""Bugs of the gateway around its actors: connections, dialects, the face, leases (see `mutants.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import trio

from actors.attempt import Outcome
from actors.policy.memory_budget import MemoryBudget
from gateway.assembly.degradation import PressedBudget
from gateway.calls.course import Course
from gateway.dialects.chat import client_answer
from gateway.dialects.chat.detail_stream import DetailStream
from gateway.dialects.conversation import ToolCall
from gateway.dialects.messages.answer_stream import MessageAnswerStream
from gateway.dialects.passed_stream import PassedStream
from gateway.dialects.splice import Splice
from gateway.edge.connection import Connection
from gateway.edge.pool import OriginPool
from gateway.edge.server import EdgeServer
from gateway.edge.upstream_exchange import Exchange
from gateway.face.deadline import Patience
from gateway.face.record import DISCONNECTED, RequestRecord
from gateway.face.relayed_body import RelayedBody
from gateway.keys.budget_rule import Standing
from gateway.keys.ledger import Ledger
from gateway.keys.shared_book import SharedBook
from gateway.keys.spend import SpendDesk
from gateway.providers.prices import PriceList
from gateway.store.leases import LeaseDesk
from tests.sim.answers import TOOLS
from tests.sim.mutants import Mutant, mutant, nothing
from tests.sim.mutants_turns import TURN_MUTANTS


def _deaf_to_hanging_up(read: Any) -> Any:
    async def deaf(connection: Connection) -> None:
        await read(connection)
        await trio.sleep(3.0)

    return deaf


def _break_off_nothing(_: Any) -> Any:
    def keep(exchange: Exchange) -> None:
        exchange._connection = None

    return keep


def _drops_a_character(take: Any) -> Any:
    def drop(splice: Splice, text: str) -> str:
        new: str = take(splice, text)
        return new[1:] if new != text else new

    return drop


def _cut_is_whole(end: Any) -> Any:
    def whole(stream: PassedStream) -> bytes:
        stream.whole = True
        return bytes(end(stream))

    return whole


def _own_timeout_is_ignored(_: Any) -> Any:
    return lambda patience, total_s, *, stream: total_s


def _let_in_under_pressure(_: Any) -> Any:
    return lambda budget, size_bytes: budget._budget.reserve(size_bytes)


def _answers_are_free(used: Any) -> Any:
    def free(course: Course, usage: Any, finish_reason: str | None) -> None:
        used(course, usage, finish_reason)
        if usage is not None:
            course.attempt.spent_tokens = usage.prompt

    return free


def _silent_about_the_gone(finish: Any) -> Any:
    def silent(record: RequestRecord, status: int, outcome: str, now: float) -> None:
        if outcome != DISCONNECTED:
            finish(record, status, outcome, now)

    return silent


def _stream_is_not_left(_: Any) -> Any:
    def close(body: RelayedBody) -> None:
        body._record.finish(body._record.status, body._outcome or DISCONNECTED, body._clock())

    return close


def _no_grace(drain: Any) -> Any:
    return lambda server, grace_s: drain(server, 0.0)


def _endless_grace(drain: Any) -> Any:
    return lambda server, grace_s: drain(server, grace_s + 1000.0)


def _half_of_it(release: Any) -> Any:
    return lambda budget, size_bytes: release(budget, size_bytes // 2)


def _error_looks_like_an_end(_: Any) -> Callable[..., bytes]:
    def end(body: RelayedBody, failure: Any) -> bytes:
        body._outcome = "ok"
        return b"data: [DONE]\n\n"

    return end


def _arguments_lose_a_character(add: Any) -> Any:
    def lose(stream: MessageAnswerStream, text: str) -> bytes:
        return bytes(add(stream, text[1:] if isinstance(stream._part, ToolCall) and len(text) > 1 else text))

    return lose


def _nothing_signed(sign: Any) -> Any:
    return lambda stream, signature: None


def _every_call_by_one_id(begun: Any) -> Any:
    def named(call: ToolCall) -> Any:
        written = begun(call)
        return {**written, "function": {**written["function"], "name": TOOLS[0]}}

    return named


def _cut_answers_are_free(bill: Any) -> Any:
    return lambda ledger, attempt: bill(ledger, attempt) if attempt.outcome is Outcome.OK else None


def _rounded_up(price: Any) -> Any:
    return lambda prices, usage: price(prices, usage) + 1


def _thoughts_at_the_plain_rate(price: Any) -> Any:
    return lambda prices, usage: price(prices, msgspec.structs.replace(usage, reasoning=0))


async def _always_granted(
    desk: SpendDesk, client: str, id: str, amount: int, terms: Any, hold_s: float
) -> tuple[bool, Standing]:
    return True, desk.standing(client)


def _grants_all(_: Any) -> Any:
    return _always_granted


def _told_twice(posted: Any) -> Any:
    def twice(book: SharedBook, client: str, account: Any, serial: int, reply: object) -> None:
        if not isinstance(reply, list):
            account.serial += 1  # nobody knows what became of it, and it is sent as another one
        posted(book, client, account, account.serial, reply)

    return twice


def _orphans_are_forgotten(_: Any) -> Any:
    return lambda desk, account: desk._return(account)


def _fate_is_not_asked(finish: Any) -> Any:
    def gone(record: RequestRecord, status: int, outcome: str, now: float) -> None:
        record.fate = None
        finish(record, status, outcome, now)

    return gone


WHOLE_MUTANTS: Final[tuple[Mutant, ...]] = (
    mutant("a client's hanging up is seen three seconds late", Connection, "_read", _deaf_to_hanging_up),
    mutant("connections to providers are dropped, not closed", Exchange, "_break_off", _break_off_nothing),
    mutant("a closed connection keeps its place in the pool", OriginPool, "forget", nothing),
    mutant("where two answers are joined a character is lost", Splice, "take", _drops_a_character),
    mutant("a stream that is cut is ended like a whole one", PassedStream, "end", _cut_is_whole),
    mutant("an error within a stream is told as its end", RelayedBody, "_break", _error_looks_like_an_end),
    mutant("X-Gateway-Timeout counts for nothing", Patience, "allowed_s", _own_timeout_is_ignored),
    mutant("memory pressure lets new work in", PressedBudget, "reserve", _let_in_under_pressure),
    mutant("tokens of answers are not charged", Course, "used", _answers_are_free),
    mutant("a client that has gone leaves no line", RequestRecord, "finish", _silent_about_the_gone),
    mutant("a stream that is closed leaves its call running", RelayedBody, "close", _stream_is_not_left),
    mutant("a drain gives no grace", EdgeServer, "drain", _no_grace),
    mutant("a drain never ends", EdgeServer, "drain", _endless_grace),
    mutant("leases are kept when a worker ends", LeaseDesk, "_give_all_back", nothing),
    mutant("a budget gives back half", MemoryBudget, "release", _half_of_it),
    mutant("a call's arguments lose a character", MessageAnswerStream, "_add", _arguments_lose_a_character),
    mutant("a streamed signature is left out", DetailStream, "sign", _nothing_signed),
    mutant("calls of several functions are of one", client_answer, "written_call", _every_call_by_one_id),
    mutant("answers that are cut cost nothing", Ledger, "bill", _cut_answers_are_free),
    mutant("an answer costs a nano-USD too much", PriceList, "nano_usd", _rounded_up),
    mutant("thoughts are charged like all else", PriceList, "nano_usd", _thoughts_at_the_plain_rate),
    mutant("a hard budget lets everybody in", SpendDesk, "reserve", _grants_all),
    mutant("a parcel of unknown fate is told twice", SharedBook, "_posted", _told_twice),
    mutant("what waits behind a parcel is lost at the end", SharedBook, "end", nothing),
    mutant("a dead bucket's lease is forgotten", LeaseDesk, "_orphan", _orphans_are_forgotten),
    mutant("who is cut by a drain is logged as gone", RequestRecord, "finish", _fate_is_not_asked),
    *TURN_MUTANTS,
)
