"""What the request parser makes of bytes, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.limits import ServerLimits
from gateway.edge.request import Request
from gateway.edge.request_parser import RequestParser
from tests.edge.hostile import BROKEN, H, head

LIMITS = ServerLimits()
SMALL = ServerLimits(header_bytes=400, header_count=5, body_bytes=1000, whole_body_bytes=50)

HOST = b"Host: gateway\r\n"
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n"
POST = (
    b"POST /v1/chat/completions?x=1 HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 11\r\nX-Title: two words \t\r\n\r\nhello world"
)
CHUNKED_HEAD = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"5;note=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
UPGRADE = (
    b"POST /up HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 11\r\n\r\nhello world"
)


def parse(*pieces: bytes, limits: ServerLimits = LIMITS) -> RequestParser:
    parser = RequestParser(limits)
    for piece in pieces:
        if parser.rejection is None:
            parser.feed(piece)
    return parser


def facts(request: Request) -> tuple[object, ...]:
    return (
        request.head.method,
        request.head.path,
        request.head.query,
        request.head.headers,
        request.head.version,
        request.head.keep_alive,
        request.complete,
        request.whole or b"".join(request.pieces),
    )


def status(parser: RequestParser) -> int | None:
    return None if parser.rejection is None else parser.rejection.status


def test_a_request_comes_out_whole_with_lower_case_names_and_trimmed_values():
    """Names in lower case, white space around values gone, the query apart from the path."""
    [request] = parse(POST).ready
    assert facts(request) == (
        "POST",
        "/v1/chat/completions",
        b"x=1",
        [(b"host", b"gateway"), (b"content-length", b"11"), (b"x-title", b"two words")],
        "1.1",
        True,
        True,
        b"hello world",
    )


@pytest.mark.parametrize("wire", [GET, POST, CHUNKED, UPGRADE], ids=["get", "post", "chunked", "upgrade"])
def test_a_request_split_at_any_byte_parses_the_same(wire):
    """One cut at every place, and every byte on its own."""
    whole = [facts(request) for request in parse(wire, GET).ready]
    for cut in range(len(wire)):
        assert [facts(request) for request in parse(wire[:cut], wire[cut:], GET).ready] == whole, cut
    bytewise = parse(*(bytes([byte]) for byte in wire + GET))
    assert [facts(request) for request in bytewise.ready] == whole


@given(
    st.lists(st.sampled_from([GET, POST, CHUNKED, UPGRADE]), min_size=1, max_size=6),
    st.lists(st.integers(min_value=1, max_value=600), max_size=30),
)
def test_pipelined_requests_cut_anywhere_come_out_in_order(requests, sizes):
    """Whatever the pieces, the same requests with the same bodies."""
    wire = b"".join(requests)
    parser = RequestParser(LIMITS)
    position = 0
    for size in [*sizes, len(wire)]:
        if wire[position : position + size]:
            parser.feed(wire[position : position + size])
        position += size
    expected = [facts(parse(request).ready[0]) for request in requests]
    assert [facts(request) for request in parser.ready] == expected
    assert parser.rejection is None
    assert not parser.midway


def test_an_upgrade_is_ignored_and_its_body_never_read_as_a_request():
    """llhttp takes an upgrade request to have no body; a smuggled request in that body must stay a body."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: %d\r\n\r\n"
    parser = parse(head % len(smuggled) + smuggled + GET)
    first, second = parser.ready
    assert (first.head.path, first.take()) == ("/a", smuggled)
    assert (b"upgrade", b"websocket") not in first.head.headers
    assert second.head.path == "/v1/models"


def test_hundreds_of_pipelined_upgrades_are_read_one_after_the_other():
    """Reading one anew must not nest: a full buffer of them is only work."""
    upgrade = b"GET / HTTP/1.1\r\nHost:\r\nConnection:upgrade\r\nUpgrade:a\r\n\r\n"
    parser = parse(upgrade * 1100)
    assert len(parser.ready) == 1100
    assert parser.rejection is None


@pytest.mark.parametrize("name", BROKEN)
def test_broken_requests_are_refused_whole_and_byte_by_byte(name):
    """The same refusal however the bytes arrive."""
    wire, expected = BROKEN[name]
    assert status(parse(wire)) == expected
    assert status(parse(*(bytes([byte]) for byte in wire))) == expected


def test_a_valid_request_before_a_broken_one_stays_valid():
    """Garbage behind a request is the next request's trouble."""
    parser = parse(GET + b"\0garbage")
    assert [request.head.path for request in parser.ready] == ["/v1/models"]
    assert status(parser) == 400


