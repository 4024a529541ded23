"""Who may come in: client keys, tokens, and who counts as being at this machine."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from actors.policy.memory_budget import MemoryBudget
from gateway.config.client_keys import ClientKey, KeyTerms
from gateway.errors import Forbidden, Unauthorized
from gateway.face.admin_door import AdminDoor
from gateway.face.auth import PROXY_HEADERS, ClientKeys, TokenDoor, bearer_token
from gateway.face.ingress import Ingress
from gateway.face.intake import Intake
from gateway.face.record import RequestRecord
from gateway.keys.caller import Caller
from gateway.keys.registry import KeyRecord, Secret
from tests.face.asking import HandmadeRequest
from tests.face.house import client_keys

LOCAL = {"host": "localhost:8080"}


async def admit(keys: ClientKeys, **fields: str) -> Caller:
    return await keys.admit(HandmadeRequest(fields={name.replace("_", "-"): value for name, value in fields.items()}))


async def test_with_auth_off_everybody_comes_in_and_keeps_their_own_authorization() -> None:
    """A provider that takes the client's own key finds it there."""
    assert await admit(ClientKeys(None)) == Caller("", None)
    assert await admit(ClientKeys(None), authorization="Bearer sk-theirs") == Caller("", "sk-theirs")


async def test_with_auth_off_pages_come_in_where_they_are_listed() -> None:
    listed = ClientKeys(None, ["https://app.example"])
    assert await admit(listed, origin="https://app.example") == Caller("", None)
    assert await admit(ClientKeys(None, ["*"]), origin="null") == Caller("", None)
    for stranger in ("https://evil.example", "http://app.example", "null", "http://127.0.0.1:8080", "*", ""):
        with pytest.raises(Forbidden, match="cors_origins"):
            await admit(listed, origin=stranger)


async def test_with_a_key_nobody_asks_whose_page_it_is() -> None:
    """No page has the key but those that it was given to; whether they may read the answer their browser decides."""
    assert await admit(client_keys(alice="sk-alice"), origin="https://any.example", authorization="Bearer sk-alice")


async def test_a_key_of_ours_opens_under_its_label_and_goes_no_further() -> None:
    keys = client_keys(alice="sk-alice", bob="sk-bob")

    assert await admit(keys, authorization="Bearer sk-bob") == Caller("bob", None)
    assert await admit(keys, authorization="bearer  sk-bob ") == Caller("bob", None)
    assert await admit(keys, x_api_key="sk-alice") == Caller("alice", None)
    assert await admit(keys, api_key="sk-alice") == Caller("alice", None)


async def test_a_key_of_ours_beside_the_clients_own_leaves_that_for_the_provider() -> None:
    keys = client_keys(alice="sk-alice")

    assert await admit(keys, x_api_key="sk-alice", authorization="Bearer sk-theirs") == Caller("alice", "sk-theirs")


@pytest.mark.parametrize(
    ("keys", "fields"),
    [
        (client_keys(alice="sk-alice"), {"authorization": "Bearer sk-alice"}),
        (client_keys(alice="sk-alice"), {"x-api-key": "sk-alice", "authorization": "Bearer sk-theirs"}),
        (ClientKeys(None), {"authorization": "Bearer sk-theirs"}),
    ],
)
async def test_who_has_come_in_comes_in_at_once_with_the_same_fields(keys: ClientKeys, fields: dict[str, str]) -> None:
    """But where the body has a coding that is to be undone, and through another door."""
    record = RequestRecord("e", "i", "r", 0.0, lambda _: None)
    intake = Intake(keys, Ingress(MemoryBudget(1000), 1000))
    request = HandmadeRequest(fields=fields)
    request.whole_body = b"{}"

    assert intake.receive_nowait(request, record) is None
    received = await intake.receive(request, record)
    assert received == (keys.known(request), b"{}") == intake.receive_nowait(request, record)
    assert Intake(keys, intake.ingress).receive_nowait(request, record) is None

    coded = HandmadeRequest(fields={**fields, "content-encoding": "gzip"})
    coded.whole_body = gzip.compress(b"{}")
    assert await intake.receive(coded, record) == received
    assert intake.receive_nowait(coded, record) is None


