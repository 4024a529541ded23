"""What is read out of a request before any engine matters: ids, deadlines, bodies and their memory."""

from __future__ import annotations

from typing import Any

import pytest

from actors.policy.memory_budget import MemoryBudget
from gateway.errors import BodyTooLarge, InvalidRequest, MemoryPressure
from gateway.exchange import Disconnected
from gateway.face.correlation import request_id_of
from gateway.face.deadline import patience_of
from gateway.face.ingress import Ingress
from gateway.telemetry.trace_context import passed_on
from tests.face.asking import HandmadeRequest

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("fields", "request_id"),
    [
        ({}, None),
        ({"x-request-id": "abc"}, "abc"),
        ({"x-correlation-id": "def"}, "def"),
        ({"x-request-id": "abc", "x-correlation-id": "def", "traceparent": TRACE}, "abc"),
        ({"traceparent": TRACE}, TRACE_ID),
        ({"x-request-id": "~" * 128}, "~" * 128),
        ({"x-request-id": "~" * 129}, None),
        ({"x-request-id": "with space"}, None),
        ({"x-request-id": ""}, None),
        ({"x-request-id": "naïve", "x-correlation-id": "def"}, "def"),
        ({"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"}, None),
        ({"traceparent": f"00-{TRACE_ID.upper()}-b7ad6b7169203331-01"}, None),
        ({"traceparent": "nonsense"}, None),
    ],
)
def test_the_clients_own_id_is_taken_where_it_is_fit_for_logs_and_headers(
    fields: dict[str, str], request_id: str | None
) -> None:
    assert request_id_of(HandmadeRequest(fields=fields).fields) == request_id


def test_trace_context_goes_upstream_whole_or_not_at_all() -> None:
    good = HandmadeRequest(fields={"traceparent": TRACE, "tracestate": "a=b"})
    bad = HandmadeRequest(fields={"traceparent": "nonsense", "tracestate": "a=b"})

    assert passed_on(good.fields) == [(b"traceparent", TRACE.encode()), (b"tracestate", b"a=b")]
    assert passed_on(HandmadeRequest(fields={"traceparent": TRACE}).fields) == [(b"traceparent", TRACE.encode())]
    assert passed_on(bad.fields) == []


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "1e999", "10s", "1_0", ""])
def test_a_timeout_of_ours_must_be_a_duration(value: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        patience_of(HandmadeRequest(fields={"x-gateway-timeout": value}))
    assert refusal.value.param == "X-Gateway-Timeout"


@pytest.mark.parametrize("value", ["0", "-1", "inf", "NOT_GIVEN", ""])
def test_what_the_sdk_says_about_its_timeout_is_taken_or_left(value: str) -> None:
    request = HandmadeRequest(fields={"x-stainless-read-timeout": value})
    assert patience_of(request).allowed_s(600, stream=False) == 600


# Bodies.


async def test_an_announced_body_is_held_whole_before_it_comes() -> None:
    budget = MemoryBudget(100)
    seen: list[int] = []
    request = Watched(budget, seen, fields={"content-length": "60"}, pieces=[b"x" * 10, b"y" * 50])

    assert await Ingress(budget, 80).read(request) == b"x" * 10 + b"y" * 50
    assert seen == [60, 60]
    assert (budget.used, budget.peak) == (0, 60)


async def test_a_body_in_chunks_is_held_as_it_grows() -> None:
    budget = MemoryBudget(100)
    seen: list[int] = []

    assert len(await Ingress(budget, 80).read(Watched(budget, seen, pieces=[b"x" * 30, b"", b"y" * 50]))) == 80
    assert seen == [0, 30, 30]
    assert (budget.used, budget.peak) == (0, 80)


async def test_a_body_beyond_the_limit_is_refused_at_the_byte_that_is_too_much() -> None:
    budget = MemoryBudget(1000)
    with pytest.raises(BodyTooLarge):
        await Ingress(budget, 80).read(HandmadeRequest(fields={"content-length": "81"}, pieces=[b""]))
    with pytest.raises(BodyTooLarge):
        await Ingress(budget, 80).read(HandmadeRequest(pieces=[b"x" * 80, b"y"]))
    assert budget.used == 0


async def test_without_room_a_body_is_refused_and_what_it_held_comes_back() -> None:
    budget = MemoryBudget(100)
    budget.reserve(50)

    with pytest.raises(MemoryPressure) as refusal:
        await Ingress(budget, 1000).read(HandmadeRequest(pieces=[b"x" * 40, b"y" * 40]))

    assert refusal.value.retry_after == 1
    assert (budget.used, budget.peak) == (50, 90)


async def test_a_length_that_is_no_number_is_the_engines_business() -> None:
    budget = MemoryBudget(100)
    request = HandmadeRequest(fields={"content-length": "+5"}, pieces=[b"abc"])
    assert await Ingress(budget, 80).read(request) == b"abc"
    assert (budget.used, budget.peak) == (0, 3)


async def test_a_client_that_leaves_in_the_middle_is_nobodys_error() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(Disconnected):
        await Ingress(budget, 80).read(HandmadeRequest(pieces=[b"abc", None]))
    assert (budget.used, budget.peak) == (0, 3)


class Watched(HandmadeRequest):
    """Notes what is held whenever another piece is asked for."""

    def __init__(self, budget: MemoryBudget, seen: list[int], **options: Any) -> None:
        super().__init__(**options)
        self._budget = budget
        self._seen = seen

    async def receive_body(self) -> tuple[bytes, bool]:
        self._seen.append(self._budget.used)
        return await super().receive_body()