def test_obsolete_text_in_a_value_is_opaque():
    """RFC 9110 section 5.5: octets above 127 in a value pass through untouched."""
    [request] = parse(head(H, b"X-Title: caf\xe9")).ready
    assert (b"x-title", b"caf\xe9") in request.head.headers


def test_an_absolute_target_gives_path_and_host():
    """RFC 9112 section 3.2.2: the target's authority replaces the Host field."""
    [request] = parse(head(b"Host: other", target=b"http://api.test:8080/v1/a%20b?q")).ready
    assert (request.head.path, request.head.raw_path, request.head.query) == ("/v1/a b", b"/v1/a%20b", b"q")
    assert request.head.headers == [(b"host", b"api.test:8080")]


@pytest.mark.parametrize(("target", "path"), [(b"http://a", "/"), (b"HTTPS://a?x", "/"), (b"http://[::1]:80/y", "/y")])
def test_an_absolute_target_without_a_path_is_the_root(target, path):
    [request] = parse(head(H, target=target)).ready
    assert request.head.path == path


def test_options_asterisk_passes():
    [request] = parse(head(H, method=b"OPTIONS", target=b"*")).ready
    assert request.head.path == "*"


def test_empty_lines_before_a_request_are_skipped():
    """RFC 9112 section 2.2."""
    parser = parse(b"\r\n", b"\r\n\r\n")
    assert not parser.midway
    parser.feed(GET)
    assert len(parser.ready) == 1


@pytest.mark.parametrize(
    ("version", "fields", "keeps"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: keep-alive"], True),
    ],
)
def test_keep_alive_is_what_version_and_connection_say(version, fields, keeps):
    [request] = parse(head(H, *fields, version=version)).ready
    assert request.head.keep_alive is keeps


def test_the_header_limit_is_exact():
    """At the limit it passes, one byte more is refused; so it is where the head comes in pieces."""
    fixed = len(b"/") + len(b"host") + len(b"a") + 4 + len(b"x") + 4
    fits = head(H, b"X: " + b"y" * (SMALL.header_bytes - fixed))
    exceeds = head(H, b"X: " + b"y" * (SMALL.header_bytes - fixed + 1))
    assert len(parse(fits, limits=SMALL).ready) == 1
    assert status(parse(exceeds, limits=SMALL)) == 431
    assert status(parse(exceeds[:300], exceeds[300:], limits=SMALL)) == 431


def test_a_head_that_never_ends_is_refused_at_the_limit():
    """Not only a finished field is counted, but also one that goes on for ever, or white space."""
    for endless in (b"X: " + b"y" * 399, b"X:" + b" " * 400, b"y" * 402):
        parser = parse(b"GET / HTTP/1.1\r\n", *(bytes([byte]) for byte in endless), limits=SMALL)
        assert status(parser) == 431


def test_a_large_read_that_ends_one_request_does_not_count_against_the_next():
    """Bytes of an earlier request are not bytes of this head."""
    body = b"x" * 900
    first = head(H, b"Content-Length: 900") + body
    parser = parse(first + GET[:20], GET[20:], limits=SMALL)
    assert [request.head.path for request in parser.ready] == ["/", "/v1/models"]
    assert parser.rejection is None


def test_the_field_count_is_bounded():
    fields = [b"X: %d" % number for number in range(4)]
    assert len(parse(head(H, *fields), limits=SMALL).ready) == 1
    assert status(parse(head(H, *fields, b"X: 5"), limits=SMALL)) == 431


def test_a_chunked_body_is_refused_at_the_limit():
    chunk = b"c8\r\n" + b"x" * 200 + b"\r\n"
    assert status(parse(CHUNKED_HEAD + chunk * 5 + b"0\r\n\r\n", limits=SMALL)) is None
    assert status(parse(CHUNKED_HEAD + chunk * 5 + b"1\r\n", b"y\r\n", limits=SMALL)) == 413


def test_endless_chunk_extensions_and_trailers_are_refused():
    """llhttp bounds neither."""
    extension = parse(CHUNKED_HEAD, b"1;", *[b"a" * 50] * 9, limits=SMALL)
    trailers = parse(CHUNKED_HEAD, b"0\r\n", *[b"X-Trailer: " + b"a" * 39 + b"\r\n"] * 9, limits=SMALL)
    assert status(extension) == status(trailers) == 400


def test_many_small_chunks_are_not_taken_for_overhead():
    """Framing is counted only between pieces of the body."""
    parser = parse(CHUNKED_HEAD, *[b"1\r\na\r\n"] * 500, b"0\r\n\r\n", limits=SMALL)
    assert parser.rejection is None
    assert parser.ready[0].received == 500


