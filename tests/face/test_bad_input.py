"""What clients get wrong: an OpenAI error object with the right status and code, and the connection goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.face.engines import Face
from tests.face.house import BODY_LIMIT_BYTES, QUESTION, client_keys
from tests.face.specification import check

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (b'{"model": "gpt-4o", ', None, "not JSON"),
        (b"", None, "The request has no body"),
        (b"\xff\xfe", None, "not"),
        (b"[]", None, "expected an object, but got an array instead"),
        (b"{}", "model", "Missing required parameter: 'model'."),
        (b'{"model": ""}', "messages", "Missing required parameter: 'messages'."),
        (b'{"model": "", "messages": [{"role": "user"}]}', "model", "names no model"),
        (b'{"model": 7, "messages": []}', "model", "expected a string, but got an integer instead"),
        (b'{"model": "gpt-4o", "messages": []}', "messages", "at least one message"),
        (b'{"model": "gpt-4o", "messages": "hi"}', "messages", "expected an array, but got a string instead"),
        (b'{"model": "gpt-4o", "messages": [{"role": 1}]}', "messages[0].role", "expected a string"),
        (b'{"model": "gpt-4o", "messages": [{"role": "user"}, {}]}', "messages[1].role", "Missing required"),
        (b'{"model": "gpt-4o", "messages": [{"role": "user"}], "stream": "yes"}', "stream", "a boolean or null"),
        (b'{"x": ' + b"[" * 90_000, None, "nested too deeply"),
    ],
)
async def test_a_body_that_makes_no_sense_is_a_400_that_names_the_field(
    autojump_clock: MockClock, face: Face, body: bytes, param: str | None, says: str
) -> None:
    client = await face.connect()

    reply = await client.request("POST", CHAT, body=body)

    assert reply.status == 400
    assert (reply.error["type"], reply.error["code"]) == ("invalid_request_error", "invalid_request_error")
    assert reply.error["param"] == param
    assert says in reply.error["message"]
    check(reply.json, "ErrorResponse")
    assert (await face.told()).status == 400
    assert face.house.router.calls == []
    assert face.house.budget.used == 0
    assert (await client.request("POST", CHAT, json_body=QUESTION)).status == 200


async def test_an_unknown_model_is_a_404_that_names_it(autojump_clock: MockClock, face: Face) -> None:
    reply = await face.ask({**QUESTION, "model": "nobody-knows"})

    assert reply.status == 404
    assert (reply.error["code"], reply.error["param"]) == ("model_not_found", "model")
    check(reply.json, "ErrorResponse")
    assert (await face.told()).model == "nobody-knows"


@pytest.mark.parametrize(
    "target", ["/", "/v1", "/v1/chat", "/v1/chat/completions/", "/v1//chat/completions", "/v1/completions", "/ä"]
)
async def test_an_unknown_path_is_a_404(autojump_clock: MockClock, face: Face, target: str) -> None:
    client = await face.connect()

    reply = await client.request("POST", target.replace("ä", "%C3%A4"), json_body=QUESTION)

    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert reply.error["message"] == f"Invalid URL (POST {target})."
    check(reply.json, "ErrorResponse")
    record = await face.told()
    assert (record.endpoint, record.status) == ("other", 404)
    assert reply.header("x-request-id") == record.request_id
    assert (await client.request("POST", CHAT, json_body=QUESTION)).status == 200


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/health", "/health"),
    ],
)
async def test_a_base_url_without_its_v1_or_with_two_is_told_what_was_meant(
    autojump_clock: MockClock, face: Face, target: str, meant: str
) -> None:
    client = await face.connect()

    reply = await client.request("POST", target, json_body=QUESTION)

    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert reply.error["message"] == f"Invalid URL (POST {target}); did you mean {meant}?"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("GET", "/v1/messages/count_tokens", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
    ],
)
async def test_below_messages_even_what_is_not_there_is_said_in_anthropics_words(
    autojump_clock: MockClock, face: Face, method: str, path: str, status: int, kind: str
) -> None:
    reply = await (await face.connect()).request(method, path)
    assert reply.status == status
    assert (reply.json["type"], reply.json["error"]["type"]) == ("error", kind)


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("GET", CHAT, "POST"),
        ("OPTIONS", CHAT, "POST"),
        ("DELETE", CHAT, "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PUT", "/v1/models/gpt-4o", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_a_405_that_says_which_are_right(
    autojump_clock: MockClock, face: Face, method: str, target: str, allow: str
) -> None:
    client = await face.connect()

    reply = await client.request(method, target)

    assert (reply.status, reply.error["code"]) == (405, "method_not_allowed")
    assert reply.header("allow") == allow
    check(reply.json, "ErrorResponse")
    assert (await client.request("POST", CHAT, json_body=QUESTION)).status == 200


@pytest.mark.parametrize("house_options", [{"keys": client_keys(alice="sk-alice")}])
async def test_a_missing_key_is_a_401(autojump_clock: MockClock, face: Face) -> None:
    reply = await face.ask(QUESTION)

    assert reply.status == 401
    assert reply.error["code"] == "invalid_api_key"
    assert "Authorization: Bearer" in reply.error["message"]
    check(reply.json, "ErrorResponse")


def too_long(chars: int) -> dict[str, Any]:
    return {**QUESTION, "messages": [{"role": "user", "content": "x" * chars}]}


@pytest.mark.parametrize("size", [BODY_LIMIT_BYTES, 3 * BODY_LIMIT_BYTES])
async def test_a_huge_body_is_a_413(autojump_clock: MockClock, face: Face, size: int) -> None:
    reply = await face.ask(too_long(size))

    assert (reply.status, reply.error["code"]) == (413, "request_too_large")
    check(reply.json, "ErrorResponse")
    assert face.house.router.calls == []
    assert face.house.budget.used == 0


async def test_a_huge_body_that_does_not_say_so_is_a_413_too(autojump_clock: MockClock, face: Face) -> None:
    reply = await face.ask(too_long(3 * BODY_LIMIT_BYTES), headers={"transfer-encoding": "chunked"})

    assert (reply.status, reply.error["code"]) == (413, "request_too_large")
    assert face.house.budget.used == 0


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("headers", [{}, {"transfer-encoding": "chunked"}])
async def test_below_messages_a_huge_body_is_refused_in_anthropics_words(
    autojump_clock: MockClock, face: Face, path: str, headers: dict[str, str]
) -> None:
    reply = await face.request("POST", path, json_body=too_long(3 * BODY_LIMIT_BYTES), headers=headers)

    assert reply.status == 413
    assert (reply.json["type"], reply.json["error"]["type"]) == ("error", "request_too_large")


async def test_below_messages_a_body_that_stops_coming_is_said_in_anthropics_words(
    autojump_clock: MockClock, face: Face
) -> None:
    client = await face.connect()
    await client.send_raw(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000\r\n\r\n{")

    data = await client.read_raw()

    assert data.startswith(b"HTTP/1.1 408 ")
    assert b'{"type":"error","error":{"type":"timeout_error",' in data


async def test_a_body_in_chunks_is_as_good_as_any(autojump_clock: MockClock, face: Face) -> None:
    client = await face.connect()
    body = json.dumps(too_long(50_000)).encode()
    await client.send_raw(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    for start in range(0, len(body), 1000):
        piece = body[start : start + 1000]
        await client.send_raw(b"%x\r\n%s\r\n" % (len(piece), piece))
        await trio.sleep(1)
    await client.send_raw(b"0\r\n\r\n")
    await trio.testing.wait_all_tasks_blocked()

    assert face.house.router.calls[0].payload.body == body
    assert face.house.router.calls[0].size_bytes == len(body)
    assert face.house.budget.used == 0
    assert face.house.budget.peak == len(body)


@pytest.mark.parametrize("house_options", [{"ingress_bytes": 150_000}])
async def test_more_large_bodies_at_once_than_memory_is_for_are_refused(autojump_clock: MockClock, face: Face) -> None:
    """The first has announced 80,000 bytes and sends them slowly; the second would make it twice as much."""
    first = await face.connect()
    body = json.dumps(too_long(80_000)).encode()
    await first.send_raw(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode())
    await first.send_raw(body[:10_000])
    await trio.testing.wait_all_tasks_blocked()
    assert face.house.budget.used == len(body)

    reply = await face.ask(too_long(80_000))

    assert (reply.status, reply.error["code"]) == (503, "memory_pressure")
    assert (reply.header("retry-after"), reply.header("retry-after-ms")) == ("1", "1000")
    check(reply.json, "ErrorResponse")
    await first.send_raw(body[10_000:])
    assert (await first.read_raw_head()).startswith(b"HTTP/1.1 200 ")
    assert face.house.budget.used == 0
    assert (await face.ask(too_long(80_000))).status == 200


async def test_a_body_that_stops_coming_is_a_408(autojump_clock: MockClock, face: Face) -> None:
    client = await face.connect()
    await client.send_raw(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000\r\n\r\n".encode())
    await client.send_raw(b"x" * 80_000)

    data = await client.read_raw()

    assert data.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in data
    assert 30 <= trio.current_time() <= 32
    assert face.house.budget.used == 0
    assert face.house.router.calls == []


async def test_a_client_that_goes_in_the_middle_of_its_body_leaves_nothing(
    autojump_clock: MockClock, face: Face
) -> None:
    client = await face.connect()
    await client.send_raw(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000\r\n\r\n".encode())
    await client.send_raw(b"x" * 80_000)
    await trio.testing.wait_all_tasks_blocked()

    client.leave()

    record = await face.told()
    assert (record.status, record.outcome) == (499, "disconnected")
    assert face.house.budget.used == 0
    assert face.house.router.calls == []


async def test_a_refused_upload_neither_hangs_nor_hurts_its_neighbour(autojump_clock: MockClock, face: Face) -> None:
    """An answer before the body has come: the client may go on sending, and learns of it."""
    neighbour = await face.connect()
    client = await face.connect()
    await client.send_raw(f"PUT {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000\r\n\r\n".encode())
    for _ in range(30):
        await client.send_raw(b"x" * 3000)
    reply = await client.read_raw_head()

    assert reply.startswith(b"HTTP/1.1 405 ")
    assert (await neighbour.request("POST", CHAT, json_body=QUESTION)).status == 200