async def test_a_key_that_expires_is_looked_at_each_time() -> None:
    expires = datetime(2026, 1, 1, tzinfo=UTC)
    key = ClientKey(label="alice", sha256=sha256(b"sk-alice").digest(), expires=expires)
    keys = ClientKeys([key], wall_clock=lambda: expires.timestamp() - 1)
    for fields in ({"authorization": "Bearer sk-alice"}, {"x-api-key": "sk-alice"}):
        request = HandmadeRequest(fields=fields)
        assert (await keys.admit(request)).label == "alice"
        assert keys.known(request) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer sk-alic"},
        {"authorization": "Bearer sk-alice2"},
        {"authorization": "Bearer SK-ALICE"},
        {"authorization": "sk-alice"},
        {"authorization": "Basic sk-alice"},
        {"x-api-key": ""},
        {"x-api-key": "Bearer sk-alice"},
        {"cookie": "api-key=sk-alice"},
    ],
)
async def test_whatever_is_not_a_known_key_stays_outside_and_is_not_repeated(fields: dict[str, str]) -> None:
    with pytest.raises(Unauthorized) as refusal:
        await client_keys(alice="sk-alice").admit(HandmadeRequest(fields=fields))
    assert "sk-" not in refusal.value.message


async def test_no_keys_at_all_let_nobody_in() -> None:
    with pytest.raises(Unauthorized):
        await admit(ClientKeys([]), authorization="Bearer x")


def test_a_token_door_asks_for_its_token_only() -> None:
    TokenDoor(None).check(HandmadeRequest())
    TokenDoor("t0ken").check(HandmadeRequest(fields={"authorization": "Bearer t0ken"}))
    for wrong in ({}, {"authorization": "Bearer t0ken2"}, {"authorization": "t0ken"}, {"x-api-key": "t0ken"}):
        with pytest.raises(Unauthorized):
            TokenDoor("t0ken").check(HandmadeRequest(fields=wrong))


def test_an_admin_token_is_asked_for_on_this_machine_too() -> None:
    with pytest.raises(Unauthorized):
        AdminDoor("t0ken").check(HandmadeRequest(fields=LOCAL))
    AdminDoor("t0ken").check(HandmadeRequest(fields={"authorization": "Bearer t0ken"}, peer="203.0.113.9"))


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "unix"])
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080"])
def test_without_a_token_those_at_this_machine_come_in(peer: str, host: str) -> None:
    AdminDoor(None).check(HandmadeRequest(fields={"host": host}, peer=peer, method="GET"))


@pytest.mark.parametrize(
    ("peer", "fields"),
    [
        ("203.0.113.9", LOCAL),
        ("10.0.0.1", LOCAL),
        ("::ffff:203.0.113.9", LOCAL),
        ("127.0.0.1.example.com", LOCAL),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"host": "evil.example"}),
        ("127.0.0.1", {"host": "localhost.evil.example"}),
        ("127.0.0.1", {"host": "127.0.0.1.evil.example"}),
        ("127.0.0.1", {"host": "[::1].evil.example"}),
        ("127.0.0.1", {"host": "localhost@evil.example"}),
        ("127.0.0.1", {"host": "0.0.0.0"}),
        ("127.0.0.1", {"host": ""}),
        ("127.0.0.1", {**LOCAL, "forwarded": "for=203.0.113.9"}),
        ("127.0.0.1", {**LOCAL, "x-forwarded-for": "127.0.0.1"}),
        ("127.0.0.1", {**LOCAL, "x-forwarded-proto": "https"}),
        *(("127.0.0.1", {**LOCAL, header.decode(): "127.0.0.1"}) for header in sorted(PROXY_HEADERS)),
    ],
)
def test_without_a_token_nobody_else_does(peer: str, fields: dict[str, str]) -> None:
    """A proxy on this machine makes everyone look local, and so does a web page that resolves its name to us."""
    with pytest.raises(Forbidden, match="this machine"):
        AdminDoor(None).check(HandmadeRequest(fields=fields, peer=peer, method="GET"))
    with pytest.raises(Forbidden, match="this machine"):
        AdminDoor(None).check_files(HandmadeRequest(fields=fields, peer=peer, method="GET"))
    AdminDoor("t0ken").check_files(HandmadeRequest(fields=fields, peer=peer, method="GET"))


