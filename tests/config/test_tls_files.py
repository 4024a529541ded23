"""Files for TLS that cannot be used are mistakes like any other: told before anybody is served, or lost, by them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gateway.config.tls_files import CERTIFICATES, KEY
from tests.certificates import certify
from tests.config.writing import keys_of, loaded, refused


def server(certificate: Path | str, key: Path | str) -> str:
    return f"[server]\ntls_cert = '{certificate}'\ntls_key = '{key}'\n"


def test_files_that_hold_what_they_should_are_taken(tmp_path: Path) -> None:
    made = certify(tmp_path)
    text = server(made.file, made.key_file) + f"[upstream]\nca_file = '{made.file}'\n[store]\nca_file = '{made.file}'\n"
    assert loaded(text, tmp_path).upstream.ca_file == str(made.file)


def test_every_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = server("/nope.pem", "/nope.key") + "[upstream]\nca_file = '/ca.pem'\n[store]\nca_file = '/ca.pem'\n"
    mistakes = refused(text, tmp_path)
    assert keys_of(mistakes) == ["server.tls_cert", "server.tls_key", "upstream.ca_file", "store.ca_file"]
    assert [each.expected for each in mistakes] == [CERTIFICATES, KEY, CERTIFICATES, CERTIFICATES]
    assert mistakes[0].found == '"/nope.pem": No such file or directory'
    assert [each.line for each in mistakes] == [2, 3, 5, 7]


def test_a_file_without_its_other_half_is_looked_at_all_the_same(tmp_path: Path) -> None:
    made = certify(tmp_path)
    for setting, lacking, fine, wrong in (
        ("tls_cert", "server.tls_key", made.file, made.key_file),
        ("tls_key", "server.tls_cert", made.key_file, made.file),
    ):
        (mistake,) = refused(f"[server]\n{setting} = '{fine}'", tmp_path)
        assert (mistake.key, mistake.expected) == (lacking, f"a file, as {setting} is set")
        for file in (wrong, "/nope.pem"):
            assert keys_of(refused(f"[server]\n{setting} = '{file}'", tmp_path)) == [lacking, f"server.{setting}"]


@pytest.mark.parametrize("setting", ["upstream.ca_file", "store.ca_file"])
def test_authorities_are_certificates(setting: str, tmp_path: Path) -> None:
    made = certify(tmp_path)
    section = setting.partition(".")[0]
    for file in (made.key_file, tmp_path):
        (mistake,) = refused(f"[{section}]\nca_file = '{file}'", tmp_path)
        assert (mistake.key, mistake.expected) == (setting, CERTIFICATES)
        assert "_ssl.c" not in mistake.found


def test_a_certificate_and_a_key_belong_together(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = certify(tmp_path / "ours"), certify(tmp_path / "theirs")
    for key in (theirs.key_file, ours.file):
        (mistake,) = refused(server(ours.file, key), tmp_path)
        assert (mistake.key, mistake.expected) == ("server.tls_key", KEY)
    (mistake,) = refused(server(ours.key_file, ours.key_file), tmp_path)
    assert (mistake.key, mistake.expected) == ("server.tls_cert", CERTIFICATES)


def test_a_key_that_takes_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    """A worker that is restarted at night has nobody to ask."""
    made = certify(tmp_path)
    key = serialization.load_pem_private_key(made.key_file.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"open sesame")
    made.key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    assert keys_of(refused(server(made.file, made.key_file), tmp_path)) == ["server.tls_key"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (mistake,) = refused(f"[upstream]\nca_file = '{tmp_path / 'pipe'}'", tmp_path)
    assert mistake.found.endswith(": not a file")
