"""Where the shared store is: every form of its URL, and mistakes that do not repeat the password."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.store_address import BadStoreAddress, StoreAddress, read_store_address
from tests.config.writing import loaded, refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("memory://", StoreAddress(kind="memory")),
        ("redis://localhost", StoreAddress(kind="server", hosts=(("localhost", 6379),))),
        ("redis://[::1]:7000/2", StoreAddress(kind="server", hosts=(("::1", 7000),), db=2)),
        ("redis://[::1]", StoreAddress(kind="server", hosts=(("::1", 6379),))),
        (
            "rediss://ann:p%40ss%3Aw%2Frd@r.test:7000/0",
            StoreAddress(kind="server", tls=True, hosts=(("r.test", 7000),), username="ann", password="p@ss:w/rd"),
        ),
        ("redis://:secret@r", StoreAddress(kind="server", hosts=(("r", 6379),), password="secret")),
        ("unix:///run/redis.sock?db=3", StoreAddress(kind="unix", path="/run/redis.sock", db=3)),
        (
            "redis+sentinel://a,b:7001,c/mymaster/1",
            StoreAddress(kind="sentinel", hosts=(("a", 26379), ("b", 7001), ("c", 26379)), service="mymaster", db=1),
        ),
        (
            "rediss+cluster://a:1,b:2?ssl_cert_reqs=none",
            StoreAddress(kind="cluster", tls=True, hosts=(("a", 1), ("b", 2)), options={"ssl_cert_reqs": "none"}),
        ),
    ],
)
def test_every_form_of_an_address(text: str, expected: StoreAddress) -> None:
    assert read_store_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://host:0",
        "redis://host:port",
        "redis://host:70000",
        "redis://host/one",
        "redis://host/1/2",
        "redis://host?retry=5",
        "redis://host#1",
        "redis://[::1",
        "unix://relative",
        "redis+sentinel://a,b",
        "redis+cluster://a,,b",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadStoreAddress):
        read_store_address(text)


def test_nothing_shows_a_password() -> None:
    address = read_store_address("rediss+sentinel://ann:secret@a:1,b:2/gateway?sentinel_password=hidden")
    assert str(address) == "sentinel a:1,b:2 (gateway)"
    assert not [word for word in ("ann", "secret", "hidden") if word in repr(address)]


def test_the_variable_says_where_it_is_and_which_variable_the_file_says(tmp_path: Path) -> None:
    assert loaded("", tmp_path).store_address is None
    assert str(loaded("", tmp_path, {"REDIS_URL": "redis://a"}).store_address) == "server a:6379"
    other = loaded('[store]\nurl_env = "MY_STORE"', tmp_path, {"REDIS_URL": "redis://a", "MY_STORE": "redis://b"})
    assert str(other.store_address) == "server b:6379"


def test_a_bad_address_is_told_without_what_stood_there(tmp_path: Path) -> None:
    (mistake,) = refused("", tmp_path, {"REDIS_URL": "redis://:secret@host/one"})
    assert mistake.key == "REDIS_URL"
    assert "secret" not in str(mistake)


def test_a_variable_that_the_file_names_has_to_be_set(tmp_path: Path) -> None:
    (mistake,) = refused('[store]\nurl_env = "MY_STORE"', tmp_path)
    assert mistake.key == "MY_STORE"
