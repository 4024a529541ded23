"""Bugs at the doors: what goes up to providers and comes down from them, what is read along, booked, reloaded."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from actors.attempt import Attempt, Outcome
from actors.policy.leased_bucket import LeasedBucket
from actors.provider import ProviderActor
from gateway.assembly import provider_changes
from gateway.calls.course import Course
from gateway.calls.http_calls import HttpCalls
from gateway.calls.resumed_stream import ResumedStream
from gateway.dialects.chat.told import ChatSequel, ChatTold
from gateway.edge import pool
from gateway.face import caching, provenance
from gateway.face.flight import Flight
from gateway.face.lasting_tasks import LastingTasks
from gateway.face.model_calls import ModelCalls
from gateway.face.response_life import ResponseLife
from gateway.keys.ledger import Ledger
from gateway.keys.spend import SpendDesk
from tests.sim.mutants import Mutant, mutant, nothing
from tests.sim.town import CLIENT_KEYS


def _named_twice(headers_of: Any) -> Any:
    def twice(calls: HttpCalls, request: Any, way: Any, attempt: Attempt) -> Any:
        return [*headers_of(calls, request, way, attempt), (b"x-request-id", request.request_id.encode())]

    return twice


def _with_the_clients_key(read: Any) -> Any:
    def passing(calls: ModelCalls, request: Any) -> Any:
        wishes = read(calls, request)
        shown = (b"x-client-authorization", request.fields[b"authorization"])
        request.known[calls] = wishes = replace(wishes, own_headers=[*wishes.own_headers, shown])
        return wishes

    return passing


def _keys_do_not_count(what: Any) -> Any:
    def blind(settled: Any, name: str) -> Any:
        provider, _, *rest = what(settled, name)
        return provider, *rest

    return blind


def _forgets_who_waits(_: Any) -> Any:
    return lambda actor: not actor._in_flight


def _winner_is_billed_twice(bill: Any) -> Any:
    def twice(ledger: Ledger, attempt: Attempt) -> Any:
        if attempt.operation == "hedge" and attempt.outcome is Outcome.OK:
            bill(ledger, attempt)
        return bill(ledger, attempt)

    return twice


def _the_wrong_way_round(settle: Any) -> Any:
    return lambda bucket, reserved, used, now: settle(bucket, used, reserved, now)


def _ends_with_the_first(leave: Any) -> Any:
    def leave_first(flight: Flight, reader: object) -> None:
        began = next(iter(flight._readers), None) is reader
        leave(flight, reader)
        if began and not flight.ended:
            flight.scope.cancel()

    return leave_first


def _runs_on_for_nobody(_: Any) -> Any:
    return lambda flight, reader: flight._readers.pop(reader, None)


def _everybodys(key_of: Any) -> Any:
    return lambda call, candidates, owner: key_of(call, candidates, "")


def _the_first_is_named(of_answer: Any) -> Any:
    return lambda upstream, attempt: of_answer(upstream, attempt.call.attempts[0])


def _prompt_to_all(_: Any) -> Any:
    return lambda stream: stream._counted


def _under_another_id(_: Any) -> Any:
    return lambda told, model: ChatSequel("chatcmpl-another", told._created, model, wants_usage=told._wants_usage)


def _endless_patience(_: Any) -> Any:
    return lambda course, silence_s: None


def _never_over(_: Any) -> Any:
    return lambda tasks, at: None


def _anybodys(find: Any) -> Any:
    async def open_to_all(life: ResponseLife, response_id: str, owner: str) -> Any:
        found = [await find(life, response_id, each) for each in CLIENT_KEYS.values()]
        return next((each for each in found if each is not None), None)

    return open_to_all


def _always_silent(_: Any) -> Any:
    return lambda stream: True


DOOR_MUTANTS: Final[tuple[Mutant, ...]] = (
    mutant("a request's id is sent twice", HttpCalls, "_headers_of", _named_twice),
    mutant("a client's key goes up with its request", ModelCalls, "_read_wishes", _with_the_clients_key),
    mutant("a reload keeps the keys that there were", provider_changes, "_what_it_is", _keys_do_not_count),
    mutant("a provider that is replaced forgets who waits", ProviderActor, "_is_empty", _forgets_who_waits),
    mutant("a hedge that wins is billed twice", Ledger, "bill", _winner_is_billed_twice),
    mutant("a lease is settled the wrong way round", LeasedBucket, "settle", _the_wrong_way_round),
    mutant("what is held of a budget is never let go", SpendDesk, "release", nothing),
    mutant("who reads along loses the answer with who began it", Flight, "leave", _ends_with_the_first),
    mutant("an answer that nobody waits for any more goes on", Flight, "leave", _runs_on_for_nobody),
    mutant("the cache does not know its clients", caching, "key_of", _everybodys),
    mutant("who was asked first is named", provenance, "of_answer", _the_first_is_named),
    mutant("who goes on with an answer gives it another id", ChatTold, "sequel", _under_another_id),
    mutant("what was begun by another is prompt to the client", ResumedStream, "_whole_usage", _prompt_to_all),
    mutant("nobody gives a silent stream up", Course, "within", _endless_patience),
    mutant("what runs in the background outlasts a drain", LastingTasks, "end_by", _never_over),
    mutant("a response is shown to every key", ResponseLife, "find", _anybodys),
    mutant("a kept connection is taken as it is", pool, "_is_silent", _always_silent),
)