def test_a_short_body_is_waited_for_and_a_long_one_is_not():
    """Up to the bound the app is not even called before the body is there."""
    short = parse(head(H, b"Content-Length: 50") + b"x" * 49, limits=SMALL)
    assert not short.ready
    short.feed(b"x")
    assert short.ready[0].complete
    long = parse(head(H, b"Content-Length: 51"), limits=SMALL)
    assert long.ready.popleft() is long.arriving
    long.feed(b"x" * 51)
    assert not long.ready
    assert long.arriving is None


def test_a_known_head_does_not_let_a_larger_body_in():
    """The limit is the body's, however often the head has been read."""
    asked = [head(H, b"Content-Length: %d" % length) + b"x" * length for length in (3, 1000, 1001)]
    assert [len(request.whole or b"") for request in parse(*asked[:2], limits=SMALL).ready] == [3, 1000]
    assert status(parse(*asked, limits=SMALL)) == 413


def test_a_request_that_asks_for_a_go_ahead_is_not_waited_for():
    """100-continue: the body comes only when somebody wants it."""
    [request] = parse(head(H, b"Expect: 100-Continue", b"Content-Length: 5")).ready
    assert request.awaits_continue
    [bodyless] = parse(head(H, b"Expect: 100-continue")).ready
    assert not bodyless.awaits_continue
    [old] = parse(head(H, b"Expect: 100-continue", b"Content-Length: 5", version=b"1.0") + b"hello").ready
    assert not old.awaits_continue


KEPT = head(H, b"Authorization: Bearer k", b"Content-Length: 4", b"Accept: */*") + b"ping"
"""What a connection's client says first."""
AFTERWARDS = {
    "the same": KEPT,
    "a longer body": KEPT.replace(b"4", b"12") + b"-and-more",
    "no body": KEPT.replace(b"4", b"0")[:-4],
    "zeros ahead": KEPT.replace(b"4", b"004"),
    "a sign ahead": KEPT.replace(b"4", b"+4"),
    "white space behind the length": KEPT.replace(b"4", b"4 "),
    "no length": KEPT.replace(b"4", b""),
    "half a length": KEPT.replace(b"4", b"4,4"),
    "a second length": KEPT.replace(b"4", b"4\r\nContent-Length: 4"),
    "chunked as well": KEPT.replace(b"4", b"4\r\nTransfer-Encoding: chunked"),
    "another key": KEPT.replace(b"Bearer k", b"Bearer l"),
    "another path": KEPT.replace(b" / ", b" /v1 "),
    "another length's name": KEPT.replace(b"Content-Length", b"Content-length"),
    "one more field": KEPT.replace(b"*/*", b"*/*\r\nX: y"),
    "a last word": KEPT.replace(b"*/*", b"*/*\r\nConnection: close"),
    "line ends ahead": b"\r\n\r\n" + KEPT,
    "three at once": KEPT + KEPT.replace(b"4", b"5") + b"!" + KEPT,
    "one behind a body that is too long": KEPT.replace(b"4", b"60") + b"x" * 56 + KEPT,
    "too long for anybody": KEPT.replace(b"4", b"99999"),
    "more digits than there are bytes": KEPT.replace(b"4", b"9" * 30),
    "garbage": b"\0\0\0\0",
}


@pytest.mark.parametrize("wire", AFTERWARDS.values(), ids=AFTERWARDS)
def test_a_known_head_is_read_as_a_new_one_wherever_it_is_cut(wire):
    """What is only compared with the head before it means what it would have meant on a connection of its own."""
    limits = ServerLimits(whole_body_bytes=50, body_bytes=1000)
    alone = parse(wire, limits=limits)
    for cut in range(len(wire)):
        parser = parse(KEPT, wire[:cut], wire[cut:], limits=limits)
        assert [facts(request) for request in parser.ready] == [
            facts(request) for request in (*parse(KEPT).ready, *alone.ready)
        ]
        assert (status(parser), parser.midway) == (status(alone), alone.midway)


def test_who_says_the_same_again_shares_the_head():
    """Else the story above would show nothing; one that says how its body is framed is always read."""
    first, second = parse(KEPT, KEPT).ready
    assert first.head is second.head
    hurried = head(H, b"X-Gateway-Timeout: 5", b"Content-Length: 4") + b"ping"
    for wire in (CHUNKED_HEAD + b"0\r\n\r\n", hurried):
        one, other = parse(wire, wire).ready
        assert one.head is not other.head
