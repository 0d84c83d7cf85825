"""The home's private certificate authority: one root, a certificate for each host asked for."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER = "localcloud (this machine only)"
"""Common name of the root. Who sees it in a certificate talks to a local cloud."""

ALPN = ["http/1.1", "h2"]
"""In this order: a client that offers both gets HTTP/1.1; gRPC, which offers h2 alone, gets h2."""

ROOT = re.compile(rb"-----BEGIN ([A-Z ]*CERTIFICATE)-----.*?-----END \1-----", re.DOTALL)
"""A certificate in a file of several, with its first and its last line."""

ROOT_DAYS = 3650
HOST_DAYS = 90


class Authority:
    """Makes certificates. Keys are 0600 and never leave the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.root_file = folder / "root.pem"
        key_file = folder / "root.key"
        if key_file.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            self._key = key
            self._root = x509.load_pem_x509_certificate(self.root_file.read_bytes())
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())
            self._root = self._sign_root()
            write_private(self.root_file, self._root.public_bytes(serialization.Encoding.PEM))
            write_private(key_file, _pem(self._key))
        # One key serves all hosts: they are one process, and making a key is the slow part.
        self._host_key = ec.generate_private_key(ec.SECP256R1())

    def roots(self) -> list[bytes]:
        """The reader's own roots followed by this root, each once, as PEM."""
        own = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
        files = [Path(certifi.where())]
        if own and Path(own).is_file():
            files.append(Path(own))
        files.append(self.root_file)
        found = (root[0] for file in files for root in ROOT.finditer(file.read_bytes()))
        return list(dict.fromkeys(found))

    def context(self, host: str) -> ssl.SSLContext:
        """A TLS server context with a certificate for the host."""
        context = self._contexts.get(host)
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(ALPN)
            self._load(context, host)
            self._contexts[host] = context
        return context

    def context_by_name(self, choose: Callable[[str | None], bool]) -> ssl.SSLContext:
        """A TLS server context for one connection to the host that the client names (SNI).

        ``choose`` is called with the name, None if there is none; False refuses the connection.
        """

        def named(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
            if not choose(name) or name is None:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = self.context(name.lower())
            return None

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(ALPN)
        context.sni_callback = named
        return context

    def certificate(self, host: str) -> bytes:
        """A new certificate for the host, after its private key, as PEM."""
        chain = self._sign_host(host).public_bytes(serialization.Encoding.PEM)
        return _pem(self._host_key) + chain

    def _load(self, context: ssl.SSLContext, host: str) -> None:
        # The ssl module reads certificates from files only.
        file = self._folder / f".host-{os.getpid()}.pem"
        write_private(file, self.certificate(host))
        try:
            context.load_cert_chain(file)
        finally:
            file.unlink()

    def _sign_root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
        public = self._key.public_key()
        return (
            _builder(ROOT_DAYS)
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _sign_host(self, host: str) -> x509.Certificate:
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        common = [x509.NameAttribute(NameOID.COMMON_NAME, host)] if len(host) <= 64 else []
        return (
            _builder(HOST_DAYS)
            .subject_name(x509.Name(common))
            .issuer_name(self._root.subject)
            .public_key(self._host_key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=not common)
            .add_extension(_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )


def write_private(path: Path, data: bytes) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    part.rename(path)


def _builder(days: int) -> x509.CertificateBuilder:
    # A day of grace: clocks of containers and hosts differ.
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
