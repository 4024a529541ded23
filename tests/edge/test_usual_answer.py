"""Heads that are read without llhttp mean what llhttp reads in them, and all others are left to it."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.edge.response_parser import ResponseParser
from gateway.edge.usual_answer import AnswerHeads, PlainAnswer
from gateway.errors import GatewayError

CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"
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
FRAMINGS = (
    b"Content-Length: 5",
    b"content-length: 005",
    b"Content-Length: 0",
    b"Transfer-Encoding: chunked",
    b"transfer-encoding: Chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"x: y",
)
BODIES = (
    b"",
    b"hello",
    b"hell",
    b"hello!",
    b"helloHTTP/1.1 200 OK\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0005\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    b"5;ext=1\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
    b"c\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"6\r\nhello\r\n0\r\n\r\n",
    b"4\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
)
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


def told(pieces: list[bytes], heads: AnswerHeads | None, limit: int = 65536) -> tuple[object, ...]:
    """All that is said of an answer that comes in these pieces, and then the connection ends."""
    first, *others = pieces
    answer, rest = (ResponseParser(False, limit), first) if heads is None else heads.begin(first, has_no_body=False)
    failure: type[GatewayError] | None = None
    try:
        for piece in (rest, *others):
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
    """Whatever stands in it and wherever; read for the first time, and when its names are known."""
    heads = AnswerHeads(65536)
    for odd, framing, body in product(ODD, FRAMINGS, BODIES):
        for lines in ((odd, *USUAL, framing), (*USUAL, framing, odd)):
            answer = written(STATUS_LINES[0], *lines, body=body)
            for _ in range(2):
                assert told([answer], heads) == told([answer], None), answer
    for status in STATUS_LINES:
        answer = written(status, *USUAL, FRAMINGS[0])
        assert told([answer], heads) == told([answer], None), answer


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_it_may_come_in_two_pieces_cut_anywhere(framing: bytes, body: bytes) -> None:
    """The body behind a head that has been read is only counted, or llhttp's."""
    answer = written(STATUS_LINES[0], *USUAL, framing, body=body)
    heads = AnswerHeads(65536)
    for cut in range(1, len(answer)):
        pieces = [answer[:cut], answer[cut:]]
        assert told(pieces, heads) == told(pieces, None), pieces


@pytest.mark.parametrize(
    ("framing", "body"), [(b"Content-Length: 5", b"hello"), (b"Transfer-Encoding: chunked", CHUNKED)]
)
def test_most_answers_are_read_without_llhttp(framing: bytes, body: bytes) -> None:
    answer, rest = AnswerHeads(65536).begin(written(STATUS_LINES[0], *USUAL, framing, body=body), has_no_body=False)
    assert isinstance(answer, PlainAnswer)
    assert (answer.body, answer.complete, rest) == (b"hello", True, b"")


def test_llhttp_reads_the_chunks_of_an_answer_whose_head_it_has_not_seen() -> None:
    head = written(STATUS_LINES[0], *USUAL, b"Transfer-Encoding: chunked", body=b"")
    answer, rest = AnswerHeads(65536).begin(head + b"2\r\nhe\r\n", has_no_body=False)
    assert isinstance(answer, ResponseParser)
    assert ((b"x-twice", b"2") in answer.headers, answer.has_head, rest) == (True, True, b"2\r\nhe\r\n")


def test_names_that_somebody_makes_up_do_not_gather() -> None:
    heads = AnswerHeads(65536)
    for name in [*range(2000), b"x" * 300]:
        field = b"%b: 1" % name if isinstance(name, bytes) else b"x-%d: 1" % name
        answer, _ = heads.begin(written(STATUS_LINES[0], *USUAL, field, FRAMINGS[0]), has_no_body=False)
        assert isinstance(answer, PlainAnswer)
    assert len(heads._names) <= 512
    assert all(len(name) <= 256 for name in heads._names)


def test_a_head_beyond_the_bound_is_refused_as_before() -> None:
    answer = written(STATUS_LINES[0], b"x: " + b"x" * 2000, FRAMINGS[0])
    assert told([answer], AnswerHeads(1000), limit=1000) == told([answer], None, limit=1000)
    assert told([answer], AnswerHeads(1000), limit=1000)[0] is not None