def test_without_a_token_every_host_that_is_named_is_this_machine() -> None:
    """An engine may let two through: HTTP/2's :authority beside a Host."""
    request = HandmadeRequest(fields=LOCAL, peer="127.0.0.1", method="GET")
    request.headers = [*request.headers, (b"host", b"evil.example")]
    with pytest.raises(Forbidden, match="this machine"):
        AdminDoor(None).check(request)


def test_the_admin_token_is_compared_by_digests_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """In constant time, and how long a guess is tells nothing either."""
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("gateway.face.auth.hmac.compare_digest", compare)
    for guess in ("t", "t0ken", "t0ken" * 1000):
        with pytest.raises(Unauthorized):
            AdminDoor("t0ken!").check(HandmadeRequest(fields={"authorization": f"Bearer {guess}"}))
    assert compared == [(32, 32)] * 3


class Counted(bytes):
    """A digest that counts what it is compared with."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return bytes.__eq__(self, other)

    __hash__ = bytes.__hash__


async def test_a_guess_at_a_clients_key_is_compared_with_no_key_and_with_no_digest() -> None:
    """Not even one whose digest is right but for the last byte: only the whole digest leads to the caller."""
    digest = sha256(b"sk-alice").digest()
    near = digest[:-1] + bytes([digest[-1] ^ 1])
    keys = ClientKeys([ClientKey(label=label, sha256=Counted(it)) for label, it in (("alice", digest), ("near", near))])
    Counted.compared = 0

    for guess in ("sk-alicf", "sk-alice2", "s", "x" * 10_000):
        with pytest.raises(Unauthorized):
            await admit(keys, authorization=f"Bearer {guess}")
    assert Counted.compared == 0
    assert (await admit(keys, authorization="Bearer sk-alice")).label == "alice"
    assert Counted.compared == 1


def test_a_stored_key_compares_each_of_its_secrets_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of them it is that opens, and where none does."""
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("gateway.keys.registry.hmac.compare_digest", compare)
    secrets = tuple(Secret(sha256(text).hexdigest(), "") for text in (b"new", b"old", b"older"))
    record = KeyRecord("team", KeyTerms(), secrets, 0.0)
    revoked = KeyRecord("team", KeyTerms(), secrets, 0.0, revoked_at=1.0)
    for text, opened in ((b"new", secrets[0]), (b"older", secrets[2]), (b"guess", None)):
        assert record.opened_by(sha256(text).hexdigest()) == opened
        assert revoked.opened_by(sha256(text).hexdigest()) is None
    assert compared == [(64, 64)] * 18


OWN = {"x-gateway-admin": "1"}
BEARER = {"authorization": "Bearer t0ken"}


@pytest.mark.parametrize(
    "foreign",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8081"},
        {"origin": "http://localhost"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:8080", "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_pages_of_other_origins_reach_nothing_even_with_the_token(foreign: dict[str, str], method: str) -> None:
    for token, proof in ((None, OWN), ("t0ken", BEARER)):
        with pytest.raises(Forbidden, match="other origins"):
            AdminDoor(token).check(HandmadeRequest(fields={**LOCAL, **proof, **foreign}, method=method))


@pytest.mark.parametrize(
    "own",
    [{}, {"origin": "http://localhost:8080"}, {"origin": "https://LOCALHOST:8080", "sec-fetch-site": "same-origin"}],
)
def test_what_changes_anything_needs_a_header_that_no_foreign_page_can_send(own: dict[str, str]) -> None:
    AdminDoor(None).check(HandmadeRequest(fields={**LOCAL, **own}, method="GET"))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(Forbidden, match="X-Gateway-Admin"):
            AdminDoor(None).check(HandmadeRequest(fields={**LOCAL, **own}, method=method))
        AdminDoor(None).check(HandmadeRequest(fields={**LOCAL, **own, **OWN}, method=method))
        AdminDoor("t0ken").check(HandmadeRequest(fields={**LOCAL, **own, **BEARER}, method=method))


def test_a_bearer_token_is_what_follows_the_scheme() -> None:
    assert bearer_token(b"Bearer abc") == b"abc"
    assert bearer_token(b"BEARER   abc  ") == b"abc"
    assert bearer_token(b"Bearer") is None
    assert bearer_token(b"Token abc") is None
    assert bearer_token(None) is None
