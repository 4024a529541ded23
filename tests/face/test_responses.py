"""The life of a response: kept, continued, polled in the background, cancelled, deleted."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from actors.errors import Overloaded, Unavailable
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import Choice, Finish, Reply, Text, ToolCall, ToolResult, Turn
from gateway.dialects.fidelity import GEMINI
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.sse import SseSplitter
from gateway.errors import InvalidRequest, NotFound, Unauthorized, UpstreamReset
from gateway.exchange import Answer
from gateway.face.background import BackgroundResponses
from gateway.face.followed_events import FollowedLog
from gateway.face.record import RequestRecord
from gateway.face.response_life import ResponseLife, owner_of
from gateway.face.responses import Responses
from gateway.keys.caller import Caller
from gateway.store.memory import MemoryResponseStore
from gateway.store.ownership import Ownership
from tests.face.asking import HandmadeRequest
from tests.face.house import client_keys, unshared

FRAME = Frame("0001", 1_700_000_000)
TTL_S = 100.0


@dataclass
class House:
    """The endpoints over a store in memory; two clients, whose keys are their names."""

    background_limit: int = 2
    crashes: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        store = MemoryResponseStore(clock=trio.current_time, max_count=100, max_bytes=1_000_000)
        self.life = ResponseLife(store, ttl_s=TTL_S)
        self.background = BackgroundResponses(
            self.life, unshared(), limit=self.background_limit, on_crash=lambda bug, _: self.crashes.append(bug)
        )
        keys = client_keys(ann="ann", bob="bob")
        self.responses = Responses(self.life, self.background, keys, trio.current_time)

    async def make(self, frame: Frame = FRAME, *, client: str = "ann", parts: Any = None, **members: Any) -> Any:
        """A response, as a provider behind another dialect would answer."""
        prepared = await self.life.before(body(**members), client)
        request = finish_steps(ResponsesClient().decode(prepared.body, GEMINI))
        reply = Reply(model="g", choices=[Choice(parts or [Text("yes")], Finish.STOP)])
        return json.loads(await self.life.after(prepared, ResponsesClient().encode(reply, request, frame)))

    async def conversation(self, client: str = "ann", **members: Any) -> list[Turn]:
        """The turns that a provider would get."""
        prepared = await self.life.before(body(**members), client)
        return finish_steps(ResponsesClient().decode(prepared.body, GEMINI)).turns

    async def call(
        self,
        endpoint: Callable[[Any, RequestRecord], Awaitable[Answer]],
        path: str = "resp_0001",
        *,
        client: str = "ann",
        query: bytes = b"",
        sent: bytes = b"",
    ) -> Any:
        request = HandmadeRequest(
            fields={"authorization": f"Bearer {client}"}, path=f"/v1/responses/{path}", pieces=[sent]
        )
        request.query = query
        answer = await endpoint(request, RequestRecord("responses", "i", "i", 0.0, lambda _: None))
        assert answer.status == 200
        assert isinstance(answer.body, bytes)
        return json.loads(answer.body)


def body(**members: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **members}).encode()


@asynccontextmanager
async def running(house: House) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(house.background.run)
        yield
        nursery.cancel_scope.cancel()


async def test_a_response_is_kept_for_its_owner_alone() -> None:
    house = House()
    made = await house.make()
    assert await house.call(house.responses.show) == made
    with pytest.raises(NotFound):
        await house.call(house.responses.show, client="bob")
    with pytest.raises(Unauthorized):
        await house.call(house.responses.show, client="eve")


async def test_it_is_kept_for_its_time(autojump_clock: trio.testing.MockClock) -> None:
    house = House()
    await house.make()
    await trio.sleep(TTL_S - 0.001)
    await house.call(house.responses.show)
    await trio.sleep(0.001)
    with pytest.raises(NotFound):
        await house.call(house.responses.show)


async def test_one_that_was_not_to_be_stored_is_not() -> None:
    house = House()
    assert (await house.make(store=False))["store"] is False
    with pytest.raises(NotFound):
        await house.call(house.responses.show)


async def test_a_conversation_goes_on_through_tools_with_only_ids() -> None:
    """Three turns, each knowing only the one before; instructions are not carried over."""
    house = House()
    await house.make(parts=[ToolCall("c", "f", "{}")], instructions="Be brief.")
    result = {"type": "function_call_output", "call_id": "c", "output": "42"}
    second = await house.make(Frame("0002", 1), previous_response_id="resp_0001", input=[result])
    assert second["previous_response_id"] == "resp_0001"
    turns = await house.conversation(previous_response_id="resp_0002", input="and now?")
    assert [(turn.role, turn.parts) for turn in turns] == [
        ("user", [Text("hi")]),
        ("assistant", [ToolCall("c", "f", "{}")]),
        ("user", [ToolResult("c", [Text("42")])]),
        ("assistant", [Text("yes")]),
        ("user", [Text("and now?")]),
    ]


async def test_an_earlier_response_that_only_its_provider_knows_is_left_to_it() -> None:
    """It travels on as it is, is refused where it is translated, and what comes of it is not kept here."""
    house = House()
    sent = body(previous_response_id="resp_elsewhere")
    prepared = await house.life.before(sent, "ann")
    assert prepared.body is sent
    await house.life.after(prepared, b'{"id":"resp_new","status":"completed","output":[]}')
    with pytest.raises(NotFound):
        await house.call(house.responses.show, "resp_new")
    with pytest.raises(InvalidRequest) as caught:
        await house.conversation(previous_response_id="resp_elsewhere")
    assert caught.value.param == "previous_response_id"


async def test_nothing_goes_on_from_it_in_the_background() -> None:
    """What its provider alone can continue is kept nowhere, and nobody could ask what became of it."""
    with pytest.raises(InvalidRequest) as caught:
        await House().life.before(body(previous_response_id="resp_elsewhere", background=True), "ann")
    assert caught.value.param == "previous_response_id"


async def test_nobody_continues_anothers_response() -> None:
    house = House()
    await house.make()
    with pytest.raises(InvalidRequest):
        await house.conversation("bob", previous_response_id="resp_0001")


async def test_an_item_is_found_by_its_id() -> None:
    house = House()
    await house.make()
    for item_id, expected in (("msg_0001_0", "yes"), ("msg_0001_in0", "hi")):
        (turn,) = await house.conversation(input=[{"type": "item_reference", "id": item_id}])
        assert turn.parts == [Text(expected)]


async def test_a_reference_to_nothing_is_refused_where_nobody_else_can_know_it() -> None:
    house = House()
    with pytest.raises(InvalidRequest) as caught:
        await house.conversation(input=[{"type": "item_reference", "id": "msg_0009_0"}])
    assert caught.value.param == "input[0].id"


async def test_a_body_without_anything_to_do_is_not_touched() -> None:
    sent = b'{"model": "m",   "input": "hi"}'
    assert (await House().life.before(sent, "")).body is sent


async def test_an_answer_of_unknown_shape_reaches_the_client() -> None:
    house = House()
    prepared = await house.life.before(body(), "ann")
    for odd in (b"[]", b'{"no":"id"}', b"<html>"):
        assert await house.life.after(prepared, odd) == odd


async def test_input_items_come_in_pages() -> None:
    house = House()
    await house.make(input=[{"role": "user", "content": str(number)} for number in range(3)])
    page = await house.call(house.responses.list_input_items, "resp_0001/input_items", query=b"limit=2&order=asc")
    assert [item["id"] for item in page["data"]] == ["msg_0001_in0", "msg_0001_in1"]
    rest = await house.call(
        house.responses.list_input_items, "resp_0001/input_items", query=b"order=asc&after=msg_0001_in1"
    )
    assert [item["id"] for item in rest["data"]] == ["msg_0001_in2"]
    newest, *_ = (await house.call(house.responses.list_input_items, "resp_0001/input_items"))["data"]
    assert newest["id"] == "msg_0001_in2"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        (b"limit=0", "limit"),
        (b"limit=101", "limit"),
        (b"limit=x", "limit"),
        (b"limit=%F0%9F%98%80", "limit"),
        (b"order=up", "order"),
        (b"after=x", "after"),
    ],
)
async def test_a_page_that_cannot_be_had_is_refused(query: bytes, param: str) -> None:
    house = House()
    await house.make()
    with pytest.raises(InvalidRequest) as caught:
        await house.call(house.responses.list_input_items, "resp_0001/input_items", query=query)
    assert caught.value.param == param


async def test_a_response_is_deleted_once() -> None:
    house = House()
    await house.make()
    with pytest.raises(NotFound):
        await house.call(house.responses.delete, client="bob")
    assert await house.call(house.responses.delete) == {"id": "resp_0001", "object": "response", "deleted": True}
    with pytest.raises(NotFound):
        await house.call(house.responses.delete)


# In the background.


async def test_a_response_runs_in_the_background_and_is_polled(autojump_clock: trio.testing.MockClock) -> None:
    house = House()

    async def ask() -> bytes:
        await trio.sleep(5)
        return b'{"id":"resp_theirs","object":"response","status":"completed","output":[]}'

    async with running(house):
        prepared = await house.life.before(body(background=True, metadata={"a": "b"}), "ann")
        assert "background" not in json.loads(prepared.body)
        queued = json.loads(await house.background.start(prepared, FRAME, ask))
        assert (queued["id"], queued["status"], queued["background"]) == ("resp_0001", "queued", True)
        assert queued["metadata"] == {"a": "b"}
        await trio.sleep(1)
        assert (await house.call(house.responses.show))["status"] == "in_progress"
        with pytest.raises(InvalidRequest):
            await house.conversation(previous_response_id="resp_0001")
        await trio.sleep(4.5)
        done = await house.call(house.responses.show)
        assert (done["id"], done["status"], done["background"]) == ("resp_0001", "completed", True)
        assert house.background.view()["running"] == 0


async def test_what_fails_in_the_background_says_why(autojump_clock: trio.testing.MockClock) -> None:
    house = House()

    async def fail() -> bytes:
        raise UpstreamReset("The provider took too long.")

    async def crash() -> bytes:
        raise ZeroDivisionError

    async with running(house):
        for frame, ask in ((FRAME, fail), (Frame("0002", 1), crash)):
            await house.background.start(await house.life.before(body(background=True), "ann"), frame, ask)
        await trio.sleep(0.1)
        failed = await house.call(house.responses.show)
        crashed = await house.call(house.responses.show, "resp_0002")
    assert failed["error"] == {"code": "server_error", "message": "The provider took too long."}
    assert crashed["error"] == {"code": "server_error", "message": "The gateway failed to handle this response."}
    assert (failed["status"], crashed["status"]) == ("failed", "failed")
    assert [type(bug) for bug in house.crashes] == [ZeroDivisionError]


async def test_cancelling_stops_the_call_at_once_and_again_changes_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    house = House()
    stopped_at: list[float] = []

    async def ask() -> bytes:
        try:
            await trio.sleep_forever()
        finally:
            stopped_at.append(trio.current_time())
        raise AssertionError

    async with running(house):
        await house.background.start(await house.life.before(body(background=True), "ann"), FRAME, ask)
        await trio.sleep(3)
        with pytest.raises(NotFound):
            await house.call(house.responses.cancel, "resp_0001/cancel", client="bob")
        for _ in range(2):
            assert (await house.call(house.responses.cancel, "resp_0001/cancel"))["status"] == "cancelled"
        assert stopped_at == [3.0]
        assert (await house.call(house.responses.show))["status"] == "cancelled"
        assert house.background.view()["running"] == 0


async def test_deleting_one_that_runs_stops_it(autojump_clock: trio.testing.MockClock) -> None:
    house = House()
    async with running(house):
        await house.background.start(await house.life.before(body(background=True), "ann"), FRAME, trio.sleep_forever)
        await trio.sleep(1)
        await house.call(house.responses.delete)
        assert house.background.view()["running"] == 0
        await trio.sleep(1)
        with pytest.raises(NotFound):
            await house.call(house.responses.show)


async def test_only_so_many_run_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    house = House(background_limit=1)
    async with running(house):
        prepared = await house.life.before(body(background=True), "ann")
        await house.background.start(prepared, FRAME, trio.sleep_forever)
        with pytest.raises(Overloaded):
            await house.background.start(prepared, Frame("0002", 1), trio.sleep_forever)
        await house.background.cancel("resp_0001", "ann")
        await house.background.start(prepared, Frame("0003", 1), trio.sleep_forever)


async def test_nothing_is_started_when_nobody_runs_it() -> None:
    house = House()
    prepared = await house.life.before(body(background=True), "ann")
    with pytest.raises(Unavailable):
        await house.background.start(prepared, FRAME, trio.sleep_forever)
    assert house.background.view()["running"] == 0


async def test_only_what_runs_in_the_background_can_be_cancelled() -> None:
    house = House()
    await house.make()
    with pytest.raises(InvalidRequest):
        await house.call(house.responses.cancel, "resp_0001/cancel")


async def test_the_background_needs_a_store() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await House().life.before(body(background=True, store=False), "ann")
    assert caught.value.param == "background"


# Streamed in the background.


RESPONSE = {"id": "resp_theirs", "object": "response", "output": []}


def said(type: str, **members: Any) -> bytes:
    return f"event: {type}\ndata: {json.dumps({'type': type, 'sequence_number': 77, **members})}\n\n".encode()


def streamed(status: str = "completed") -> list[bytes]:
    """What a provider sends, a piece a second."""
    return [
        said("response.created", response={**RESPONSE, "status": "in_progress"})
        + said("response.in_progress", response={**RESPONSE, "status": "in_progress"}),
        said("response.output_text.delta", delta="Once "),
        said("response.output_text.delta", delta="upon") + b": a comment\n\n",
        said(f"response.{status}", response={**RESPONSE, "status": status}),
    ]


def playing(events: FollowedLog, pieces: list[bytes]) -> Callable[[], Awaitable[bytes]]:
    async def ask() -> bytes:
        for piece in pieces:
            await trio.sleep(1)
            events.take(piece)
        assert events.log.response is not None
        return bytes(events.log.response)

    return ask


async def begin(house: House, pieces: list[bytes]) -> FollowedLog:
    prepared = await house.life.before(body(background=True, stream=True), "ann")
    events = house.background.new_log(prepared, FRAME)
    await house.background.start(prepared, FRAME, playing(events, pieces), events)
    return events


async def read(house: House, query: bytes = b"stream=true", *, until: float = math.inf) -> list[Any]:
    """The events that come, each with its time."""
    request = HandmadeRequest(fields={"authorization": "Bearer ann"}, path="/v1/responses/resp_0001")
    request.query = query
    records: list[RequestRecord] = []
    answer = await house.responses.show(request, RequestRecord("responses", "i", "i", 0.0, records.append))
    assert not isinstance(answer.body, bytes)
    heard: list[Any] = []
    splitter = SseSplitter()
    with trio.move_on_at(until):
        while (piece := await answer.body.receive()) is not None:
            heard += [(trio.current_time(), json.loads(data)) for _, data, _ in splitter.feed(piece) if data]
    answer.body.close()
    (record,) = records
    assert record.outcome == ("ok" if until == math.inf else "disconnected")
    return heard


EVENTS = [
    (0, "response.created"),
    (0, "response.queued"),
    (1, "response.in_progress"),
    (2, "response.output_text.delta"),
    (3, "response.output_text.delta"),
    (4, "response.completed"),
]


async def test_a_response_in_the_background_is_read_along_from_any_place_and_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Who leaves stops nothing; who comes back after event 2 misses none and hears none twice; later all is there."""
    house = House()
    async with running(house):
        await begin(house, streamed())
        first = await read(house, until=2.5)
        assert [(at, event["type"]) for at, event in first] == EVENTS[:4]
        rest = await read(house, b"stream=true&starting_after=3")
        assert [(at, event["type"]) for at, event in rest] == EVENTS[4:]
        whole = [event for _, event in first + rest]
        assert [event["sequence_number"] for event in whole] == list(range(6))
        responses = [event["response"] for event in whole if "response" in event]
        assert {(each["id"], each["background"]) for each in responses} == {("resp_0001", True)}
        assert [each["status"] for each in responses] == ["queued", "queued", "in_progress", "completed"]
        assert responses[-1] == await house.call(house.responses.show)
        await trio.sleep(50)
        assert [event for _, event in await read(house)] == whole
        assert await read(house, b"stream=true&starting_after=5") == []
        assert house.background.view()["running"] == 0


