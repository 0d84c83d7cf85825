"""Keys are private, lasting, and shown to the world as certificates only."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import jwt
from google.auth import crypt

from helpers.localcloud.identity.keys import Keys, jwk, new_key_pair, public_key


def test_the_signing_key_outlives_the_process(key_folder: Path) -> None:
    """A token issued before a restart must still verify after it."""
    assert Keys(key_folder).signing.id == Keys(key_folder).signing.id


def test_private_keys_are_the_owners_only(key_folder: Path) -> None:
    files = list(key_folder.iterdir())
    assert files
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_starting_does_not_wait_for_a_new_key(tmp_path: Path) -> None:
    started = time.perf_counter()
    keys = Keys(tmp_path)
    assert time.perf_counter() - started < 0.1
    assert keys.signing


def test_clients_can_check_a_signature_with_what_is_published(key_folder: Path) -> None:
    pair = Keys(key_folder).signing
    signature = pair.sign(b"data")
    assert crypt.verify_signature(b"data", signature, pair.certificate_pem)
    published = jwk(pair.id, pair.certificate_pem)
    assert published["kid"] == pair.id
    assert (
        jwt.PyJWK(published).key.public_numbers()
        == public_key(pair.certificate_pem).public_numbers()
    )


def test_every_key_is_another() -> None:
    assert new_key_pair("a").id != new_key_pair("a").id
