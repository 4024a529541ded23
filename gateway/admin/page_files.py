"""The live page at /admin/: a few files of this package, each at an address of its own: no path leads anywhere else.

They are read once. The policy below has the browser keep to them: scripts and styles of ours alone, no inline ones, and
no connection but to this gateway (https://www.w3.org/TR/CSP3/).
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from typing import Final

from gateway.exchange import AdminEndpoint, Answer, Headers, Request

PAGE: Final = "/admin/"
FOLDER: Final = "/admin/page/"
INDEX: Final = "index.html"
POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KINDS: Final = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}


def page_endpoints() -> list[AdminEndpoint]:
    """One for each file, and the way to the page for who leaves out its last slash."""
    served = {
        entry.name: PageFile(entry.name, entry.read_bytes())
        for entry in files("gateway.admin").joinpath("page").iterdir()
    }
    index = served.pop(INDEX)
    return [
        AdminEndpoint("GET", PAGE.rstrip("/"), _lead_to_page, is_file=True),
        AdminEndpoint("GET", PAGE, index, is_file=True),
        *(AdminEndpoint("GET", FOLDER + name, file, is_file=True) for name, file in sorted(served.items())),
    ]


class PageFile:
    """The handler of one file."""

    def __init__(self, name: str, content: bytes) -> None:
        self._content = content
        self._tag = b'"' + sha256(content).hexdigest()[:32].encode() + b'"'
        self._headers: Headers = [
            (b"content-type", _KINDS[name.rpartition(".")[2]]),
            (b"cache-control", b"no-cache"),
            (b"etag", self._tag),
            (b"content-security-policy", POLICY),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    async def __call__(self, request: Request) -> Answer:
        if request.fields.get(b"if-none-match") == self._tag:
            return Answer(304, [*self._headers])
        return Answer(200, [*self._headers], self._content)


async def _lead_to_page(_request: Request) -> Answer:
    return Answer(308, [(b"location", PAGE.encode()), (b"cache-control", b"no-store")])
