"""Heads that are read without llhttp mean what llhttp reads in them, and all others are left to it."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.edge.response_parser import ResponseParser
from gateway.edge.usual_answer import UsualAnswers
from gateway.errors import GatewayError

HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 28 Nov 2026 18:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nX-Request-Id: %b\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n"
)
USUAL = (b"Server: nginx", b"x-twice: 1", b"X-Twice: 2", b"Connection: Keep-Alive")
ODD = (
    b"Server: nginx",
    b"Content-Length: 5",
    b"Content-Length: 05",
    b"content-length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length:5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked",
    b"Connection: close",
    b"Connection: keep-alive, close",
    b"Proxy-Connection: close",
    b"Upgrade: h2c",
    b"Content-Encoding: gzip",
    b"Trailer: x",
    b" folded: on",
    b"\tfolded",
    b"no colon",
    b": no name",
    b"Empty:",
    b"Empty: ",
    b"Tab: c\td",
    b"Spaced:  out ",
    b"Bad\x00Name: 1",
    b"Bad-Value: \x00",
    b"Bell: \x07",
    b"Delete: \x7f",
    b"Latin: \xe9",
    b"Bare: c\rr",
    b"Bare: l\nf",
    b"Space Name: 1",
    b"",
)
LENGTHS = (b"Content-Length: 5", b"content-length: 005", b"Content-Length: 0", b"x: y")
BODIES = (b"", b"hello", b"hell", b"hello!", b"5\r\nhello\r\n0\r\n\r\n", b"helloHTTP/1.1 200 OK\r\n")
STATUS_LINES = (
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200 Ok",
    b"HTTP/1.1 200 OKAY",
    b"HTTP/1.1  200 OK",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 OK",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 100 Continue",
)


def told(pieces: list[bytes], usual: UsualAnswers | None, limit: int = 65536) -> tuple[object, ...]:
    """All that is said of an answer that comes in these pieces, and then the connection ends."""
    plain = None if usual is None else usual.read(pieces[0])
    answer = plain or ResponseParser(False, limit)
    if plain is not None:
        pieces = pieces[1:]
    failure: type[GatewayError] | None = None
    try:
        for piece in pieces:
            if piece and not answer.complete:
                answer.feed(piece)
        if not answer.complete:
            answer.end()
    except GatewayError as problem:
        failure = type(problem)
    said = (answer.status, answer.headers, answer.take_body(), answer.content_coding, answer.complete, answer.reusable)
    return (failure, answer.has_head) if failure is not None and not answer.has_head else (failure, *said)


def written(*lines: bytes, body: bytes = b"hello") -> bytes:
    return b"\r\n".join([*lines, b"", body])


def test_an_answer_means_the_same_with_and_without() -> None:
    """Whatever stands in it and wherever; read for the first time, and when its lines are known."""
    usual = UsualAnswers(65536)
    for odd, length, body in product(ODD, LENGTHS, BODIES):
        for lines in ((odd, *USUAL, length), (*USUAL, length, odd)):
            answer = written(STATUS_LINES[0], *lines, body=body)
            for _ in range(2):
                assert told([answer], usual) == told([answer], None), answer
    for status in STATUS_LINES:
        answer = written(status, *USUAL, LENGTHS[0])
        assert told([answer], usual) == told([answer], None), answer


@pytest.mark.parametrize("body", BODIES)
def test_it_may_come_in_two_pieces_cut_anywhere(body: bytes) -> None:
    """The body behind a head that is known is only counted."""
    answer = written(STATUS_LINES[0], *USUAL, LENGTHS[0], body=body)
    usual = UsualAnswers(65536)
    for cut in range(1, len(answer)):
        pieces = [answer[:cut], answer[cut:]]
        assert told(pieces, usual) == told(pieces, None), pieces


def test_most_answers_are_read_without_llhttp_and_changing_lines_do_not_gather() -> None:
    usual = UsualAnswers(65536)
    for number in range(2000):
        answer = usual.read(HEAD % b"%d" % number + b"{}")
        assert answer is not None
        assert (answer.body, (b"x-request-id", b"%d" % number) in answer.headers) == (b"{}", True)
    assert len(usual._known) <= 512
    assert usual.read(HEAD % (b"x" * 300) + b"{}") is not None
    assert all(len(line) <= 256 for line in usual._known)


def test_a_head_beyond_the_bound_is_refused_as_before() -> None:
    answer = HEAD % (b"x" * 2000) + b"{}"
    assert UsualAnswers(1000).read(answer) is None
    assert told([answer], UsualAnswers(1000), limit=1000) == told([answer], None, limit=1000)
    assert told([answer], UsualAnswers(1000), limit=1000)[0] is not None