async def test_a_streamed_response_that_fails_ends_so_and_cannot_be_continued(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def ask() -> bytes:
        await trio.sleep(1)
        raise UpstreamReset("The provider has closed the connection.")

    house = House()
    async with running(house):
        prepared = await house.life.before(body(background=True, stream=True), "ann")
        events = house.background.new_log(prepared, FRAME)
        await house.background.start(prepared, FRAME, ask, events)
        _, last = (await read(house))[-1]
        assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
        assert "closed the connection" in last["response"]["error"]["message"]
        with pytest.raises(InvalidRequest, match="'resp_0001' cannot be continued: it is failed") as refused:
            await house.conversation(previous_response_id="resp_0001")
        assert refused.value.param == "previous_response_id"


async def test_a_streamed_response_that_is_cancelled_ends_for_its_readers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    house = House()
    async with running(house):
        await begin(house, streamed())
        heard: list[Any] = []

        async def listen() -> None:
            heard.extend(await read(house))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(2.5)
            await house.call(house.responses.cancel, "resp_0001/cancel")
        at, last = heard[-1]
        assert (at, last["type"], last["response"]["status"]) == (2.5, "response.incomplete", "cancelled")


async def test_what_another_worker_streams_comes_when_it_has_ended(autojump_clock: trio.testing.MockClock) -> None:
    """Both have one store; the other one looks for the end, and hears of everything."""
    here, there = House(), House()
    there.life = here.life
    there.background = BackgroundResponses(here.life, Living(), limit=1, on_crash=lambda bug, _: None)
    there.responses = Responses(here.life, there.background, client_keys(ann="ann"), trio.current_time)
    async with running(here):
        await begin(here, streamed())
        assert [(round(at), event["type"]) for at, event in await read(there)] == [(4, kind) for _, kind in EVENTS]


async def test_events_whose_worker_has_died_end_with_that(autojump_clock: trio.testing.MockClock) -> None:
    here, there = House(), House()
    there.life = here.life
    there.responses = Responses(
        here.life,
        BackgroundResponses(here.life, unshared(), limit=1, on_crash=lambda bug, _: None),
        client_keys(ann="ann"),
        trio.current_time,
    )
    async with running(here):
        await begin(here, streamed())
        *_, (_, last) = await read(there)
        assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")


class Living(Ownership):
    """Somebody else is at work on everything."""

    def __init__(self) -> None:
        """It needs no store."""

    async def lives(self, id: str, owner: str) -> bool:
        return True


async def test_what_was_not_streamed_in_the_background_has_no_events() -> None:
    house = House()
    await house.make()
    for query, param in ((b"stream=true", "stream"), (b"stream=true&starting_after=-1", "starting_after")):
        with pytest.raises(InvalidRequest) as refused:
            await house.call(house.responses.show, query=query)
        assert refused.value.param == param
    assert (await house.call(house.responses.show, query=b"stream=false"))["id"] == "resp_0001"


def test_without_keys_of_ours_the_clients_own_key_says_whose_a_response_is() -> None:
    assert owner_of(Caller("ann", None)) == "ann"
    assert owner_of(Caller("", None)) == ""
    first, second = owner_of(Caller("", "key-a")), owner_of(Caller("", "key-b"))
    assert len({first, second, ""}) == 3
    assert "key-a" not in first
