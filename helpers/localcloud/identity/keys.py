"""Key pairs that sign tokens, with the certificates that the public endpoints show.

Private keys live in one folder of the home, readable by its owner only, and nowhere else.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

SIGNER = "federated-signon.system.gserviceaccount.com"
"""The subject of the certificates at https://www.googleapis.com/oauth2/v1/certs."""

_LIFE = timedelta(days=3650)


@dataclass(frozen=True)
class KeyPair:
    """An RSA key and its self-signed certificate."""

    private: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @cached_property
    def id(self) -> str:
        """The key's id (``kid``), 40 hexadecimal digits."""
        public = self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha1(public, usedforsecurity=False).hexdigest()

    @property
    def certificate_pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def private_pem(self) -> str:
        """The private key in PKCS #8 PEM, as a key file has it."""
        return self.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()

    def sign(self, data: bytes) -> bytes:
        """A SHA256withRSA signature."""
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


def new_key_pair(subject: str) -> KeyPair:
    """Makes a 2048-bit key. Takes some tenths of a second of one core."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .sign(private, hashes.SHA256())
    )
    return KeyPair(private, certificate)


def public_key(certificate_pem: str) -> rsa.RSAPublicKey:
    """The public key of a certificate that this module made."""
    key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def public_pem(certificate_pem: str) -> str:
    """The public key of a certificate in PEM."""
    key = public_key(certificate_pem)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key_id: str, certificate_pem: str) -> dict[str, Any]:
    """A certificate's key as a JSON Web Key."""
    key: dict[str, Any] = RSAAlgorithm.to_jwk(public_key(certificate_pem), as_dict=True)
    parts = {"kty": key["kty"], "alg": "RS256", "use": "sig", "kid": key_id}
    return parts | {"n": key["n"], "e": key["e"]}


class Keys:
    """The private keys of one home.

    The key that signs ID tokens is made in the background when the object is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._pairs: dict[str, KeyPair] = {}
        threading.Thread(target=self._pair, args=("signing", SIGNER), daemon=True).start()

    @property
    def signing(self) -> KeyPair:
        """The key that signs ID tokens. Waits while it is being made."""
        return self._pair("signing", SIGNER)

    def system_managed(self, unique_id: str) -> KeyPair:
        """The key with which Google signs for a service account, made at the first call."""
        return self._pair(f"account-{unique_id}", unique_id)

    def forget(self, unique_id: str) -> None:
        """Deletes a service account's system-managed key, if it has one."""
        with self._lock:
            self._pairs.pop(f"account-{unique_id}", None)
            (self._folder / f"account-{unique_id}.pem").unlink(missing_ok=True)

    def _pair(self, name: str, subject: str) -> KeyPair:
        with self._lock:
            if name not in self._pairs:
                self._pairs[name] = _load_or_make(self._folder / f"{name}.pem", subject)
            return self._pairs[name]


def _load_or_make(path: Path, subject: str) -> KeyPair:
    if path.exists():
        data = path.read_bytes()
        private = load_pem_private_key(data, None)
        assert isinstance(private, rsa.RSAPrivateKey)
        return KeyPair(private, x509.load_pem_x509_certificate(data))
    pair = new_key_pair(subject)
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(pair.private_pem + pair.certificate_pem)
    part.rename(path)
    return pair
