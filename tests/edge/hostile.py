"""Requests that no server should accept, by name: what is sent and the status that comes back."""

from __future__ import annotations


def head(*fields: bytes, method: bytes = b"POST", target: bytes = b"/", version: bytes = b"1.1") -> bytes:
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version, b"".join(field + b"\r\n" for field in fields))


H = b"Host: a"
TE = b"Transfer-Encoding: chunked"
CHUNKED = head(H, TE)

BROKEN: dict[str, tuple[bytes, int]] = {
    "bare LF everywhere": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare LF after a field": (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    "bare CR in a value": (head(H, b"X: a\rb"), 400),
    "obs-fold": (head(H, b"X: a", b" b"), 400),
    "white space before the colon": (head(H, b"X : a"), 400),
    "white space before the first field": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "no colon": (head(H, b"nonsense"), 400),
    "empty field name": (head(H, b": a"), 400),
    "NUL in a value": (head(H, b"X: a\0b"), 400),
    "NUL in the target": (head(H, target=b"/a\0b"), 400),
    "non-ASCII in a name": (head(H, b"X\xff: a"), 400),
    "non-ASCII in the target": (head(H, target="/é".encode()), 400),
    "non-ASCII in the method": (head(H, method=b"G\xcbT"), 400),
    "non-ASCII in the host": (head(b"Host: \xff"), 400),
    "unknown method": (head(H, method=b"FROB"), 400),
    "no host": (head(b"X: a"), 400),
    "two hosts": (head(H, H), 400),
    "a host that is none": (head(b"Host: a/b"), 400),
    "user in the host": (head(b"Host: u@a"), 400),
    "two hosts in HTTP/1.0": (head(H, H, version=b"1.0"), 400),
    "HTTP/0.9": (head(H, version=b"0.9"), 505),
    "HTTP/2.0": (head(H, version=b"2.0"), 505),
    "HTTP/1.2": (head(H, version=b"1.2"), 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "bad percent-encoding": (head(H, target=b"/a%zz"), 400),
    "percent-encoding cut short": (head(H, target=b"/a%2"), 400),
    "percent-encoded non-UTF-8": (head(H, target=b"/%ff"), 400),
    "percent-encoded NUL": (head(H, target=b"/%00"), 400),
    "fragment": (head(H, target=b"/a#b"), 400),
    "a target without a slash": (head(H, target=b"*"), 400),
    "an ftp target": (head(H, target=b"ftp://a/b"), 400),
    "user in an absolute target": (head(H, target=b"http://u@a/b"), 400),
    "CONNECT": (head(H, method=b"CONNECT", target=b"a:443"), 405),
    "both framings": (head(H, b"Content-Length: 5", TE) + b"0\r\n\r\n", 400),
    "both framings, the other way round": (head(H, TE, b"Content-Length: 5") + b"0\r\n\r\n", 400),
    "two equal lengths": (head(H, b"Content-Length: 1", b"Content-Length: 1") + b"a", 400),
    "two lengths": (head(H, b"Content-Length: 1", b"Content-Length: 2") + b"ab", 400),
    "a list of lengths": (head(H, b"Content-Length: 1, 1") + b"a", 400),
    "a signed length": (head(H, b"Content-Length: +1") + b"a", 400),
    "a negative length": (head(H, b"Content-Length: -1"), 400),
    "a hexadecimal length": (head(H, b"Content-Length: 0x1") + b"a", 400),
    "an empty length": (head(H, b"Content-Length: "), 400),
    "a length beyond 64 bits": (head(H, b"Content-Length: 99999999999999999999"), 400),
    "gzip and chunked": (head(H, b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", 501),
    "chunked not last": (head(H, b"Transfer-Encoding: chunked, gzip"), 400),
    "chunked twice": (head(H, TE, TE) + b"0\r\n\r\n", 400),
    "identity": (head(H, b"Transfer-Encoding: identity"), 501),
    "almost chunked": (head(H, b"Transfer-Encoding: xchunked"), 501),
    "chunked in HTTP/1.0": (head(H, TE, version=b"1.0") + b"0\r\n\r\n", 400),
    "chunk size that is no number": (CHUNKED + b"zz\r\n", 400),
    "negative chunk size": (CHUNKED + b"-1\r\n", 400),
    "chunk size with a prefix": (CHUNKED + b"0x1\r\na\r\n", 400),
    "chunk size beyond 64 bits": (CHUNKED + b"fffffffffffffffff\r\n", 400),
    "chunk longer than its size": (CHUNKED + b"1\r\nab\r\n", 400),
    "chunk ended by bare LF": (CHUNKED + b"1\na\n0\n\n", 400),
    "bare LF in a chunk extension": (CHUNKED + b"1;a\nb\r\na\r\n", 400),
    "a length among the trailers": (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", 400),
    "another expectation": (head(H, b"Expect: a-miracle"), 417),
    "a body announced too large": (head(H, b"Content-Length: 33554433"), 413),
}
